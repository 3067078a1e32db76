// Differences, products, sums: LANES multipliers.
//
// Takes a step with its bytes; three clocks of `en` later, behind a group's last step, `sum_valid` is
// high for one clock of `en` with `count` sums, the lowest being that of `channel`. Dense and pointwise
// add the lanes up, the others keep them apart; a maximum keeps the greatest byte instead.

module slice_mac
  import slice_pkg::*;
#(
    parameter int unsigned LANES = 8
) (
    input logic aclk,
    input logic rst,
    input logic en,

    input logic [7:0] op,
    input logic signed [7:0] zero_in,
    input step_t step,
    input logic [LANES-1:0] mask,
    input logic [8*LANES-1:0] weights,
    input logic [8*LANES-1:0] inputs,

    output logic sum_valid,
    output logic sum_final,
    output logic [9:0] sum_channel,
    output logic [5:0] sum_count,
    output logic signed [LANES-1:0][31:0] sums
);
  step_t multiplied;
  step_t added;
  logic signed [17:0] product[LANES];
  logic signed [31:0] part[LANES];
  wire mixes = op == 8'(DENSE) || op == 8'(POINTWISE);
  wire means = op == 8'(MEAN_POOL);
  wire greatest = op == 8'(MAX_POOL);

  for (genvar i = 0; i < int'(LANES); i++) begin : gen_lane
    wire signed [7:0] x = inputs[8*i+:8];
    wire signed [7:0] w = means ? 8'sd1 : weights[8*i+:8];
    wire signed [8:0] difference = 9'(x) - 9'(zero_in);
    always_ff @(posedge aclk) begin
      if (en) begin
        if (greatest) product[i] <= 18'(x);
        else product[i] <= mask[i] ? 18'(difference * w) : '0;
      end
    end
  end

  logic signed [31:0] total;
  always_comb begin
    total = '0;
    for (int i = 0; i < int'(LANES); i++) total = total + 32'(product[i]);
  end

  for (genvar i = 0; i < int'(LANES); i++) begin : gen_sum
    always_ff @(posedge aclk) begin
      if (en) part[i] <= (mixes && i == 0) ? total : 32'(product[i]);
    end
    wire more = greatest ? part[i] > $signed(sums[i]) : 1'b0;
    always_ff @(posedge aclk) begin
      if (en && added.valid) begin
        if (added.first) sums[i] <= part[i];
        else if (greatest) sums[i] <= more ? part[i] : sums[i];
        else sums[i] <= $signed(sums[i]) + part[i];
      end
    end
  end

  always_ff @(posedge aclk) begin
    if (rst) begin
      multiplied.valid <= 1'b0;
      added.valid <= 1'b0;
      sum_valid <= 1'b0;
    end else if (en) begin
      multiplied.valid <= step.valid;
      added.valid <= multiplied.valid;
      sum_valid <= added.valid && added.last;
    end
  end
  always_ff @(posedge aclk) begin
    if (en) begin
      {multiplied.first, multiplied.last, multiplied.final_one} <= {
        step.first, step.last, step.final_one
      };
      {multiplied.channel, multiplied.count} <= {step.channel, step.count};
      {added.first, added.last, added.final_one} <= {
        multiplied.first, multiplied.last, multiplied.final_one
      };
      {added.channel, added.count} <= {multiplied.channel, multiplied.count};
      sum_final <= added.final_one;
      sum_channel <= added.channel;
      sum_count <= added.count;
    end
  end
endmodule : slice_mac
