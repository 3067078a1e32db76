// 2 to the power of a Q24 fraction, Q30, 1 to under 2: power_of_two of hw/model. A number a clock,
// 4 clocks later.
module post_power
  import post_tables_pkg::*;
(
    input  logic        aclk,
    input  logic [23:0] fraction,
    output logic [30:0] mantissa
);
  (* rom_style = "block" *) logic [53:0] rom[256];
  initial for (int unsigned i = 0; i < 256; i++) rom[i] = POWER[i];

  logic [53:0] read_1, read_2;
  logic [15:0] rest_1, rest_2;
  logic [38:0] product;
  logic [30:0] base;
  always_ff @(posedge aclk) begin
    read_1 <= rom[fraction[23:16]];
    rest_1 <= fraction[15:0];
    read_2 <= read_1;
    rest_2 <= rest_1;
    product <= 39'(read_2[22:0]) * 39'(rest_2);
    base <= read_2[53:23];
    mantissa <= base + 31'((product + 39'h8000) >> 16);
  end
endmodule : post_power
