// A memory with one write and one read port; the read word stays until the next read.
//
// Reading a word in the clock in which it is written gives the old or the new one: nobody does.
module pre_ram #(
    parameter int unsigned WIDTH = 32,
    parameter int unsigned DEPTH = 512
) (
    input logic clk,
    input logic write,
    input logic [$clog2(DEPTH)-1:0] write_at,
    input logic [WIDTH-1:0] write_data,
    input logic read,
    input logic [$clog2(DEPTH)-1:0] read_at,
    output logic [WIDTH-1:0] read_data
);
  (* ram_style = "block" *)
  logic [WIDTH-1:0] words[DEPTH];

  always_ff @(posedge clk) begin
    if (write) words[write_at] <= write_data;
    if (read) read_data <= words[read_at];
  end
endmodule
