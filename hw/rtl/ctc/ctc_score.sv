// Scores of the symbols: their division, their sum, the least of them; at the text's end the mean.
//
// Takes an entry at a time, 19 clocks each; `store` is high for a clock with each symbol and its
// number. 3 to 20 clocks behind the entry that ends the text, `finished` is high for a clock; count, mean
// and lowest are stable from then on.
module ctc_score
  import ctc_pkg::*;
(
    input  logic    aclk,
    input  logic    clear,
    input  logic    probabilities,
    input  logic    entry_valid,
    output logic    entry_ready,
    input  entry_t  entry,
    output logic    store,
    output step_t   store_at,
    output symbol_t symbol,
    output logic    finished,
    output count_t  count,
    output logic [15:0] mean,
    output logic [15:0] lowest
);
  typedef enum logic [1:0] {
    READY,
    DIVIDE,
    TOTAL,
    MEAN
  } state_t;
  state_t state;

  // 4096 scores.
  logic [27:0] total;
  logic start, divided;
  logic [SUM_BITS:0] dividend;
  sum_t divisor;
  logic [QUOTIENT_BITS-1:0] quotient;
  ctc_divide divide (
      .aclk,
      .clear,
      .start,
      .dividend,
      .divisor,
      .finished(divided),
      .quotient
  );

  // All of them are rounded to nearest: half of the divisor is added. The greatest weight is 1, Q30.
  always_comb begin
    if (state == TOTAL) begin
      dividend = (SUM_BITS + 1)'(total) + (SUM_BITS + 1)'(count[COUNT_BITS-1:1]);
      divisor = sum_t'(count);
    end else if (probabilities) begin
      dividend = (SUM_BITS + 1)'(entry.value) + (SUM_BITS + 1)'(1 << 7);
      divisor = sum_t'(1 << 8);
    end else begin
      dividend = ((SUM_BITS + 1)'(1) << SUM_BITS) + (SUM_BITS + 1)'(entry.value[SUM_BITS-1:1]);
      divisor = entry.value;
    end
  end

  logic [15:0] score;
  assign score = quotient[16] ? 16'hffff : quotient[15:0];
  assign start = (state == READY && entry_valid && entry.symbol) || (state == TOTAL && count != '0);
  assign store = state == DIVIDE && divided;
  assign store_at = step_t'(count);
  assign symbol = '{score: score, step: entry.step, class_id: entry.class_id};
  assign entry_ready = store || (state == READY && entry_valid && !entry.symbol);
  always_ff @(posedge aclk) begin
    finished <= 1'b0;
    case (state)
      READY:
      if (entry_valid) state <= entry.symbol ? DIVIDE : TOTAL;
      DIVIDE:
      if (divided) begin
        count <= count + 1'b1;
        total <= total + 28'(score);
        if (count == '0 || score < lowest) lowest <= score;
        state <= entry.ends ? TOTAL : READY;
      end
      TOTAL: begin
        mean <= '0;
        if (count == '0) lowest <= '0;
        finished <= count == '0;
        state <= (count == '0) ? READY : MEAN;
      end
      default:
      if (divided) begin
        mean <= score;
        finished <= 1'b1;
        state <= READY;
      end
    endcase
    if (clear) begin
      state <= READY;
      count <= '0;
      total <= '0;
      finished <= 1'b0;
    end
  end
endmodule : ctc_score
