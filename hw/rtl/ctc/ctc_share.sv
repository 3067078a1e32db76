// Sums the weights w = W(greatest - number) of each step, a step behind its numbers.
//
// The greatest of a step is known when its last number has come. So a step's numbers are stored, and
// while the next step comes each is read out of the very place that its successor takes, and weighed:
// one buffer of CLASSES numbers is enough. A place a clock, no handshake; an entry comes out 14
// clocks behind the last place of the step that follows, if it says something: a symbol, the end.
//
// A place is written in the clock behind the one in which it is read, so two places of the same class
// must be 2 clocks apart: steps have 2 classes at least.
module ctc_share
  import ctc_pkg::*;
#(
    parameter int unsigned CLASSES = 8192,
    // 1: the buffer is in UltraRAM, 0: in block RAM.
    parameter int unsigned ULTRA = 0
) (
    input  logic                      aclk,
    input  logic                      clear,
    input  logic                      probabilities,
    // The places of 2, 3 and 4 clocks ago.
    // verilator lint_off UNUSEDSIGNAL
    input  place_t                    place_2,
    input  place_t                    place_3,
    input  place_t                    place_4,
    // verilator lint_on UNUSEDSIGNAL
    input  logic                      negative_3,
    input  logic               [30:0] magnitude_3,
    // The step before that of `place_4`.
    input  reading_t                  reading,
    output logic                      entry_valid,
    output entry_t                    entry
);
  localparam int unsigned AT_BITS = $clog2(CLASSES);
  localparam logic [30:0] LOG2E_Q30 = 31'd1549082005;

  logic [31:0] old_4;
  post_ram #(
      .WIDTH(32),
      .DEPTH(CLASSES),
      .ULTRA(ULTRA)
  ) numbers (
      .aclk,
      .write(place_3.valid && place_3.fresh),
      .write_at(AT_BITS'(place_3.class_id)),
      .write_data({negative_3, magnitude_3}),
      .read_at(AT_BITS'(place_2.class_id)),
      .read_data(old_4)
  );

  // A probability is the greatest number itself, held to 0 to 1.
  logic [24:0] held_4;
  always_comb begin
    if (reading.greatest < 0) held_4 = '0;
    else if (reading.greatest > 32'sh100_0000) held_4 = 25'h100_0000;
    else held_4 = reading.greatest[24:0];
  end

  // What belongs to the place of n clocks ago. The rest of it is that of the step before.
  typedef struct packed {
    logic valid;
    logic first;
    logic last;
    logic symbol;
    logic ends;
    class_t class_id;
    step_t step;
    logic [24:0] held;
  } tag_t;
  tag_t tag[5:SHARE_AT];
  always_ff @(posedge aclk) begin
    tag[5] <= '{
        valid: place_4.valid && place_4.weigh,
        first: place_4.first,
        last: place_4.last,
        symbol: reading.symbol,
        ends: !place_4.fresh,
        class_id: reading.class_id,
        step: reading.step,
        held: held_4
    };
    for (int unsigned i = 6; i <= SHARE_AT; i++) tag[i] <= tag[i-1];
    if (clear) for (int unsigned i = 5; i <= SHARE_AT; i++) tag[i].valid <= 1'b0;
  end

  // 13: the weight. Both numbers lie within 64, so the power is at most 0 and its whole part reaches
  // to -370. A step that was broken gives anything.
  logic [31:0] below_5;
  logic [62:0] product_6, product_7;
  logic signed [33:0] power_8;
  logic [9:0] down[9:12];
  logic [30:0] mantissa_12, weight_13;
  post_power power (
      .aclk,
      .fraction(power_8[23:0]),
      .mantissa(mantissa_12)
  );
  always_ff @(posedge aclk) begin
    if (old_4[31]) below_5 <= reading.greatest + 32'(old_4[30:0]);
    else below_5 <= reading.greatest - 32'(old_4[30:0]);
    product_6 <= 63'(below_5) * 63'(LOG2E_Q30);
    product_7 <= product_6;
    power_8 <= 34'(((64'sd1 <<< 29) - signed'({1'b0, product_7})) >>> 30);
    down[9] <= 10'(-power_8[33:24]);
    for (int unsigned i = 10; i <= 12; i++) down[i] <= down[i-1];
    weight_13 <= (down[12] > 10'd30) ? '0 : mantissa_12 >> down[12][4:0];
  end

  // 14: the sum.
  sum_t sum_14;
  always_ff @(posedge aclk) begin
    if (tag[13].valid) sum_14 <= sum_t'(weight_13) + (tag[13].first ? '0 : sum_14);
  end
  assign entry_valid = tag[SHARE_AT].valid && tag[SHARE_AT].last &&
      (tag[SHARE_AT].symbol || tag[SHARE_AT].ends);
  assign entry = '{
          symbol: tag[SHARE_AT].symbol,
          ends: tag[SHARE_AT].ends,
          class_id: tag[SHARE_AT].class_id,
          step: tag[SHARE_AT].step,
          value: probabilities ? sum_t'(tag[SHARE_AT].held) : sum_14
      };
endmodule : ctc_share
