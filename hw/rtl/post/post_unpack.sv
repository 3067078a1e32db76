// The input stream, as 32-bit words: one word a clock.
//
// While `open`, a packet is taken up to and including its TLAST, and nothing behind it; READY is
// low otherwise. The words of a beat come out from byte 0 on. `word_bytes` is how many of a word's
// bytes were sent, 0 only for a beat without any; `word_last` marks the packet's last word.
// Latency: one clock.
module post_unpack #(
    parameter int unsigned S_BYTES = 4
) (
    input  logic                 aclk,
    input  logic                 open,
    input  logic [8*S_BYTES-1:0] s_axis_tdata,
    input  logic [  S_BYTES-1:0] s_axis_tkeep,
    input  logic                 s_axis_tlast,
    input  logic                 s_axis_tvalid,
    output logic                 s_axis_tready,
    output logic                 word_valid,
    input  logic                 word_ready,
    output logic [         31:0] word,
    output logic [          2:0] word_bytes,
    output logic                 word_last
);
  localparam int unsigned WORDS = S_BYTES / 4;

  logic [WORDS-1:0][31:0] data;
  logic [WORDS-1:0][3:0] keep;
  logic last, ended, beat_done, more;
  // Behind the last word nothing was sent.
  logic [WORDS:0][31:0] data_on;
  logic [WORDS:0][3:0] keep_on;
  assign data_on = {32'b0, data};
  assign keep_on = {4'b0, keep};
  assign word = data_on[0];
  always_comb begin
    word_bytes = '0;
    for (int unsigned i = 0; i < 4; i++) word_bytes += 3'(keep_on[0][i]);
  end
  assign more = keep_on[1] != '0;
  assign word_last = last && !more;
  assign beat_done = word_ready && !more;
  assign s_axis_tready = open && !ended && (!word_valid || beat_done);

  always_ff @(posedge aclk) begin
    if (s_axis_tvalid && s_axis_tready) begin
      data <= s_axis_tdata;
      keep <= s_axis_tkeep;
      last <= s_axis_tlast;
      word_valid <= 1'b1;
      ended <= s_axis_tlast;
    end else if (word_valid && word_ready) begin
      word_valid <= more;
      data <= data_on[WORDS:1];
      keep <= keep_on[WORDS:1];
    end
    if (!open) begin
      word_valid <= 1'b0;
      ended <= 1'b0;
    end
  end
endmodule : post_unpack
