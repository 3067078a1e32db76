// A byte of any number is watched on its way through. Words of any number of bytes, widths that
// change with every number; `open` falls and rises at any time, and falling forgets.

module prove_post_gear (
    input logic aclk,
    input logic open,
    input logic word_valid,
    input logic [31:0] word,
    input logic [2:0] word_bytes,
    input logic word_last,
    input logic [2:0] width,
    input logic number_ready
);
  logic word_ready, number_valid, number_last;
  logic [31:0] number;
  logic [2:0] number_bytes;

  post_gear dut (.*);

  // `watched` is never written: any number.
  logic [5:0] watched, into, out, held, ahead, nth;
  logic [7:0] noted;
  logic started = 1'b0;
  logic waiting, taken_last, given_last;
  logic [31:0] offered;
  logic [2:0] offered_bytes, asked;
  logic offered_last;
  assign held  = into - out;
  assign ahead = watched - out;
  assign nth   = watched - into;

  always_ff @(posedge aclk) begin
    started <= 1'b1;
    watched <= watched;
    waiting <= open && number_valid && !number_ready;
    {offered, offered_bytes, offered_last, asked} <= {number, number_bytes, number_last, width};
    if (!open) begin
      {into, out} <= '0;
      {taken_last, given_last} <= '0;
    end else begin
      if (word_valid && word_ready) begin
        into <= into + 6'(word_bytes);
        if (nth < 6'(word_bytes)) noted <= word[8*nth[1:0]+:8];
        taken_last <= word_last;
      end
      if (number_valid && number_ready) begin
        out <= out + 6'(number_bytes);
        given_last <= number_last;
      end
    end
  end

  always_comb begin
    if (!started) assume (!open);
    assume (word_bytes <= 3'd4);
    assume (width == 3'd1 || width == 3'd2 || width == 3'd4);
    // post_unpack's: behind its last word there is none.
    if (taken_last) assume (!word_valid);
    if (started && open) begin
      // Who waits asks for the same, and gets it.
      if (waiting && width == asked) begin
        assert (number_valid && number_bytes == offered_bytes);
        for (int i = 0; i < 4; i++) begin
          if (3'(i) < number_bytes) assert (number[8*i+:8] == offered[8*i+:8]);
        end
        if (offered_last) assert (number_last);
      end
      if (given_last) assert (!number_valid && taken_last && held == '0);
      if (number_valid && !taken_last) assert (number_bytes == width && !number_last);
      if (taken_last && !given_last) assert (number_valid);
      // Induction: what is held.
      assert (dut.ended == (taken_last && !given_last));
      assert (held == 6'(dut.have));
      if (given_last) assert (taken_last);
      if (ahead < held) assert (dut.held[ahead[2:0]] == noted);
      // What it is for: the byte leaves under its number.
      if (number_valid && ahead < 6'(number_bytes)) assert (number[8*ahead[1:0]+:8] == noted);
      if (number_valid && number_last) assert (held == 6'(number_bytes));
      // Never stuck: with nothing to give it takes.
      if (!number_valid && !given_last) assert (word_ready);
    end
  end
endmodule : prove_post_gear
