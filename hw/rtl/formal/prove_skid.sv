// A word of any number is watched on its way through: it comes out under the same number.

module prove_skid (
    input logic aclk,
    input logic aresetn,
    input logic [3:0] s_data,
    input logic s_valid,
    input logic m_ready
);
  logic s_ready;
  logic m_valid;
  logic [3:0] m_data;

  tandem_skid #(.WIDTH(4)) dut (.*);

  // `watched` is never written: any number.
  logic [2:0] watched;
  logic [2:0] into;
  logic [2:0] out;
  logic [2:0] held;
  logic [3:0] word;
  logic started = 1'b0;
  logic waiting;
  logic [3:0] offered;

  assign held = into - out;

  always_ff @(posedge aclk) begin
    started <= 1'b1;
    watched <= watched;
    waiting <= aresetn && m_valid && !m_ready;
    offered <= m_data;
    if (!aresetn) begin
      into <= '0;
      out  <= '0;
    end else begin
      if (s_valid && s_ready) into <= into + 1'b1;
      if (m_valid && m_ready) out <= out + 1'b1;
      if (s_valid && s_ready && into == watched) word <= s_data;
    end
  end

  always_comb begin
    if (!started) assume (!aresetn);
    if (started && aresetn) begin
      if (waiting) assert (m_valid && m_data == offered);
      assert (held == 3'(m_valid) + 3'(m_valid && !dut.s_ready));
      if (held > 0 && watched == out) assert (m_data == word);
      if (held > 1 && watched == out + 3'd1) assert (dut.spare == word);
    end
  end
endmodule : prove_skid
