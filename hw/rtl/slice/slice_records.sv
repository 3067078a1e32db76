// Reads the requantisation records out of the store, one a clock, and looks at them.
//
// `go` starts; the store is read at `at` (12 bytes from there on, by both ports) with its latency of
// three clocks. `done` is high for one clock with `good`, when all are written.

module slice_records
  import slice_pkg::*;
#(
    parameter int unsigned ADDRESS = 16
) (
    input logic aclk,
    input logic rst,

    input  logic               go,
    input  logic [       10:0] count,
    output logic               busy,
    output logic               done,
    output logic               good,
    output logic [ADDRESS-1:0] at,
    input  logic [95:0] data,

    output logic write,
    output logic [9:0] write_at,
    output record_t write_record
);
  localparam logic [31:0] MOST_BIAS = 32'h4000_0000;

  logic [10:0] asked;
  logic [10:0] seen;
  logic [2:0] coming;
  logic bad;

  wire [31:0] bias = data[31:0];
  wire [31:0] multiplier = data[63:32];
  wire [31:0] shift = data[95:64];
  wire [31:0] magnitude = bias[31] ? -bias : bias;
  wire fits = magnitude <= MOST_BIAS && !multiplier[31] && shift <= 32'd31;

  assign write = coming[2];
  assign write_at = seen[9:0];
  assign write_record = '{bias: bias, multiplier: multiplier[30:0], shift: shift[4:0]};
  assign done = busy && seen == count;
  assign good = !bad;

  always_ff @(posedge aclk) begin
    if (rst) begin
      busy   <= 1'b0;
      coming <= '0;
    end else begin
      busy   <= go || (busy && !done);
      coming <= {coming[1:0], busy && asked != count};
    end
  end

  always_ff @(posedge aclk) begin
    if (go) begin
      asked <= '0;
      seen  <= '0;
      bad   <= 1'b0;
      at    <= '0;
    end else begin
      if (busy && asked != count) begin
        asked <= asked + 11'd1;
        at <= at + ADDRESS'(12);
      end
      if (write) begin
        seen <= seen + 11'd1;
        bad  <= bad || !fits;
      end
    end
  end
endmodule : slice_records
