// Any one source is watched.

module prove_arbiter #(
    parameter int SOURCES = 3
) (
    input logic aclk,
    input logic aresetn,
    input logic [SOURCES-1:0][3:0] s_data,
    input logic [SOURCES-1:0] s_last,
    input logic [SOURCES-1:0] s_valid,
    input logic m_ready
);
  logic [SOURCES-1:0] s_ready;
  logic [3:0] m_data;
  logic m_last;
  logic m_valid;
  logic [$clog2(SOURCES)-1:0] m_index;

  tandem_arbiter #(
      .WIDTH(4),
      .SOURCES(SOURCES)
  ) dut (
      .*
  );

  // Never written: any source.
  logic [1:0] watched;
  logic started = 1'b0;
  // The sources as they were: they keep valid and data until ready.
  logic was_reset;
  logic [SOURCES-1:0] held;
  logic [SOURCES-1:0][3:0] held_data;
  logic [SOURCES-1:0] held_last;
  logic open;
  logic [1:0] owner;
  // Packets of others that began while the watched source waited.
  logic [2:0] passed;
  logic [2:0] between;

  always_ff @(posedge aclk) begin
    started   <= 1'b1;
    watched   <= watched;
    was_reset <= !aresetn;
    held      <= aresetn ? s_valid & ~s_ready : '0;
    held_data <= s_data;
    held_last <= s_last;
    if (!aresetn) begin
      open <= 1'b0;
      passed <= '0;
    end else begin
      if (m_valid && m_ready) begin
        open <= !m_last;
        owner  <= m_index;
      end
      if (!s_valid[watched] || m_index == watched && dut.busy) passed <= '0;
      else if (!dut.busy && dut.next != watched) passed <= passed + 1'b1;
    end
  end

  // Sources strictly between the chosen one and the watched one, in the order of turns.
  always_comb begin
    between = 3'(watched) + 3'(SOURCES - 1) - 3'(m_index);
    if (between >= 3'(SOURCES)) between = between - 3'(SOURCES);
  end

  always_comb begin
    if (!started) assume (!aresetn);
    assume (watched < 2'(SOURCES));
    for (int i = 0; i < SOURCES; i++) begin
      if (started && held[i]) begin
        assume (s_valid[i] && s_data[i] == held_data[i] && s_last[i] == held_last[i]);
      end
    end
    if (started && aresetn) begin
      assert (2'(m_index) < 2'(SOURCES));
      // A beat leaves when and only when its source gives it, and it is the same.
      assert ((m_valid && m_ready) == |(s_valid & s_ready));
      if (s_ready[watched]) assert (m_index == watched);
      if (m_valid && m_index == watched) begin
        assert (s_valid[watched] && m_data == s_data[watched] && m_last == s_last[watched]);
      end
      if (open) assert (dut.busy && m_index == owner);
      assert (passed <= 3'(SOURCES - 1));
      if (passed != 0 && m_index != watched) assert (passed + between <= 3'(SOURCES - 1));
      if (passed != 0) assert (s_valid[watched] || was_reset || !held[watched]);
    end
  end
endmodule : prove_arbiter
