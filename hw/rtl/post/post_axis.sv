// The two edges of a box along one axis from its numbers, for all rules but `yolov8`.
//
//   centre  S(t) + cell, 2 S(t) - 1/2 + cell or t + cell, times stride; or t itself (`boxes`)
//   side    E(t) * anchor, (2 S(t))^2 * anchor, E(t) * stride; or t itself, at least 0
//   edges   half a side around the centre, rounded to Q8, held to 0 .. limit
//
// A box a clock, 16 clocks later; no handshake. `rule` and `limit` are stable while a box is inside.
module post_axis
  import post_pkg::*;
(
    input  logic          aclk,
    input  kind_t         kind,
    input  logic   [10:0] stride,
    input  logic   [13:0] anchor,
    input  logic   [13:0] limit,
    input  logic   [31:0] centre_bits,
    input  logic   [31:0] side_bits,
    input  logic   [12:0] cell_place,
    output coord_t        low_edge,
    output coord_t        high_edge
);
  fixed_form_t centre_form, side_form;
  assign centre_form = (kind == BOXES) ? FIXED_Q16 : (kind == YOLOX) ? FIXED_Q24_WIDE : FIXED_Q24;
  assign side_form = (kind == BOXES) ? FIXED_Q16 : FIXED_Q24;

  // 3: numbers in fixed point. A suffix is the clock after `bits` in which the value is there.
  logic [32:0] centre_3, side_3;
  logic centre_negative_3, side_negative_3;
  post_to_fixed centre_fixed (
      .aclk,
      .bits(centre_bits),
      .form(centre_form),
      .magnitude(centre_3),
      .negative(centre_negative_3)
  );
  post_to_fixed side_fixed (
      .aclk,
      .bits(side_bits),
      .form(side_form),
      .magnitude(side_3),
      .negative(side_negative_3)
  );

  // 8: sigmoids, and the number itself for the rules that take it as it is.
  logic [24:0] centre_sigmoid_8, side_sigmoid_8;
  post_sigmoid centre_sigmoid (
      .aclk,
      .magnitude(centre_3[28:0]),
      .negative(centre_negative_3),
      .value(centre_sigmoid_8)
  );
  post_sigmoid side_sigmoid (
      .aclk,
      .magnitude(side_3[28:0]),
      .negative(side_negative_3),
      .value(side_sigmoid_8)
  );
  logic signed [33:0] centre_raw[4:14];
  logic [32:0] side_raw[4:14];
  logic [12:0] place[1:8];
  always_ff @(posedge aclk) begin
    centre_raw[4] <= centre_negative_3 ? -34'(centre_3) : 34'(centre_3);
    side_raw[4] <= side_negative_3 ? '0 : side_3;
    for (int unsigned i = 5; i <= 14; i++) begin
      centre_raw[i] <= centre_raw[i-1];
      side_raw[i] <= side_raw[i-1];
    end
    place[1] <= cell_place;
    for (int unsigned i = 2; i <= 8; i++) place[i] <= place[i-1];
  end

  // Twice the centre, Q16 pixels: 14 bits of pixels before a centre at most 64 cells off its cell.
  logic signed [38:0] in_cell_8, in_cells_9;
  logic signed [50:0] pixels_10, pixels_11;
  logic signed [43:0] twice_12, twice_13, twice_14;
  always_comb begin
    case (kind)
      YOLOV3:  in_cell_8 = 39'(centre_sigmoid_8);
      YOLOV5:  in_cell_8 = signed'({13'b0, centre_sigmoid_8, 1'b0}) - 39'sh80_0000;
      default: in_cell_8 = 39'(centre_raw[8]);
    endcase
  end
  always_ff @(posedge aclk) begin
    in_cells_9 <= in_cell_8 + signed'({2'b0, place[8], 24'b0});
    pixels_10 <= in_cells_9 * signed'({1'b0, stride});
    pixels_11 <= pixels_10;
    twice_12 <= 44'((pixels_11 + 51'sd64) >>> 7);
    twice_13 <= twice_12;
    twice_14 <= (kind == BOXES) ? 44'(centre_raw[13]) <<< 1 : twice_13;
  end

  // E: exp(t) = 2^(t log2 e) as mantissa (Q30) times 2^whole, times pixels.
  localparam logic [30:0] LOG2E_Q30 = 31'd1549082005;
  logic signed [29:0] side_signed_4;
  logic signed [61:0] power_5, power_6;
  logic signed [29:0] power_7;
  logic signed [5:0] whole[8:13];
  logic [13:0] pixels;
  logic [30:0] mantissa_11;
  logic [44:0] side_12, side_13;
  logic [55:0] moved_14;
  logic [5:0] down_13;
  logic [32:0] side_e_14;
  assign pixels = (kind == YOLOX) ? 14'(stride) : anchor;
  post_power power (
      .aclk,
      .fraction(power_7[23:0]),
      .mantissa(mantissa_11)
  );
  always_ff @(posedge aclk) begin
    side_signed_4 <= side_negative_3 ? -30'(side_3[28:0]) : 30'(side_3[28:0]);
    power_5 <= 62'(side_signed_4) * signed'({1'b0, LOG2E_Q30});
    power_6 <= power_5;
    power_7 <= 30'((power_6 + (62'sd1 <<< 29)) >>> 30);
    whole[8] <= power_7[29:24];
    for (int unsigned i = 9; i <= 13; i++) whole[i] <= whole[i-1];
    side_12 <= 45'(mantissa_11) * 45'(pixels);
    side_13 <= side_12;
    moved_14 <= {side_13, 11'b0} >> down_13;
  end
  // Q30 to Q16 is 14 - whole down, -9 to 38; with 10 bits moved up before it is never up.
  assign down_13 = 6'(6'sd24 - whole[13]);
  always_comb begin
    logic [55:0] rounded;
    rounded = 56'(moved_14[55:1]) + 56'(moved_14[0]);
    side_e_14 = (rounded > 56'h1_0000_0000) ? 33'h1_0000_0000 : 33'(rounded);
  end

  // (2 S)^2 * anchor: at most 2^31, the limit of a side is beyond it.
  logic [48:0] square_9, square_10;
  logic [62:0] scaled_11, scaled_12;
  logic [32:0] side_square_13, side_square_14;
  always_ff @(posedge aclk) begin
    square_9 <= 49'(side_sigmoid_8) * 49'(side_sigmoid_8);
    square_10 <= square_9;
    scaled_11 <= 63'(square_10) * 63'(anchor);
    scaled_12 <= scaled_11;
    side_square_13 <= 33'((scaled_12 + (63'd1 << 29)) >> 30);
    side_square_14 <= side_square_13;
  end

  // 16: both edges.
  logic [32:0] side_14;
  logic signed [43:0] low_15, high_15;
  always_comb begin
    case (kind)
      YOLOV5:  side_14 = side_square_14;
      BOXES:   side_14 = side_raw[14];
      default: side_14 = side_e_14;
    endcase
  end
  function automatic coord_t held(input logic signed [43:0] edge_at, input logic [13:0] most);
    logic signed [43:0] limit_q8;
    limit_q8 = 44'({most, 8'b0});
    return (edge_at < 0) ? '0 : (edge_at > limit_q8) ? {most, 8'b0} : coord_t'(edge_at);
  endfunction
  always_ff @(posedge aclk) begin
    low_15 <= (twice_14 - signed'({11'b0, side_14}) + 44'sd256) >>> 9;
    high_15 <= (twice_14 + signed'({11'b0, side_14}) + 44'sd256) >>> 9;
    low_edge <= held(low_15, limit);
    high_edge <= held(high_15, limit);
  end
endmodule : post_axis
