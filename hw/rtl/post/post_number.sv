// A number of a head as the bits of an f32 with exactly its value: f32_of_f16 and Scale::times of
// hw/model; an f32 as it is. A number a clock, 5 clocks later; `element` and `quant` come with it.
//
// f16 and i8 share what makes them an f32: a product of 16 by 8 bits, whose leading one is moved
// to bit 23. An i8 is scale by steps. An f16 is its mantissa by 128, and its leading one lies at
// bit 22, or lower if it is subnormal.
module post_number
  import post_pkg::*;
#(
    // Elements beside f32 that are built in.
    parameter bit HALF = 1'b1,
    parameter bit BYTE = 1'b1
) (
    input  logic            aclk,
    input  logic     [31:0] bits,
    input  element_t        element,
    // Nobody wants it in a build without i8.
    // verilator lint_off UNUSEDSIGNAL
    input  quant_t          quant,
    // verilator lint_on UNUSEDSIGNAL
    output logic     [31:0] value
);
  // What goes beside: the f32 itself, or the other elements' sign.
  logic [31:0] raw[1:4];
  logic is_f32[1:4];
  always_ff @(posedge aclk) begin
    raw[1] <= bits;
    is_f32[1] <= element == F32;
    for (int unsigned i = 2; i <= 4; i++) begin
      raw[i] <= raw[i-1];
      is_f32[i] <= is_f32[i-1];
    end
  end

  if (HALF || BYTE) begin : gen_narrow
    // 1: steps from zero; 2: both factors, and the exponent of a leading one at bit 23.
    logic half_1;
    logic signed [8:0] steps_1;
    scale_t scale_1;
    logic negative_2;
    logic [7:0] size_2;
    logic [15:0] mantissa_2;
    logic [8:0] top_2;
    always_ff @(posedge aclk) begin
      half_1  <= HALF && (!BYTE || element == F16);
      steps_1 <= 9'(signed'(bits[7:0])) - 9'(signed'(quant.zero));
      scale_1 <= quant.scale;
      if (half_1) begin
        negative_2 <= raw[1][15];
        size_2 <= 8'd128;
        mantissa_2 <= {raw[1][14:10] != '0, raw[1][9:0], 5'b0};
        case (raw[1][14:10])
          5'd0: top_2 <= 9'd114;
          5'd31: top_2 <= 9'd256;
          default: top_2 <= 9'd113 + 9'(raw[1][14:10]);
        endcase
      end else begin
        negative_2 <= steps_1[8];
        size_2 <= steps_1[8] ? 8'(-steps_1) : 8'(steps_1);
        mantissa_2 <= {1'b1, scale_1.fraction};
        top_2 <= 9'(scale_1.exponent) + 9'd8;
      end
    end

    // 3: the product; 4, 5: its leading one is at most 11 places below.
    logic negative_3, negative_4, zero_4;
    logic [23:0] product_3, moved_4, eight, four, two;
    logic [22:0] fraction;
    logic [8:0] top_3, top_4;
    logic by_8, by_4, by_2, by_1;
    assign by_8 = product_3[23:16] == '0;
    assign eight = by_8 ? product_3 << 8 : product_3;
    assign by_4 = eight[23:20] == '0;
    assign four = by_4 ? eight << 4 : eight;
    assign by_2 = moved_4[23:22] == '0;
    assign two = by_2 ? moved_4 << 2 : moved_4;
    assign by_1 = !two[23];
    assign fraction = by_1 ? {two[21:0], 1'b0} : two[22:0];
    always_ff @(posedge aclk) begin
      product_3 <= 24'(mantissa_2) * 24'(size_2);
      {negative_3, top_3} <= {negative_2, top_2};
      moved_4 <= four;
      zero_4 <= product_3 == '0;
      top_4 <= top_3 - 9'({by_8, by_4, 2'b0});
      negative_4 <= negative_3;
      if (is_f32[4]) value <= raw[4];
      else if (zero_4) value <= {negative_4, 31'b0};
      else value <= {negative_4, 8'(top_4 - 9'({by_2, by_1})), fraction};
    end
  end else begin : gen_wide
    always_ff @(posedge aclk) value <= raw[4];
  end
endmodule : post_number
