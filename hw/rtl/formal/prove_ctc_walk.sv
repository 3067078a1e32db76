// Packets of any length against a job of any shape: each of the job's numbers comes out once, with
// its bits, at the place behind that of the number before, and only a packet of exactly those
// numbers is complete. Then the places of one step more come without numbers, or only its last one.

module prove_ctc_walk
  import ctc_pkg::*;
(
    input logic aclk,
    input logic clear,
    input logic start,
    input logic word_valid,
    input logic [31:0] word,
    input logic [2:0] word_bytes,
    input logic word_last,
    input logic room
);
  // Never written: any shape.
  class_t last_class;
  step_t last_step;
  logic short_end;
  logic word_ready, ended, complete;
  place_t place;
  logic [31:0] bits;

  ctc_walk dut (.*);

  // `at` is the place of the next number; `all` that there is none any more; `excess` that a byte came
  // which is no number of the job; `closed` that the packet has ended. `tail` is the next place behind.
  class_t at_class, tail;
  step_t at_step;
  logic all, excess, open, ending;
  logic take, full, last_class_now;
  assign take = word_valid && word_ready;
  assign full = word_bytes == 3'd4;
  assign last_class_now = at_class == last_class;

  logic started = 1'b0;
  logic was_number, was_tail;
  place_t wanted;
  logic [31:0] wanted_bits;
  always_ff @(posedge aclk) begin
    started <= 1'b1;
    {last_class, last_step, short_end} <= {last_class, last_step, short_end};
    was_number <= 1'b0;
    was_tail <= ending;
    wanted <= '{
        valid: 1'b1,
        fresh: !ending,
        weigh: ending || at_step != '0,
        first: (ending ? tail : at_class) == '0,
        last: (ending ? tail : at_class) == last_class,
        class_id: ending ? tail : at_class,
        step: at_step
    };
    wanted_bits <= word;
    if (ending) begin
      tail <= tail + 1'b1;
      if (tail == last_class) ending <= 1'b0;
    end
    if (take) begin
      if (full && !all && open) begin
        was_number <= 1'b1;
        at_class   <= last_class_now ? '0 : at_class + 1'b1;
        if (last_class_now) at_step <= at_step + 1'b1;
        if (last_class_now && at_step == last_step) all <= 1'b1;
      end else if (word_bytes != '0) excess <= 1'b1;
      if (word_last) open <= 1'b0;
      if (word_last && complete) begin
        ending <= 1'b1;
        tail   <= short_end ? last_class : '0;
      end
    end
    if (start) begin
      {at_class, at_step, all, excess, ending} <= '0;
      open <= 1'b1;
    end
    if (clear) {open, ending, was_number, was_tail} <= '0;
  end

  always_comb begin
    if (!started) assume (clear);
    assume (last_class != '0 && word_bytes <= 3'd4);
    // A job begins when the one before has ended, or when everything is cleared.
    if (start) assume (!clear && !open && !ending);
    if (started) begin
      // A place is one of a number that was taken, or one behind them; nothing is lost or made up.
      assert (place.valid == (was_number || was_tail));
      if (place.valid) begin
        assert (place.fresh == wanted.fresh && place.class_id == wanted.class_id);
        assert (place.weigh == wanted.weigh && place.first == wanted.first);
        assert (place.last == wanted.last);
        if (place.fresh) assert (place.step == wanted.step && bits == wanted_bits);
      end
      // Nothing is taken outside of a packet, and no number without room.
      if (!open) assert (!word_ready && !ended);
      if (!room && !all) assert (!word_ready);
      if (open && all) assert (word_ready);
      assert (ended == (take && word_last));
      // Complete if and only if these were all, and nothing else came.
      if (ended) begin
        assert (complete == (!excess && (all ? word_bytes == '0 :
            full && last_class_now && at_step == last_step)));
      end
      // Induction: what the walk knows is what is known here.
      if (open) begin
        assert (dut.state == (all ? 2'd2 : 2'd1) && dut.broken == excess);
        assert (!all || (at_class == '0 && at_step == step_t'(last_step + 1'b1)));
        assert (all || (dut.class_id == at_class && dut.step == at_step));
        assert (dut.first_step == (!all && at_step == '0));
        assert (at_class <= last_class && (all || at_step <= last_step) && !ending);
        if (all) assert (dut.class_id == '0);
      end else begin
        assert (dut.state == (ending ? 2'd3 : 2'd0));
        if (ending) assert (dut.class_id == tail && !dut.first_step && tail <= last_class);
      end
    end
  end
endmodule : prove_ctc_walk
