// Any one captured part is watched from its trigger on, beside the scheduler and from nothing but
// its inputs: when it is due, and whether a cancel came before that.
//
// Everything may happen in any clock: triggers, cancels of any tag, new delays and pulses, held
// resets, and with `counts` any step of the belt, slips and a lost encoder. The sizes are small (two
// places, four bits of time and of a tag); no rule of the scheduler depends on them. Time goes up by
// one in each clock, so different times are different clocks, and stops before its end; the position
// goes by one at most, and not over its ends. The unit stays as it is where there are parts, as in
// tandem_gate: it changes only while the gate is not armed.

module prove_gate #(
    parameter int DEPTH = 2,
    parameter int TIME  = 4,
    parameter int TAG   = 4
) (
    input logic aclk,
    input logic aresetn,
    input logic hold,
    input logic [TIME-1:0] now,
    input logic counts,
    input logic [TIME-1:0] position,
    input logic slip,
    input logic [TIME-1:0] limit,
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
  logic lost;
  logic [TAG-1:0] count;
  logic [SLOT:0] pending;
  logic [TIME-1:0] show_at;
  logic [TIME-1:0] show_due;
  logic [TIME-1:0] show_position;
  logic [7:0] outcome;
  logic [1:0] passed;
  logic [1:0] rejected;
  logic [1:0] cancelled;
  logic [1:0] late;
  logic [1:0] wrong_epoch;
  logic [1:0] unknown;
  logic [1:0] overrun;
  logic [1:0] unready;
  logic [1:0] slips;
  logic [1:0] doubts;

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
  logic [TIME-1:0] was_position;
  logic was_counts;
  logic was_configured;
  logic was_held;
  always_ff @(posedge aclk) begin
    started        <= 1'b1;
    earlier        <= now;
    was_position   <= position;
    was_counts     <= counts;
    was_configured <= aresetn && configured;
    was_held       <= hold;
  end

  always_comb begin
    if (!started) assume (!aresetn);
    if (started) assume (now == earlier + 1'b1);
    assume (now != '1);
    if (started) begin
      assume (position == was_position || position == was_position + 1'b1 ||
              position == was_position - 1'b1);
      assume (!(position == '0 && was_position == '1) && !(position == '1 && was_position == '0));
      if (counts != was_counts) assume (!was_configured && !configured);
    end
    assume (position != '1);
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

  logic [TIME:0] there;
  assign there = {1'b0, position} + {1'b0, delay};
  // What counts, in this clock and in the one before.
  logic [TIME-1:0] reached;
  logic [TIME-1:0] was_reached;
  assign reached = counts ? position : now;
  assign was_reached = counts ? was_position : earlier;
  assign comes_due = waits && due <= reached;
  assign fall = {1'b0, now} + {1'b0, pulse};

  // It was given up, in doubt: the line is held until the belt has brought it to the ejector, however
  // far that is, unless a reset comes, which holds the line by itself.
  logic doomed;
  logic dooms;
  logic must_reject;
  logic [TIME-1:0] doomed_due;
  assign dooms = dut.doubt && waits && !comes_due && !hold;
  always_ff @(posedge aclk) begin
    must_reject <= aresetn && (dooms || doomed);
    if (!aresetn || hold) begin
      doomed <= 1'b0;
    end else if (dooms) begin
      doomed     <= 1'b1;
      doomed_due <= due;
    end else if (position >= doomed_due) begin
      doomed <= 1'b0;
    end
  end

  always_ff @(posedge aclk) begin
    watched <= watched;
    if (!aresetn) begin
      waits      <= 1'b0;
      must_until <= '0;
    end else begin
      if (dut.captures && count + 1'b1 == watched) begin
        waits   <= 1'b1;
        dropped <= 1'b0;
        // In counts it comes to the ejector so many counts from where it is, whoever is ahead of it.
        due     <= !counts ? dut.due : there[TIME] ? '1 : there[TIME-1:0];
      end else if (comes_due) begin
        waits <= 1'b0;
      end else if (cancel && cancel_epoch_matches && cancel_tag == watched &&
                   watched - 1'b1 < count) begin
        dropped <= 1'b1;
      end
      if (comes_due && !dropped) must_until <= fall[TIME] ? '1 : fall[TIME-1:0];
      if (hold || dut.doubt) waits <= 1'b0;
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
        assert (waits && due == reached);
        assert (dut.kept[slot] == !dropped);
      end
      if (was_armed && reject && !was_reject) assert (may_rise);
      // Whoever was given up meets a raised line.
      if (must_reject) assert (reject);
      if (doomed) assert (dut.held && doomed_due <= dut.hold_until);
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
      if (dut.used != '0) assert (dut.was_armed && was_reached < dut.event_at);
      if (dut.lost) assert (dut.used == '0);
      if (dut.held) assert (dut.was_armed && was_counts);
      if (dut.held) assert (dut.hold_until <= dut.last_due);
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
      if (waits) assert (was_reached < due);
    end
  end
endmodule : prove_gate
