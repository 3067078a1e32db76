// Round-robin arbiter of streams: whole packets, each from one source.
//
// An idle arbiter chooses among the sources that are valid, beginning behind the last one, so
// nobody waits for more than one packet of each other source. The choice stays until the packet's
// last beat has gone. Data passes through without a register; `s_ready` of the chosen source is
// `m_ready`.
// Latency: one clock to choose. Throughput: one beat a clock within a packet, one clock between.

module tandem_arbiter #(
    parameter int WIDTH = 8,
    parameter int SOURCES = 2,
    localparam int INDEX = $clog2(SOURCES)
) (
    input logic aclk,
    input logic aresetn,

    input  logic [SOURCES-1:0][WIDTH-1:0] s_data,
    input  logic [SOURCES-1:0]            s_last,
    input  logic [SOURCES-1:0]            s_valid,
    output logic [SOURCES-1:0]            s_ready,

    output logic [WIDTH-1:0] m_data,
    output logic             m_last,
    output logic             m_valid,
    input  logic             m_ready,
    output logic [INDEX-1:0] m_index
);
  logic busy;
  logic [INDEX-1:0] chosen;
  logic [INDEX-1:0] next;

  // The first valid source behind the chosen one; the chosen one itself comes last.
  always_comb begin
    next = chosen;
    for (int step = SOURCES - 1; step > 0; step--) begin
      if (s_valid[behind(chosen, step)]) next = behind(chosen, step);
    end
  end

  function automatic logic [INDEX-1:0] behind(input logic [INDEX-1:0] source, input int step);
    int sum = int'(source) + step;
    return INDEX'(sum >= SOURCES ? sum - SOURCES : sum);
  endfunction

  assign m_index = chosen;
  assign m_data  = s_data[chosen];
  assign m_last  = s_last[chosen];
  assign m_valid = busy && s_valid[chosen];

  always_comb begin
    s_ready = '0;
    s_ready[chosen] = busy && m_ready;
  end

  always_ff @(posedge aclk) begin
    if (!aresetn) begin
      busy   <= 1'b0;
      chosen <= '0;
    end else if (!busy) begin
      busy   <= |s_valid;
      chosen <= next;
    end else if (m_valid && m_ready && m_last) begin
      busy <= 1'b0;
    end
  end
endmodule : tandem_arbiter
