// A short first-in first-out queue of registers or LUT RAM.
//
// Handshake: valid/ready at both ends. Latency: one clock. Throughput: one word a clock.
module pre_fifo #(
    parameter int unsigned WIDTH = 8,
    parameter int unsigned DEPTH = 16  // a power of two, at least 2
) (
    input logic clk,
    input logic rst,

    input logic i_valid,
    output logic i_ready,
    input logic [WIDTH-1:0] i_data,

    output logic o_valid,
    input logic o_ready,
    output logic [WIDTH-1:0] o_data
);
  localparam int unsigned AW = $clog2(DEPTH);

  logic [WIDTH-1:0] words[DEPTH];
  // One bit more than an address: equal pointers are an empty queue, not a full one.
  logic [AW:0] head, tail;

  assign i_ready = (tail - head) != (AW + 1)'(DEPTH);
  assign o_valid = tail != head;
  assign o_data = words[head[AW-1:0]];

  always_ff @(posedge clk) begin
    if (i_valid && i_ready) words[tail[AW-1:0]] <= i_data;
    if (rst) begin
      head <= '0;
      tail <= '0;
    end else begin
      if (i_valid && i_ready) tail <= tail + 1'b1;
      if (o_valid && o_ready) head <= head + 1'b1;
    end
  end
endmodule
