// Bilinear, across: from groups of source pixels to one interpolated pixel of a row a clock, Q11.
//
// Outputs come in order, and their taps never fall, so the last pixel of the group before and those
// of this group are all that is looked at. A group stays until no output that is left ends in it: a
// clock for each output, and one for a group without any. Latency three clocks.
// Handshake: valid/ready, all stages move together; `place_*` are the positions of `pre_steps`.
module pre_across #(
    parameter int unsigned PPC = 4,
    parameter bit SPLIT = 1'b0  // groups may have fewer pixels anywhere
) (
    input logic clk,
    input logic rst,

    input logic [1:0] place_valid,
    input logic [1:0][24:0] place,
    input logic place_last,
    output logic place_take,

    input logic i_valid,
    output logic i_ready,
    input logic [PPC-1:0][2:0][7:0] i_pixels,
    input logic [$clog2(PPC+1)-1:0] i_count,
    input logic i_eol,

    output logic o_valid,
    input logic o_ready,
    output logic [2:0][18:0] o_sums
);
  localparam int unsigned IW = $clog2(PPC + 2);
  localparam int unsigned LW = PPC > 1 ? $clog2(PPC) : 1;

  logic enable;
  assign enable = !o_valid || o_ready;

  logic [13:0] base;  // column of lane 0
  logic [2:0][7:0] prior;  // the pixel left of it
  logic row_done;  // no output of this row is left

  logic [LW-1:0] last_lane;
  logic [13:0] past;  // first column behind the group
  logic [24:0] end_at;
  logic inside0, inside1, emit, release_group;

  assign last_lane = LW'(i_count - 1'b1);
  assign past = base + 14'(i_count);
  // The second tap is within the group, or has no weight.
  assign end_at = {base + 14'(last_lane), 11'd0};
  assign inside0 = place_valid[0] && place[0] <= end_at && !row_done;
  assign inside1 = !place_valid[1] || place[1] <= end_at;
  assign emit = enable && i_valid && inside0;
  assign release_group = enable && i_valid &&
      (row_done || (place_valid[0] && (!inside0 || place_last || !inside1)));
  assign i_ready = release_group;
  assign place_take = emit;

  always_ff @(posedge clk) begin
    if (release_group) begin
      base <= i_eol ? '0 : past;
      // Else only the last group of a row is not full, and nothing looks back over a row's end.
      prior <= SPLIT ? i_pixels[last_lane] : i_pixels[PPC-1];
      row_done <= !i_eol && (row_done || (inside0 && place_last));
    end else if (emit && place_last) begin
      row_done <= 1'b1;
    end
    if (rst) begin
      base <= '0;
      row_done <= 1'b0;
    end
  end

  // The two taps; index 0 is the pixel before the group. Behind the last lane nothing is asked for.
  logic [PPC+1:0][2:0][7:0] around;
  logic [IW-1:0] index, index_next;
  assign around = {i_pixels[PPC-1], i_pixels, prior};
  assign index = IW'(place[0][24:11] - base + 14'd1);
  assign index_next = index + 1'b1;

  logic [2:0] valid;
  logic [2:0][7:0] left, right, left1;
  logic [10:0] weight;
  // Modulo 2^19: the sum is 0 to 255 * 2048.
  logic [2:0][20:0] product;
  always_ff @(posedge clk) begin
    if (enable) begin
      valid <= {valid[1:0], emit};
      left <= around[index];
      right <= around[index_next];
      weight <= place[0][10:0];
      left1 <= left;
      for (int c = 0; c < 3; c++) begin
        product[c] <= (21'($signed({1'b0, right[c]})) - 21'($signed({1'b0, left[c]}))) *
            21'($signed({1'b0, weight}));
        o_sums[c] <= {left1[c], 11'd0} + product[c][18:0];
      end
    end
    if (rst) valid <= '0;
  end
  assign o_valid = valid[2];
endmodule
