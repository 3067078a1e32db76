// A word of any number is watched on its way through, and whether a packet ends with it.

module prove_post_pack #(
    parameter int M_BYTES = 16
) (
    input logic aclk,
    input logic clear,
    input logic word_valid,
    input logic [31:0] word,
    input logic word_last,
    input logic m_axis_tready
);
  localparam int WORDS = M_BYTES / 4;
  logic word_ready;
  logic [8*M_BYTES-1:0] m_axis_tdata;
  logic [M_BYTES-1:0] m_axis_tkeep;
  logic m_axis_tlast;
  logic m_axis_tvalid;

  post_pack #(.M_BYTES(M_BYTES)) dut (.*);

  // `watched` is never written: any number.
  logic [4:0] watched, into, out, held, ahead, sent;
  logic [31:0] noted;
  logic ends;
  logic started = 1'b0;
  logic waiting;
  logic [8*M_BYTES-1:0] offered;
  logic [M_BYTES-1:0] offered_keep;
  logic offered_last;
  assign held  = into - out;
  assign ahead = watched - out;

  always_comb begin
    sent = '0;
    for (int i = 0; i < WORDS; i++) sent += 5'(m_axis_tkeep[4*i]);
  end

  always_ff @(posedge aclk) begin
    started <= 1'b1;
    watched <= watched;
    waiting <= !clear && m_axis_tvalid && !m_axis_tready;
    offered <= m_axis_tdata;
    offered_keep <= m_axis_tkeep;
    offered_last <= m_axis_tlast;
    if (clear) {into, out} <= '0;
    else begin
      if (word_valid && word_ready) begin
        into <= into + 5'd1;
        if (into == watched) {noted, ends} <= {word, word_last};
      end
      if (m_axis_tvalid && m_axis_tready) out <= out + sent;
    end
  end

  always_comb begin
    if (!started) assume (clear);
    if (started && !clear) begin
      if (waiting) begin
        assert (m_axis_tvalid && m_axis_tkeep == offered_keep);
        assert (m_axis_tdata == offered && m_axis_tlast == offered_last);
      end
      if (m_axis_tvalid) begin
        assert (m_axis_tkeep[0] && (m_axis_tlast || m_axis_tkeep == '1));
        for (int i = 0; i < M_BYTES; i++) begin
          assert (m_axis_tkeep[i] == m_axis_tkeep[i/4*4]);
          if (i > 0 && m_axis_tkeep[i]) assert (m_axis_tkeep[i-1]);
        end
      end
      // Induction: a beat that is shown holds all there is, else the lanes below `lane` do.
      if (m_axis_tvalid)
        assert (held == sent && dut.lane == '0);
        else assert (held == 5'(dut.lane));
      if (ahead < held) begin
        assert (m_axis_tdata[32*ahead+:32] == noted);
        assert (ends == (m_axis_tvalid && m_axis_tlast && ahead + 5'd1 == sent));
      end
    end
  end
endmodule : prove_post_pack
