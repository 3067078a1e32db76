// A word of any number is watched on its way through: it comes out under the same number.

module prove_fifo (
    input logic aclk,
    input logic aresetn,
    input logic [3:0] s_data,
    input logic s_valid,
    input logic m_ready
);
  logic s_ready;
  logic m_valid;
  logic [3:0] m_data;
  logic [2:0] level;

  tandem_fifo #(
      .WIDTH(4),
      .DEPTH(4)
  ) dut (
      .*
  );

  // `watched` is never written: any number.
  logic [3:0] watched;
  logic [3:0] into;
  logic [3:0] out;
  logic [3:0] held;
  logic [3:0] ahead;
  logic [3:0] word;
  logic started = 1'b0;
  logic waiting;
  logic [3:0] offered;

  assign held  = into - out;
  // Words in front of the watched one.
  assign ahead = watched - out;

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

  logic [1:0] place;
  assign place = dut.head[1:0] + 2'(ahead) - 2'(m_valid);

  always_comb begin
    if (!started) assume (!aresetn);
    if (started && aresetn) begin
      if (waiting) assert (m_valid && m_data == offered);
      assert (held == 4'(level));
      assert (dut.used <= 3'd4);
      assert (into[1:0] == dut.tail[1:0]);
      if (ahead < held) begin
        if (m_valid && ahead == 0)
          assert (m_data == word);
          else assert (dut.gen_block.ram[place] == word);
      end
    end
  end
endmodule : prove_fifo
