// Packets of any length against a job of any length: exactly its beats go on, `wrong` is raised if
// and only if the lengths differ, and the input is never left waiting but for the job's own beats.

module prove_pre_framer (
    input logic aclk,
    input logic run,
    input logic s_valid,
    input logic s_last,
    input logic [1:0] s_count,  // bytes but one of the packet's last beat
    input logic o_ready
);
  logic s_ready, o_valid, o_last, ended, wrong;
  logic [3:0] s_keep;
  logic [27:0] bytes;

  // Full on all beats but the last.
  assign s_keep = s_last ? 4'(5'd2 << s_count) - 4'd1 : '1;
  pre_framer #(
      .S_BYTES(4)
  ) dut (
      .clk(aclk),
      .*
  );

  logic started = 1'b0;
  logic closed;
  // What came: modulo 2^28, which no packet of the proof's depth reaches.
  logic [27:0] came;
  logic [2:0] now;
  assign now = s_last ? 3'(s_count) + 3'd1 : 3'd4;

  always_ff @(posedge aclk) begin
    started <= 1'b1;
    bytes   <= bytes;  // never written: any number
    if (!run) begin
      came   <= '0;
      closed <= 1'b0;
    end else if (s_valid && s_ready) begin
      came <= came + 28'(now);
      if (s_last) closed <= 1'b1;
    end
  end

  always_comb begin
    assume (bytes != '0 && bytes < 28'h8000000 && came < 28'h8000000);
    if (!started) assume (!run);
    if (started && run) begin
      assert (ended == closed);
      // What the job needs is passed on, all of it, and nothing else.
      if (!ended && !wrong) assert (o_valid == (s_valid && came < bytes));
      if (ended || came >= bytes) assert (!o_valid);
      if (came < bytes && !ended) assert (!wrong);
      if (ended) assert (wrong == (came != bytes));
      if (came > bytes) assert (wrong);
      if (!ended && came >= bytes) assert (s_ready && wrong);
      if (o_valid) assert (s_ready == o_ready && o_last == (came + 28'(now) >= bytes));
      // The state behind it.
      assert (dut.complete == (came >= bytes));
      if (came != '0) assert (dut.started);
      if (dut.started && !dut.complete) assert (dut.left == bytes - came);
      if (!dut.started) assert (came == '0 && !dut.complete);
    end
  end
endmodule : prove_pre_framer
