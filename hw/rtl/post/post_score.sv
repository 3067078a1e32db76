// The score, Q16: S(objectness) * S(class), or of the rules without objectness S(class) or the
// class's number held to 0..1. Rounded once, at most 65535. A number a clock, 11 clocks later;
// `kind` is stable while numbers are inside.
module post_score
  import post_pkg::*;
(
    input  logic         aclk,
    input  kind_t        kind,
    input  logic  [31:0] objectness_bits,
    input  logic  [31:0] class_bits,
    output logic  [15:0] score
);
  localparam logic [24:0] ONE = 25'h100_0000;

  // Held to 16, so the upper bits are 0.
  // verilator lint_off UNUSEDSIGNAL
  logic [32:0] objectness_3;
  // verilator lint_on UNUSEDSIGNAL
  logic [32:0] class_3;
  logic objectness_negative_3, class_negative_3;
  post_to_fixed objectness_fixed (
      .aclk,
      .bits(objectness_bits),
      .form(FIXED_Q24),
      .magnitude(objectness_3),
      .negative(objectness_negative_3)
  );
  post_to_fixed class_fixed (
      .aclk,
      .bits(class_bits),
      .form(FIXED_Q24),
      .magnitude(class_3),
      .negative(class_negative_3)
  );
  logic [24:0] objectness_sigmoid_8, class_sigmoid_8;
  post_sigmoid objectness_sigmoid (
      .aclk,
      .magnitude(objectness_3[28:0]),
      .negative(objectness_negative_3),
      .value(objectness_sigmoid_8)
  );
  post_sigmoid class_sigmoid (
      .aclk,
      .magnitude(class_3[28:0]),
      .negative(class_negative_3),
      .value(class_sigmoid_8)
  );
  logic [24:0] held[4:8];
  logic [24:0] factor_8, other_8;
  logic [49:0] product_9, product_10;
  logic [17:0] rounded_10;
  assign factor_8 = has_objectness(kind) ? objectness_sigmoid_8 : ONE;
  assign other_8 = (kind == BOXES) ? held[8] : class_sigmoid_8;
  assign rounded_10 = 18'((product_10 + (50'd1 << 31)) >> 32);
  always_ff @(posedge aclk) begin
    held[4] <= class_negative_3 ? '0 : (class_3 > 33'(ONE)) ? ONE : 25'(class_3);
    for (int unsigned i = 5; i <= 8; i++) held[i] <= held[i-1];
    product_9 <= 50'(factor_8) * 50'(other_8);
    product_10 <= product_9;
    score <= (rounded_10[17:16] != '0) ? 16'hffff : rounded_10[15:0];
  end
endmodule : post_score
