// A byte of any number is watched on its way through. A packet of full beats but for the last, which
// may have any number of bytes; `open` falls and rises at any time, and falling forgets.

module prove_post_unpack #(
    parameter int S_BYTES = 16
) (
    input logic aclk,
    input logic open,
    input logic [8*S_BYTES-1:0] s_axis_tdata,
    input logic [S_BYTES-1:0] s_axis_tkeep,
    input logic s_axis_tlast,
    input logic s_axis_tvalid,
    input logic word_ready
);
  localparam int WORDS = S_BYTES / 4;
  logic s_axis_tready, word_valid, word_last;
  logic [31:0] word;
  logic [2:0] word_bytes;

  post_unpack #(.S_BYTES(S_BYTES)) dut (.*);

  // `watched` is never written: any number.
  logic [5:0] watched, into, out, held, ahead, nth, beat_bytes, left;
  logic [7:0] noted;
  logic started = 1'b0;
  logic waiting, taken_last, given_last;
  logic [31:0] offered;
  logic [2:0] offered_bytes;
  logic offered_last;
  assign held  = into - out;
  assign ahead = watched - out;
  assign nth   = watched - into;
  always_comb begin
    beat_bytes = '0;
    for (int i = 0; i < S_BYTES; i++) beat_bytes += 6'(s_axis_tkeep[i]);
    left = '0;
    for (int i = 0; i < S_BYTES; i++) left += 6'(dut.keep[i/4][i%4]);
  end

  always_ff @(posedge aclk) begin
    started <= 1'b1;
    watched <= watched;
    waiting <= open && word_valid && !word_ready;
    {offered, offered_bytes, offered_last} <= {word, word_bytes, word_last};
    if (!open) begin
      {into, out} <= '0;
      {taken_last, given_last} <= '0;
    end else begin
      if (s_axis_tvalid && s_axis_tready) begin
        into <= into + beat_bytes;
        if (nth < beat_bytes) noted <= s_axis_tdata[8*nth+:8];
        taken_last <= s_axis_tlast;
      end
      if (word_valid && word_ready) begin
        out <= out + 6'(word_bytes);
        given_last <= word_last;
      end
    end
  end

  always_comb begin
    if (!started) assume (!open);
    for (int i = 1; i < S_BYTES; i++) if (s_axis_tkeep[i]) assume (s_axis_tkeep[i-1]);
    if (!s_axis_tlast) assume (s_axis_tkeep == '1);
    if (!open) assert (!s_axis_tready);
    if (started && open) begin
      if (waiting) begin
        assert (word_valid && word_bytes == offered_bytes);
        assert (word == offered && word_last == offered_last);
      end
      if (taken_last) assert (!s_axis_tready);
      if (given_last) assert (!word_valid && taken_last && held == '0);
      if (word_valid && !word_last) assert (word_bytes == 3'd4);
      if (taken_last && !given_last) assert (word_valid);
      // Induction: what the beat still holds.
      assert (dut.ended == taken_last);
      assert (held == (word_valid ? left : 6'd0));
      if (word_valid) begin
        assert (dut.last == taken_last);
        for (int i = 1; i < S_BYTES; i++) begin
          if (dut.keep[i/4][i%4]) assert (dut.keep[(i-1)/4][(i-1)%4]);
        end
        for (int i = 0; i < WORDS; i++) begin
          if (!dut.last && dut.keep[i][0]) assert (dut.keep[i] == '1);
        end
        if (!dut.last) assert (dut.keep[0] == '1);
      end
      if (ahead < held) assert (dut.data[ahead/4][8*(ahead%4)+:8] == noted);
      // What it is for: the byte leaves under its number.
      if (word_valid && ahead < 6'(word_bytes)) assert (word[8*ahead+:8] == noted);
      if (word_valid && word_last) assert (held == 6'(word_bytes));
    end
  end
endmodule : prove_post_unpack
