// A byte of any number is watched on its way through, and whether a packet ends with it.

module prove_packer #(
    parameter int S_BYTES = 3,
    parameter int M_BYTES = 2
) (
    input logic aclk,
    input logic aresetn,
    input logic [8*S_BYTES-1:0] s_data,
    input logic [$clog2(S_BYTES+1)-1:0] s_count,
    input logic s_last,
    input logic s_valid,
    input logic m_ready
);
  logic s_ready;
  logic [8*M_BYTES-1:0] m_data;
  logic [M_BYTES-1:0] m_keep;
  logic m_last;
  logic m_valid;

  tandem_packer #(
      .S_BYTES(S_BYTES),
      .M_BYTES(M_BYTES)
  ) dut (
      .*
  );

  // `watched` is never written: any number.
  logic [4:0] watched;
  logic [4:0] into;
  logic [4:0] out;
  logic [4:0] held;
  logic [4:0] ahead;
  logic [4:0] sent;
  logic [4:0] nth;
  logic [7:0] word;
  logic ends;
  logic started = 1'b0;
  logic waiting;
  logic [8*M_BYTES-1:0] offered;
  logic [M_BYTES-1:0] offered_keep;
  logic offered_last;

  assign held  = into - out;
  assign ahead = watched - out;
  // Where in this input the watched byte would be.
  assign nth   = watched - into;

  always_comb begin
    sent = '0;
    for (int i = 0; i < M_BYTES; i++) sent += 5'(m_keep[i]);
  end

  always_ff @(posedge aclk) begin
    started      <= 1'b1;
    watched      <= watched;
    waiting      <= aresetn && m_valid && !m_ready;
    offered      <= m_data;
    offered_keep <= m_keep;
    offered_last <= m_last;
    if (!aresetn) begin
      into <= '0;
      out  <= '0;
    end else begin
      if (s_valid && s_ready) begin
        into <= into + 5'(s_count);
        if (nth < 5'(s_count)) begin
          word <= s_data[8*nth+:8];
          ends <= s_last && nth == 5'(s_count) - 5'd1;
        end
      end
      if (m_valid && m_ready) out <= out + sent;
    end
  end

  // The same from the packer's own state.
  logic [4:0] padded;
  logic [4:0] place;
  logic [4:0] count;
  always_comb begin
    padded = 5'(dut.end_at) + 5'(M_BYTES - 1);
    padded = padded & ~5'(M_BYTES - 1);
    count  = 5'(dut.level);
    place  = ahead;
    if (dut.ending) begin
      count = 5'(dut.end_at) + 5'(dut.level) - padded;
      if (ahead >= 5'(dut.end_at)) place = ahead - 5'(dut.end_at) + padded;
    end
  end

  always_comb begin
    if (!started) assume (!aresetn);
    if (s_valid) assume (s_count >= 1 && 5'(s_count) <= 5'(S_BYTES));
    if (started && aresetn) begin
      if (waiting) begin
        assert (m_valid && m_keep == offered_keep && m_last == offered_last);
        for (int i = 0; i < M_BYTES; i++) begin
          if (m_keep[i]) assert (m_data[8*i+:8] == offered[8*i+:8]);
        end
      end
      if (m_valid && !m_last) assert (m_keep == '1);
      if (m_valid) assert (m_keep[0]);
      for (int i = 1; i < M_BYTES; i++) if (m_keep[i]) assert (m_keep[i-1]);
      // What follows is the induction: where bytes are in the buffer.
      assert (5'(dut.level) <= 5'(dut.ROOM));
      if (dut.ending) assert (dut.end_at != '0 && padded <= 5'(dut.level));
      assert (held == count);
      if (ahead < held) begin
        assert (dut.bytes[8*place+:8] == word);
        assert (ends == (dut.ending && ahead + 5'd1 == 5'(dut.end_at)));
      end
      // And what it is for: the byte leaves under its number, with its packet's end.
      if (m_valid && ahead < sent) begin
        assert (m_data[8*ahead+:8] == word);
        assert ((m_last && ahead + 5'd1 == sent) == ends);
      end
    end
  end
endmodule : prove_packer
