// Writes a result as 32-bit words: a header of two, then two for each symbol.
//
// `start` for a clock; the header's numbers are stable from then on. Words follow each other without
// pauses while `word_ready` is high; `word_last` marks the last one, `idle` is high when it has gone.
// The symbol of number `read_at` must be at `symbol` 2 clocks later.
module ctc_report
  import ctc_pkg::*;
(
    input  logic           aclk,
    input  logic           clear,
    input  logic           start,
    input  count_t         count,
    input  logic    [15:0] mean,
    input  logic    [15:0] lowest,
    input  count_t         not_finite,
    output step_t          read_at,
    input  symbol_t        symbol,
    output logic           word_valid,
    input  logic           word_ready,
    output logic    [31:0] word,
    output logic           word_last,
    output logic           idle
);
  // The word that is shown, and the one behind it.
  logic [1:0][31:0] words;
  logic second;  // the second one of its entry is shown
  count_t left;  // symbols behind this entry
  step_t next;  // number of the symbol behind this entry
  logic given, entry_done;
  assign word = words[0];
  assign word_last = second && left == '0;
  assign idle = !word_valid;
  assign given = word_valid && word_ready;
  assign entry_done = given && second;
  // An entry is two words, so the one behind the next is asked for as soon as this one has gone.
  assign read_at = start ? '0 : entry_done ? next + 1'b1 : next;

  always_ff @(posedge aclk) begin
    if (given) begin
      words <= words >> 32;
      second <= !second;
    end
    if (entry_done) begin
      words <= {16'b0, symbol.score, 16'(symbol.step), 16'(symbol.class_id)};
      next <= next + 1'b1;
      left <= left - 1'b1;
      if (left == '0) word_valid <= 1'b0;
    end
    if (start) begin
      words <= {16'(not_finite), lowest, mean, 16'(count)};
      second <= 1'b0;
      left <= count;
      next <= '0;
      word_valid <= 1'b1;
    end
    if (clear) word_valid <= 1'b0;
  end
endmodule : ctc_report
