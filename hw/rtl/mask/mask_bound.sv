// The least sum that reaches the threshold, found as the model finds it: by bisection over the Q24
// logits, eight clocks each.
//
// `go` starts, with `threshold` steady from that clock on; `known` is low from then until the bound
// is there, some 240 clocks later. A logit is (sum + 128) >> 8 held to -16..16, so a cell is on if
// its sum is at least `bound`, or whatever it is with `any_sum`. Above 16 holding changes nothing:
// no bound is higher.

module mask_bound
  import mask_pkg::*;
(
    input logic aclk,
    input logic rst,

    input  logic               go,
    input  logic        [15:0] threshold,
    output logic               known,
    output logic signed [38:0] bound,
    output logic               any_sum
);
  localparam logic signed [30:0] LIMIT = 31'sh1000_0000;

  logic signed [30:0] low, high, middle;
  logic [2:0] clocks;
  logic [28:0] magnitude;
  logic [24:0] value;
  assign middle = low + ((high - low) >>> 1);
  assign magnitude = (middle < 31'sd0) ? 29'(-middle) : 29'(middle);

  post_sigmoid i_sigmoid (
      .aclk,
      .magnitude,
      .negative(middle < 31'sd0),
      .value
  );

  wire reached = value >= {1'b0, threshold, 8'b0};
  assign bound = {low, 8'b0} - 39'sd128;
  assign any_sum = low == -LIMIT;
  always_ff @(posedge aclk) begin
    clocks <= clocks + 3'd1;
    if (!known && clocks == 3'd7) begin
      if (low == high) known <= 1'b1;
      else if (reached) high <= middle;
      else low <= middle + 31'sd1;
    end
    if (go) begin
      known  <= 1'b0;
      low    <= -LIMIT;
      high   <= LIMIT;
      clocks <= '0;
    end
    if (rst) known <= 1'b0;
  end
endmodule : mask_bound
