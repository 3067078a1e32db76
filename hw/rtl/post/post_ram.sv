// A store with one side to write and one to read: the word at `read_at` is at `read_data` 2 clocks
// later. A word that is written in the clock in which it is read comes out old or new.
module post_ram #(
    parameter int unsigned WIDTH = 32,
    parameter int unsigned DEPTH = 1024,
    // 1: in UltraRAM, 0: in block RAM.
    parameter int unsigned ULTRA = 0,
    localparam int unsigned AT_BITS = $clog2(DEPTH)
) (
    input  logic               aclk,
    input  logic               write,
    input  logic [AT_BITS-1:0] write_at,
    input  logic [  WIDTH-1:0] write_data,
    input  logic [AT_BITS-1:0] read_at,
    output logic [  WIDTH-1:0] read_data
);
  logic [WIDTH-1:0] read_first;

  // The two differ in the attribute only, which no parameter can be put into.
  if (ULTRA != 0) begin : gen_ultra
    (* ram_style = "ultra" *)
    logic [WIDTH-1:0] words[DEPTH];
    always_ff @(posedge aclk) begin
      if (write) words[write_at] <= write_data;
      read_first <= words[read_at];
    end
  end else begin : gen_block
    (* ram_style = "block" *)
    logic [WIDTH-1:0] words[DEPTH];
    always_ff @(posedge aclk) begin
      if (write) words[write_at] <= write_data;
      read_first <= words[read_at];
    end
  end
  always_ff @(posedge aclk) read_data <= read_first;
endmodule : post_ram
