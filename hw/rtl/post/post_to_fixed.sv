// A finite f32 to fixed point, rounded to nearest, halves away from zero, and held to a limit:
// to_fixed of hw/model. A number a clock, 3 clocks later; `form` is taken with the bits.
module post_to_fixed
  import post_pkg::*;
(
    input  logic               aclk,
    input  logic        [31:0] bits,
    input  fixed_form_t        form,
    output logic        [32:0] magnitude,
    output logic               negative
);
  // The value is mantissa * 2^(exponent - 150), so its mantissa moved 17 bits up comes down again
  // by 167 - Q - exponent. ONE bit more is kept for rounding.
  logic [8:0] down;
  logic [23:0] mantissa;
  logic beyond;
  fixed_form_t form_1, form_2;
  logic negative_1, negative_2, beyond_2;
  logic [41:0] moved;
  logic [41:0] rounded;
  logic [32:0] limit;

  always_ff @(posedge aclk) begin
    down <= ((form == FIXED_Q16) ? 9'd151 : 9'd143) - 9'(bits[30:23]);
    mantissa <= {1'b1, bits[22:0]};
    negative_1 <= bits[31];
    form_1 <= form;

    moved <= 42'({mantissa, 18'b0} >> down[7:0]);
    beyond_2 <= beyond;
    negative_2 <= negative_1;
    form_2 <= form_1;

    magnitude <= (beyond_2 || rounded > 42'(limit)) ? limit : 33'(rounded);
    negative <= negative_2;
  end
  assign beyond = down[8];
  assign rounded = 42'(moved[41:1]) + 42'(moved[0]);
  always_comb begin
    case (form_2)
      FIXED_Q24: limit = 33'd16 << 24;
      FIXED_Q24_WIDE: limit = 33'd64 << 24;
      default: limit = 33'h1_0000_0000;
    endcase
  end
endmodule : post_to_fixed
