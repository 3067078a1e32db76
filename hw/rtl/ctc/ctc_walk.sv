// Walks the steps of a job beside the stream's words and says of each number where it belongs.
// A number a clock, 1 clock later; without `room` it takes no word.
//
// `start` for a clock; then words up to and including the packet's last one: `ended` is high for a
// clock, `complete` with it if the packet was as long as the job's numbers. What is beyond is
// dropped. Behind a complete packet come the places of one step more without numbers, with which the
// last step is weighed; with `short_end` only the last of them. They ask for no room.
module ctc_walk
  import ctc_pkg::*;
(
    input  logic          aclk,
    input  logic          clear,
    input  logic          start,
    input  class_t        last_class,
    input  step_t         last_step,
    input  logic          short_end,
    input  logic          word_valid,
    output logic          word_ready,
    input  logic   [31:0] word,
    input  logic   [ 2:0] word_bytes,
    input  logic          word_last,
    input  logic          room,
    output place_t        place,
    output logic   [31:0] bits,
    output logic          ended,
    output logic          complete
);
  typedef enum logic [1:0] {
    IDLE,
    WALK,
    REST,
    AFTER
  } state_t;
  state_t state;
  class_t class_id;
  step_t step;
  logic first_step, broken;

  logic take, number, go, at_end, at_last;
  assign word_ready = (state == WALK && room) || state == REST;
  assign take = word_valid && word_ready;
  assign number = state == WALK && take && word_bytes == 3'd4;
  assign go = number || state == AFTER;
  assign at_end = class_id == last_class;
  assign at_last = at_end && step == last_step;

  // Behind the last number an end without a byte is none too many.
  assign ended = take && word_last;
  assign complete = !broken && ((state == REST) ? word_bytes == '0 : number && at_last);

  always_ff @(posedge aclk) begin
    place <= '{
        valid: go,
        fresh: number,
        weigh: !first_step,
        first: class_id == '0,
        last: at_end,
        class_id: class_id,
        step: step
    };
    bits <= word;

    if (go) begin
      class_id <= at_end ? '0 : class_id + 1'b1;
      if (at_end) begin
        step <= step + 1'b1;
        first_step <= 1'b0;
      end
    end
    if (number && at_last) state <= REST;
    if (state == AFTER && at_end) state <= IDLE;
    if (take && !number && word_bytes != '0) broken <= 1'b1;
    if (ended) state <= complete ? AFTER : IDLE;
    if (ended && short_end) class_id <= last_class;
    if (start) begin
      state <= WALK;
      class_id <= '0;
      step <= '0;
      first_step <= 1'b1;
      broken <= 1'b0;
    end
    if (clear) begin
      state <= IDLE;
      place.valid <= 1'b0;
    end
  end
endmodule : ctc_walk
