// Writes a result as 32-bit words: a header of eight, then six for each detection.
//
// `start` for a clock; the header's numbers are stable from then on. Words follow each other without
// pauses while `word_ready` is high; `word_last` marks the last one, and `idle` is high when
// it has gone. Detection n must be at `det` 5 clocks after `det_number` has become n.
module post_report
  import post_pkg::*;
(
    input  logic         aclk,
    input  logic         clear,
    input  logic         start,
    input  logic  [10:0] count,
    input  logic  [31:0] candidates,
    input  logic  [31:0] not_finite,
    input  logic  [12:0] cut,
    input  logic  [31:0] surplus,
    output logic  [ 9:0] det_number,
    input  cand_t        det,
    output logic         word_valid,
    input  logic         word_ready,
    output logic  [31:0] word,
    output logic         word_last,
    output logic         idle
);
  // What is left of the words to send before the next detection is loaded, the next one first.
  logic [7:0][31:0] words;
  logic [2:0] left;  // words behind the one that is shown
  logic [10:0] dets_left;
  assign word = words[0];
  assign word_last = left == '0 && dets_left == '0;
  assign idle = !word_valid;

  always_ff @(posedge aclk) begin
    if (word_valid && word_ready) begin
      words <= words >> 32;
      left <= left - 1'b1;
      if (left == '0) begin
        words[5:0] <= {
          32'(det.index),
          16'(det.class_id),
          det.score,
          32'(det.box.y2),
          32'(det.box.x2),
          32'(det.box.y1),
          32'(det.box.x1)
        };
        left <= 3'd5;
        dets_left <= dets_left - 1'b1;
        det_number <= det_number + 1'b1;
        if (dets_left == '0) word_valid <= 1'b0;
      end
    end
    if (start) begin
      words <= {96'b0, surplus, 32'(cut), not_finite, candidates, 32'(count)};
      left <= 3'd7;
      dets_left <= count;
      det_number <= '0;
      word_valid <= 1'b1;
    end
    if (clear) word_valid <= 1'b0;
  end
endmodule : post_report
