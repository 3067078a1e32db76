// The box of a `yolov8` candidate from the sums of its distributions: four distances, which are
// moment / sum in Q24 cells, rounded, and the edges that far from the middle of the cell.
//
// One candidate at a time, 42 clocks each: `in_valid` with `in_ready` takes it, `out_valid` holds
// its box until `out_ready`. The four divisions run side by side, a bit of the quotient a clock.
module post_reach
  import post_pkg::*;
(
    input  logic                  aclk,
    input  logic                  clear,
    input  logic [10:0]           stride,
    input  logic [13:0]           width,
    input  logic [13:0]           height,
    input  logic                  in_valid,
    output logic                  in_ready,
    input  logic [12:0]           in_x,
    input  logic [12:0]           in_y,
    // Sums of the candidate's cell, 2 clocks after it was taken.
    input  logic [ 3:0][34:0]     sum,
    input  logic [ 3:0][37:0]     moment,
    output logic                  out_valid,
    input  logic                  out_ready,
    output box_t                  out_box
);
  // The quotient is at most 15 cells, Q24.
  localparam int unsigned QUOTIENT_BITS = 28;

  // Clocks since a candidate was taken: 2 to read, 1 to load, the quotient's bits, then the four
  // sides through one multiplier.
  localparam logic [5:0] LOAD = 6'd2;
  localparam logic [5:0] EDGES = LOAD + 6'(QUOTIENT_BITS) + 6'd1;
  localparam logic [5:0] LAST = EDGES + 6'd7;
  logic busy;
  logic [5:0] clocks;
  logic [12:0] x, y;
  assign in_ready = !busy;

  // A long division: the remainder is below the divisor before each bit.
  logic [3:0][QUOTIENT_BITS-1:0] quotient, rest;
  for (genvar side = 0; side < 4; side++) begin : gen_side
    logic [34:0] divisor, remainder;
    logic [61:0] dividend;
    logic [35:0] trial;
    logic fits;
    assign dividend = {moment[side], 24'b0} + 62'(sum[side][34:1]);
    assign trial = {remainder, rest[side][QUOTIENT_BITS-1]};
    assign fits = trial >= 36'(divisor);
    always_ff @(posedge aclk) begin
      if (clocks == LOAD) begin
        divisor <= sum[side];
        remainder <= 35'(dividend[61:QUOTIENT_BITS]);
        rest[side] <= dividend[QUOTIENT_BITS-1:0];
      end else if (clocks < EDGES) begin
        remainder <= fits ? 35'(trial - 36'(divisor)) : 35'(trial);
        rest[side] <= rest[side] << 1;
        quotient[side] <= {quotient[side][QUOTIENT_BITS-2:0], fits};
      end
    end
  end

  // Side n of left, top, right, bottom enters the multiplier at EDGES + n.
  logic [1:0] side_0, side_4;
  logic [12:0] place_0;
  logic signed [38:0] middle_0, reach_0, cells_1;
  logic signed [50:0] pixels_2, pixels_3;
  logic signed [35:0] edge_4;
  logic [21:0] limit_4;
  coord_t held_4;
  assign side_0 = 2'(clocks - EDGES);
  assign side_4 = 2'(clocks - EDGES - 6'd4);
  assign place_0 = side_0[0] ? y : x;
  assign middle_0 = signed'({2'b0, place_0, 1'b1, 23'b0});
  assign reach_0 = signed'({11'b0, quotient[side_0]});
  assign limit_4 = {side_4[0] ? height : width, 8'b0};
  always_comb begin
    if (edge_4 < 0) held_4 = '0;
    else if (edge_4 > signed'({14'b0, limit_4})) held_4 = limit_4;
    else held_4 = coord_t'(edge_4);
  end
  always_ff @(posedge aclk) begin
    cells_1 <= side_0[1] ? middle_0 + reach_0 : middle_0 - reach_0;
    pixels_2 <= cells_1 * signed'({1'b0, stride});
    pixels_3 <= pixels_2;
    edge_4 <= 36'((pixels_3 + 51'sd32768) >>> 16);
    if (clocks >= EDGES + 6'd4 && !out_valid) begin
      case (side_4)
        2'd0: out_box.x1 <= held_4;
        2'd1: out_box.y1 <= held_4;
        2'd2: out_box.x2 <= held_4;
        default: out_box.y2 <= held_4;
      endcase
    end
    if (in_valid && in_ready) begin
      busy <= 1'b1;
      clocks <= 6'd1;
      {x, y} <= {in_x, in_y};
    end else if (busy && !out_valid) clocks <= clocks + 1'b1;
    if (busy && clocks == LAST) out_valid <= 1'b1;
    if (out_valid && out_ready) {busy, out_valid} <= '0;
    if (clear) {busy, out_valid} <= '0;
  end
endmodule : post_reach
