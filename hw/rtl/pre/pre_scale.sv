// A sum times a reciprocal, rounded: `(a * b + half) >> SHIFT`, in four products that fit a DSP slice
// each.
//
// All stages move with `enable`. Latency three clocks, throughput one product a clock.
module pre_scale #(
    parameter int unsigned WIDTH = 32,  // of a, up to 43
    parameter int unsigned SHIFT = 32,
    parameter int unsigned OUT = 16
) (
    input logic clk,
    input logic enable,
    input logic [WIDTH-1:0] a,
    input logic [29:0] b,
    output logic [OUT-1:0] y
);
  localparam int unsigned ALL = WIDTH + 30;
  localparam int unsigned HIGH = WIDTH - 17;

  logic [31:0] low_low, low_high;
  logic [HIGH+14:0] high_low, high_high;
  logic [46:0] low;
  logic [HIGH+29:0] high;
  // Rounded: the low bits are cut off, the high ones are 0.
  // verilator lint_off UNUSEDSIGNAL
  logic [ALL-1:0] sum;
  // verilator lint_on UNUSEDSIGNAL

  // Rounded, it is below 2^(SHIFT + OUT): see the model on area.
  assign sum = ALL'(low) + {high, 17'd0} + (ALL'(1) << (SHIFT - 1));
  always_ff @(posedge clk) begin
    if (enable) begin
      low_low <= 32'(a[16:0]) * 32'(b[14:0]);
      low_high <= 32'(a[16:0]) * 32'(b[29:15]);
      high_low <= (HIGH + 15)'(a[WIDTH-1:17]) * (HIGH + 15)'(b[14:0]);
      high_high <= (HIGH + 15)'(a[WIDTH-1:17]) * (HIGH + 15)'(b[29:15]);
      low <= 47'(low_low) + {low_high, 15'd0};
      high <= (HIGH + 30)'(high_low) + {high_high, 15'd0};
      y <= sum[SHIFT+:OUT];
    end
  end
endmodule
