// Sums to bytes: bias, multiplier, rounding shift, zero, clamp; one a clock.
//
// Valid and ready on both sides; `out_*` are registers. Latency: eight clocks. `raw` bytes (of a
// maximum) are clamped only. The records are written before a job's first sum.

module slice_requant
  import slice_pkg::*;
(
    input logic aclk,
    input logic rst,

    input logic write,
    input logic [9:0] write_at,
    input record_t write_record,

    input logic signed [7:0] zero_out,
    input logic signed [7:0] low,
    input logic signed [7:0] high,

    input  logic signed [31:0] sum,
    input  logic        [ 9:0] at,
    input  logic               raw,
    input  logic               last,
    input  logic               valid,
    output logic               ready,

    output logic [7:0] out_byte,
    output logic       out_last,
    output logic       out_valid,
    input  logic       out_ready
);
  localparam int unsigned STAGES = 8;
  (* ram_style = "block" *) record_t records[1024];

  logic [STAGES-1:0] valids;
  logic [STAGES-1:0] lasts;
  logic [STAGES-2:0] raws;
  logic signed [31:0] sums[2];
  logic [9:0] at_1;
  record_t record_2;
  logic signed [32:0] total_3;
  logic [30:0] multiplier_3;
  logic [4:0] shift[3:6];
  logic signed [64:0] product_4;
  logic signed [64:0] product_5;
  logic signed [64:0] product_6;
  logic signed [34:0] scaled_7;
  logic signed [7:0] raw_byte[2:7];

  wire en = !out_valid || out_ready;
  assign ready = en;
  assign out_valid = valids[STAGES-1];
  assign out_last = lasts[STAGES-1];

  always_ff @(posedge aclk) begin
    if (write) records[write_at] <= write_record;
  end

  // floor(floor(p / 2^n) + 1) / 2) is p / 2^(n+1) rounded, halves up.
  wire signed [34:0] shifted_6 = 35'(product_6 >>> (6'd30 + 6'(shift[6])));
  wire signed [34:0] rounded_6 = (shifted_6 + 35'sd1) >>> 1;
  wire signed [35:0] placed_7 = 36'(scaled_7) + 36'(zero_out);
  wire signed [35:0] kept_7 = raws[6] ? 36'(raw_byte[7]) : placed_7;

  always_ff @(posedge aclk) begin
    if (en) begin
      sums[0] <= sum;
      at_1 <= at;
      sums[1] <= sums[0];
      record_2 <= records[at_1];
      raw_byte[2] <= sums[0][7:0];
      total_3 <= 33'(sums[1]) + 33'(record_2.bias);
      multiplier_3 <= record_2.multiplier;
      shift[3] <= record_2.shift;
      product_4 <= 65'(total_3 * $signed({1'b0, multiplier_3}));
      product_5 <= product_4;
      product_6 <= product_5;
      shift[4] <= shift[3];
      shift[5] <= shift[4];
      shift[6] <= shift[5];
      for (int i = 3; i <= 7; i++) raw_byte[i] <= raw_byte[i-1];
      scaled_7 <= rounded_6;
      if (kept_7 < 36'(low)) out_byte <= low;
      else if (kept_7 > 36'(high)) out_byte <= high;
      else out_byte <= kept_7[7:0];
      raws <= {raws[STAGES-3:0], raw};
      lasts <= {lasts[STAGES-2:0], last};
    end
  end

  always_ff @(posedge aclk) begin
    if (rst) valids <= '0;
    else if (en) valids <= {valids[STAGES-2:0], valid};
  end
endmodule : slice_requant
