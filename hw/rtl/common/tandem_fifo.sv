// FIFO over one RAM with a registered output.
//
// `m_data` shows the oldest word while `m_valid` is high, and stays until `m_ready`. `s_ready`
// depends on registers only. `level` counts the words between the two sides, the one at the output
// included; it is at most DEPTH + 1.
// Latency: two clocks through an empty FIFO. Throughput: one word a clock.

module tandem_fifo #(
    parameter int WIDTH = 8,
    // A power of two.
    parameter int DEPTH = 512,
    // Block RAM, else the LUTs' RAM.
    parameter bit BLOCK = 1,
    localparam int ADDRESS = $clog2(DEPTH)
) (
    input logic aclk,
    input logic aresetn,

    input  logic [WIDTH-1:0] s_data,
    input  logic             s_valid,
    output logic             s_ready,

    output logic [WIDTH-1:0] m_data,
    output logic             m_valid,
    input  logic             m_ready,

    output logic [ADDRESS:0] level
);
  // One bit more than the address: equal is empty, apart by DEPTH is full.
  logic [ADDRESS:0] head;
  logic [ADDRESS:0] tail;
  logic [ADDRESS:0] used;
  logic push;
  logic fetch;

  assign used = tail - head;
  assign s_ready = !used[ADDRESS];
  assign push = s_valid && s_ready;
  // `used` counts words written in earlier clocks, so a read never meets the write of its word.
  assign fetch = used != '0 && (m_ready || !m_valid);
  assign level = used + (ADDRESS + 1)'(m_valid);

  always_ff @(posedge aclk) begin
    if (!aresetn) begin
      head    <= '0;
      tail    <= '0;
      m_valid <= 1'b0;
    end else begin
      if (push) tail <= tail + 1'b1;
      if (fetch) head <= head + 1'b1;
      if (m_ready || !m_valid) m_valid <= fetch;
    end
  end

  // The two differ in the attribute only, which no parameter can be put into.
  if (BLOCK) begin : gen_block
    (* ram_style = "block" *)
    logic [WIDTH-1:0] ram[DEPTH];
    always_ff @(posedge aclk) begin
      if (push) ram[tail[ADDRESS-1:0]] <= s_data;
      if (fetch) m_data <= ram[head[ADDRESS-1:0]];
    end
  end else begin : gen_distributed
    (* ram_style = "distributed" *)
    logic [WIDTH-1:0] ram[DEPTH];
    always_ff @(posedge aclk) begin
      if (push) ram[tail[ADDRESS-1:0]] <= s_data;
      if (fetch) m_data <= ram[head[ADDRESS-1:0]];
    end
  end

  if ((1 << ADDRESS) != DEPTH) begin : gen_depth
    $error("DEPTH must be a power of two");
  end
endmodule : tandem_fifo
