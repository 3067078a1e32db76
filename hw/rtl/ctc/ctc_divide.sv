// A long division, a bit of the quotient a clock, rounded down.
//
// `start` for a clock with both numbers; QUOTIENT_BITS + 1 clocks later `finished` is high for a
// clock, and `quotient` stays until the next start. The quotient must fit its bits.
module ctc_divide
  import ctc_pkg::*;
(
    input  logic                         aclk,
    input  logic                         clear,
    input  logic                         start,
    input  logic [           SUM_BITS:0] dividend,
    input  sum_t                         divisor,
    output logic                         finished,
    output logic [QUOTIENT_BITS-1:0]     quotient
);
  sum_t by, remainder;
  // The dividend's bits that are still to come, then a one behind which nothing comes any more.
  logic [QUOTIENT_BITS:0] rest;
  logic [SUM_BITS:0] trial;
  logic busy, fits, last;
  // The remainder is below the divisor before each bit.
  assign trial = {remainder, rest[QUOTIENT_BITS]};
  assign fits = trial >= (SUM_BITS + 1)'(by);
  assign last = rest[QUOTIENT_BITS-1:0] == {1'b1, (QUOTIENT_BITS - 1)'(0)};
  always_ff @(posedge aclk) begin
    finished <= busy && last;
    if (busy) begin
      remainder <= fits ? sum_t'(trial - (SUM_BITS + 1)'(by)) : sum_t'(trial);
      rest <= rest << 1;
      quotient <= {quotient[QUOTIENT_BITS-2:0], fits};
      if (last) busy <= 1'b0;
    end
    if (start) begin
      busy <= 1'b1;
      by <= divisor;
      remainder <= sum_t'(dividend >> QUOTIENT_BITS);
      rest <= {dividend[QUOTIENT_BITS-1:0], 1'b1};
    end
    if (clear) {busy, finished} <= '0;
  end
endmodule : ctc_divide
