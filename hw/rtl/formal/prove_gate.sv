// Any one captured part is watched from its trigger on, beside the scheduler and from nothing but
// its inputs: when it is due, and whether a cancel came before that.
//
// Everything may happen in any clock: triggers, cancels of any tag, new delays and pulses, held
// resets. The sizes are small (two places, four bits of time and of a tag); no rule of the
// scheduler depends on them. Time goes up by one in each clock, so different times are different
// clocks, and stops before its end.

module prove_gate #(
    parameter int DEPTH = 2,
    parameter int TIME  = 4,
    parameter int TAG   = 4
) (
    input logic aclk,
    input logic aresetn,
    input logic hold,
    input logic [TIME-1:0] now,
    input logic [TIME-1:0] delay,
    input logic [TIME-1:0] pulse,
    input logic configured,
    input logic trigger,
    input logic cancel,
    input logic cancel_epoch_matches,
    input logic [TAG-1:0] cancel_tag,
    input logic [$clog2(DEPTH)-1:0] show
);
  import tandem_gate_pkg::*;

  localparam int SLOT = $clog2(DEPTH);

  logic reject;
  logic line_ready;
  logic [TAG-1:0] count;
  logic [SLOT:0] pending;
  logic [TIME-1:0] show_at;
  logic [TIME-1:0] show_due;
  logic [7:0] outcome;
  logic [1:0] passed;
  logic [1:0] rejected;
  logic [1:0] cancelled;
  logic [1:0] late;
  logic [1:0] wrong_epoch;
  logic [1:0] unknown;
  logic [1:0] overrun;
  logic [1:0] unready;

  tandem_gate_core #(
      .DEPTH(DEPTH),
      .TIME (TIME),
      .TAG  (TAG),
      .COUNT(2)
  ) dut (
      .*
  );

  // --- The surroundings. -----------------------------------------------------------------------
  logic started = 1'b0;
  logic [TIME-1:0] earlier;
  logic was_configured;
  logic was_held;
  always_ff @(posedge aclk) begin
    started        <= 1'b1;
    earlier         <= now;
    was_configured <= aresetn && configured;
    was_held       <= hold;
  end

  always_comb begin
    if (!started) assume (!aresetn);
    if (started) assume (now == earlier + 1'b1);
    assume (now != '1);
    if (configured) assume (delay != '0 && pulse != '0);
    // An epoch ends by a reset only, and delay and pulse stay.
    if (started && was_configured && !was_held) assume (configured);
  end

  // --- The watched part: its tag is never written, so it is any. -------------------------------
  logic [TAG-1:0] watched;
  logic waits;
  logic dropped;
  logic [TIME-1:0] due;
  logic [TIME-1:0] must_until;
  logic comes_due;
  logic [TIME:0] fall;

  assign comes_due = waits && due <= now;
  assign fall = {1'b0, due} + {1'b0, pulse};

  always_ff @(posedge aclk) begin
    watched <= watched;
    if (!aresetn) begin
      waits      <= 1'b0;
      must_until <= '0;
    end else begin
      if (dut.captures && count + 1'b1 == watched) begin
        waits   <= 1'b1;
        dropped <= 1'b0;
        due     <= dut.due;
      end else if (comes_due) begin
        waits <= 1'b0;
      end else if (cancel && cancel_epoch_matches && cancel_tag == watched &&
                   watched - 1'b1 < count) begin
        dropped <= 1'b1;
      end
      if (comes_due && !dropped) must_until <= fall[TIME] ? '1 : fall[TIME-1:0];
      if (hold) waits <= 1'b0;
    end
  end

  // --- Where it is in the ring. ----------------------------------------------------------------
  logic [TAG-1:0] place;
  logic [SLOT-1:0] slot;
  logic inside_ring;
  assign place = watched - dut.oldest_tag;
  assign slot = dut.head + place[SLOT-1:0];
  // What passes the gate in this clock.
  logic [DEPTH-1:0] settled;
  assign settled = dut.fired ? dut.settle : '0;
  assign inside_ring = place < TAG'(dut.used) && !(place == '0 && dut.stage != WAITING);

  // Parts in the order of the ring that will be rejected; untracked parts due with one of them.
  logic [DEPTH-1:0] rotated;
  logic joined_untracked;
  always_comb begin
    joined_untracked = 1'b0;
    for (int i = 0; i < DEPTH; i++) begin
      rotated[i] = dut.kept[dut.head+SLOT'(i)];
      if (settled[i] && dut.untracked[dut.head+SLOT'(i)]) joined_untracked = 1'b1;
    end
  end

  logic was_reject;
  logic was_armed;
  logic may_rise;
  always_ff @(posedge aclk) begin
    was_reject <= reject;
    was_armed  <= aresetn && dut.armed && dut.was_armed;
    // Nothing else may raise the line of an armed gate: a part that is not cancelled and due, parts
    // that have no tag, or a trigger while the line is held for those.
    may_rise   <= |(settled & rotated) || dut.unseen ||
        dut.fired && (dut.holds || dut.stage == HOLDING || joined_untracked);
  end

  always_comb begin
    if (started && aresetn) begin
      // Never missing: due and not cancelled, it goes now, and the line is high from the next clock
      // on for the pulse.
      if (comes_due) assert (settled[place[SLOT-1:0]]);
      if (comes_due && !dropped) assert (now < dut.line_until_next);
      assert (must_until <= dut.line_until);
      if (earlier < must_until) assert (reject);
      // Never early, and nothing else than it was: what the scheduler settles is due in this clock
      // and was not before, and is rejected only if it was not cancelled.
      if (inside_ring && settled[place[SLOT-1:0]]) begin
        assert (waits && due == now);
        assert (dut.kept[slot] == !dropped);
      end
      if (was_armed && reject && !was_reject) assert (may_rise);
      // A gate that is not armed rejects.
      if (!dut.was_armed) assert (reject);
    end
  end

  // --- The induction: what the ring looks like. ------------------------------------------------
  function automatic logic [SLOT-1:0] at(input int i);
    return dut.head + SLOT'(i);
  endfunction

  logic [DEPTH-1:0][TIME-1:0] starts;
  logic [DEPTH-1:0][TIME-1:0] ends;
  always_comb begin
    for (int i = 0; i < DEPTH; i++) begin
      starts[i] = dut.due_ram[at(i)];
      ends[i]   = dut.untracked[at(i)] ? dut.last_ram[at(i)] : starts[i];
    end
  end

  always_comb begin
    if (started && aresetn) begin
      assert (dut.used <= (SLOT + 1)'(DEPTH));
      assert (dut.stage == WAITING || dut.stage == PASSED || dut.stage == HOLDING);
      if (dut.stage != WAITING) assert (dut.used != '0 && dut.untracked[dut.head]);
      if (dut.used != '0) assert (dut.was_armed && earlier < dut.event_at);
      if (dut.used != '0) assert (dut.ready_at <= earlier);
      for (int i = 0; i < DEPTH; i++) begin
        if ((SLOT + 1)'(i) < dut.used) begin
          if (dut.untracked[at(i)]) begin
            assert (starts[i] <= dut.first_ram[at(i)]);
            assert (dut.first_ram[at(i)] <= dut.last_ram[at(i)]);
            assert (dut.first_joined[at(i)] == (starts[i] == dut.first_ram[at(i)]));
            assert (dut.last_joined[at(i)] == (dut.first_ram[at(i)] == dut.last_ram[at(i)]));
          end
          if (i > 0) begin
            assert (ends[i-1] <= starts[i]);
            assert (dut.joined[at(i)] == (ends[i-1] == starts[i]));
          end
          if ((SLOT + 1)'(i + 1) == dut.used) assert (dut.last_due == ends[i]);
        end
      end
      assert (waits == inside_ring);
      if (waits) assert (due == dut.due_ram[slot] && dut.kept[slot] == !dropped);
      if (waits) assert (earlier < due);
    end
  end
endmodule : prove_gate
