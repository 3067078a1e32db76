// S of hw/model: the sigmoid of a Q24 number of at most 16 in magnitude, in Q24. A number a clock,
// 5 clocks later.
module post_sigmoid
  import post_tables_pkg::*;
(
    input  logic        aclk,
    input  logic [28:0] magnitude,
    input  logic        negative,
    output logic [24:0] value
);
  (* rom_style = "block" *) logic [40:0] rom[1024];
  initial for (int unsigned i = 0; i < 1024; i++) rom[i] = SIGMOID[i];

  logic [40:0] read_1, read_2;
  logic [17:0] rest_1, rest_2;
  logic [34:0] product;
  logic [23:0] base;
  logic [24:0] upper;
  logic [3:0] below;
  logic [2:0] at_end;
  always_ff @(posedge aclk) begin
    read_1 <= rom[magnitude[27:18]];
    rest_1 <= magnitude[17:0];
    read_2 <= read_1;
    rest_2 <= rest_1;
    product <= 35'(read_2[16:0]) * 35'(rest_2);
    base <= read_2[40:17];
    upper <= at_end[2] ? 25'(SIGMOID_END) : 25'(base) + 25'((product + 35'h2_0000) >> 18);
    value <= below[3] ? 25'h100_0000 - upper : upper;
    below <= {below[2:0], negative};
    at_end <= {at_end[1:0], magnitude[28]};
  end
endmodule : post_sigmoid
