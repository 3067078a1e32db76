// f32 to Q16, held to -256..=256, and whether it was finite: a number a clock, 4 clocks later.

module mask_fixed
  import mask_pkg::*;
(
    input  logic          aclk,
    input  logic   [31:0] bits,
    output fixed_t        fixed,
    output logic          broken
);
  localparam logic [24:0] LIMIT = 25'h100_0000;

  logic [32:0] magnitude;
  logic negative;
  logic [2:0] wild;
  post_to_fixed i_fixed (
      .aclk,
      .bits,
      .form(post_pkg::FIXED_Q16),
      .magnitude,
      .negative
  );

  // Holding twice is holding to the lesser limit.
  wire [24:0] held = (magnitude > 33'(LIMIT)) ? LIMIT : 25'(magnitude);
  always_ff @(posedge aclk) begin
    wild   <= {wild[1:0], bits[30:23] == 8'hff};
    fixed  <= negative ? -fixed_t'({1'b0, held}) : fixed_t'({1'b0, held});
    broken <= wild[2];
  end
endmodule : mask_fixed
