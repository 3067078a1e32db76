// Positions of output samples on a line of source samples, in Q11, one after the other.
//
// The i-th is `min(max(first + i*step, 0), limit)` in Q32, rounded to Q11: 2048 times the tap `at`
// plus its weight (a weight of 2048 is the next tap with weight 0, which is the same value). Adding
// a step takes the place of multiplying. The two next positions are on view, so that a reader can
// see whether it needs the next one as well. With `again` they start over behind the last one.
// Handshake: valid/take. Throughput: one a clock.
module pre_steps (
    input logic clk,
    input logic rst,
    input logic again,
    input logic signed [47:0] first,
    input logic [45:0] step,
    input logic [46:0] limit,
    input logic [13:0] count,

    output logic [1:0] valid,  // of the two on view
    output logic [1:0][24:0] place,
    output logic last,  // the next one is the last
    input logic take
);
  // Never more than a step beyond the limit, nor below -2^31: 48 bits hold it.
  logic signed [47:0] sum;
  logic [13:0] left;
  logic fresh, ended;

  logic signed [47:0] here;
  logic [13:0] here_left;
  logic beyond;
  assign here = fresh ? first : sum;
  assign here_left = fresh ? count : left;
  assign beyond = here > $signed({1'b0, limit});

  // Clamped, before rounding.
  logic held, held_last, last1;
  logic [45:20] held_at;
  logic [24:0] rounded;

  // To nearest, halves up: the bit below the last one is the carry.
  assign rounded = held_at[45:21] + 25'(held_at[20]);

  logic move0, move1, move2;
  assign move0 = !valid[0] || take;
  assign move1 = !valid[1] || move0;
  assign move2 = !held || move1;

  always_ff @(posedge clk) begin
    if (move0) begin
      place[0] <= place[1];
      last <= last1;
      valid[0] <= valid[1];
    end
    if (move1) begin
      place[1] <= rounded;
      last1 <= held_last;
      valid[1] <= held;
    end
    if (move2) begin
      held <= !ended;
      held_last <= here_left == 14'd1;
      held_at <= here < 48'sd0 ? '0 : beyond ? limit[45:20] : here[45:20];
      if (!ended) begin
        sum <= beyond ? here : here + $signed({2'b0, step});
        left <= here_left - 14'd1;
        fresh <= here_left == 14'd1;
        ended <= here_left == 14'd1 && !again;
      end
    end
    if (rst) begin
      valid <= '0;
      held <= 1'b0;
      fresh <= 1'b1;
      ended <= 1'b0;
    end
  end
endmodule
