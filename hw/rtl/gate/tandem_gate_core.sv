// Reject scheduler: equal to tandem_model::gate clock by clock.
//
// `now` never goes back; `position` moves by one at most. With `counts` parts are due by position,
// else by time; `reached` is the one that counts. In each clock, with the settings as they are now, in
// this order: what is due by `reached` happens; a slip or a lost encoder puts the rest in doubt; a
// cancel is taken; settings that are new arm the gate, or a held reset disarms it; a trigger is taken. `reject` and
// `line_ready` show the result one clock later, so a pulse begins in the clock after the first one
// whose `reached` is at or behind what is due. Times that differ happen in clocks that differ: two
// within one period of the clock, which takes a delay that is no multiple of it and was changed
// between two triggers, are one clock late for the second.
// Throughput: a trigger and a cancel every clock.
//
// Parts are in a ring; place 0 below is the oldest part's. The number of captured triggers since
// the reset is the tag of the newest part, so tags need no memory: a tag is a place, and the place
// of a trigger in the ring is its number modulo DEPTH.

module tandem_gate_core #(
    // A power of two.
    parameter int DEPTH = 32,
    parameter int TIME = 64,
    parameter int TAG = 32,
    parameter int COUNT = 32,
    localparam int SLOT = $clog2(DEPTH)
) (
    input logic aclk,
    input logic aresetn,
    // Held reset: parts are forgotten, there is no epoch.
    input logic hold,

    input logic [TIME-1:0] now,
    // Changes only where nobody is pending and the gate is not armed.
    input logic            counts,
    input logic [TIME-1:0] position,
    // A count was lost, nobody knows which way.
    input logic            slip,
    // Longest time without a new highest position while parts are pending; 0: any.
    input logic [TIME-1:0] limit,
    input logic [TIME-1:0] delay,
    input logic [TIME-1:0] pulse,
    // Epoch, delay and pulse are there.
    input logic            configured,
    input logic            trigger,
    input logic            cancel,
    input logic            cancel_epoch_matches,
    input logic [ TAG-1:0] cancel_tag,

    output logic reject,
    output logic line_ready,
    // The encoder gave nothing for `limit`, and has not come on since.
    output logic lost,

    // Triggers captured since the reset; parts that wait.
    output logic [ TAG-1:0] count,
    output logic [  SLOT:0] pending,
    // What trigger number `show + 1` was captured with.
    input  logic [SLOT-1:0] show,
    output logic [TIME-1:0] show_at,
    output logic [TIME-1:0] show_position,
    output logic [TIME-1:0] show_due,

    // One clock after a cancel: what became of it, as CANCEL_RESULT says it.
    output logic [      7:0] outcome,
    output logic [COUNT-1:0] passed,
    output logic [COUNT-1:0] rejected,
    output logic [COUNT-1:0] cancelled,
    output logic [COUNT-1:0] late,
    output logic [COUNT-1:0] wrong_epoch,
    output logic [COUNT-1:0] unknown,
    output logic [COUNT-1:0] overrun,
    output logic [COUNT-1:0] unready,
    output logic [COUNT-1:0] slips,
    output logic [COUNT-1:0] doubts
);
  import tandem_gate_pkg::*;

  function automatic logic [TIME-1:0] plus(input logic [TIME-1:0] a, input logic [TIME-1:0] b);
    logic [TIME:0] sum;
    sum = {1'b0, a} + {1'b0, b};
    return sum[TIME] ? '1 : sum[TIME-1:0];
  endfunction

  function automatic logic [TIME-1:0] later(input logic [TIME-1:0] a, input logic [TIME-1:0] b);
    return a > b ? a : b;
  endfunction

  function automatic logic [SLOT:0] ones(input logic [DEPTH-1:0] places);
    logic [DEPTH-1:0][SLOT:0] sums;
    for (int i = 0; i < DEPTH; i++) sums[i] = (SLOT + 1)'(places[i]);
    for (int n = DEPTH / 2; n > 0; n = n / 2) begin
      for (int i = 0; i < n; i++) sums[i] = sums[2*i] + sums[2*i+1];
    end
    return sums[0];
  endfunction

  // --- The ring. -------------------------------------------------------------------------------
  // Of a part: when it was triggered and is due. Of the untracked parts behind it: when the first
  // and the last of them is due; the line is held in between.
  (* ram_style = "distributed" *)
  logic [TIME-1:0] at_ram[DEPTH];
  (* ram_style = "distributed" *)
  logic [TIME-1:0] position_ram[DEPTH];
  (* ram_style = "distributed" *)
  logic [TIME-1:0] due_ram[DEPTH];
  (* ram_style = "distributed" *)
  logic [TIME-1:0] first_ram[DEPTH];
  (* ram_style = "distributed" *)
  logic [TIME-1:0] last_ram[DEPTH];

  // It will be rejected.
  logic [DEPTH-1:0] kept;
  // Its due time is that of the part, tracked or not, ahead of it.
  logic [DEPTH-1:0] joined;
  // Untracked parts follow it; the first of them is due with it; the last with the first.
  logic [DEPTH-1:0] untracked;
  logic [DEPTH-1:0] first_joined;
  logic [DEPTH-1:0] last_joined;

  logic [SLOT:0] used;
  logic [SLOT-1:0] head;
  logic [SLOT-1:0] newest;
  stage_t stage;
  logic [TIME-1:0] last_due;
  logic [TIME-1:0] line_until;
  logic [TIME-1:0] ready_at;

  assign head   = count[SLOT-1:0] - used[SLOT-1:0];
  assign newest = count[SLOT-1:0] - 1'b1;

  // --- What is due. ----------------------------------------------------------------------------
  logic [TIME-1:0] reached;
  logic [TIME-1:0] event_at;
  logic            fired;
  assign reached = counts ? position : now;
  always_comb begin
    case (stage)
      WAITING: event_at = due_ram[head];
      PASSED:  event_at = first_ram[head];
      default: event_at = last_ram[head];
    endcase
  end
  assign fired = used != '0 && event_at <= reached;

  // Places that this moment reaches if it has come, from the oldest on: each due with the one
  // ahead of it. `settle` are those whose parts pass the gate then; the oldest one's may have
  // before.
  logic [DEPTH-1:0] linked;
  logic [DEPTH-1:0] reach;
  logic [DEPTH-1:0] settle;
  logic [ SLOT-1:0] far_place;
  logic [ SLOT-1:0] far;
  always_comb begin
    linked = '1;
    for (int i = 1; i < DEPTH; i++) begin
      automatic logic [SLOT-1:0] ahead = head + SLOT'(i - 1);
      automatic logic [SLOT-1:0] here = head + SLOT'(i);
      automatic logic over = !untracked[ahead] || first_joined[ahead] && last_joined[ahead];
      if (i == 1 && stage != WAITING) over = stage == HOLDING || last_joined[head];
      linked[i] = joined[here] && over && (SLOT + 1)'(i) < used;
    end
    // Ones up to the first 0, in as many steps as a place has bits.
    reach = linked;
    for (int step = 1; step < DEPTH; step = 2 * step) begin
      reach = reach & (reach << step | DEPTH'((1 << step) - 1));
    end
    far_place = '0;
    for (int i = 1; i < DEPTH; i++) begin
      if (reach[i] && (i == DEPTH - 1 || !reach[(i+1)%DEPTH])) far_place = far_place | SLOT'(i);
    end
    far = head + far_place;
    settle = reach;
    if (stage != WAITING) settle[0] = 1'b0;
  end

  // The farthest place is left when its part has passed and no untracked one is still to come.
  logic settling;
  logic holds;
  logic leaves;
  stage_t next_stage;
  logic [SLOT:0] freed;
  always_comb begin
    // The stage of an oldest part that waits is no other's: it settles itself.
    settling = stage == WAITING || far_place != '0;
    if (settling) begin
      holds = untracked[far] && first_joined[far];
      leaves = !untracked[far] || holds && last_joined[far];
    end else begin
      holds = stage == PASSED;
      leaves = stage == HOLDING || last_joined[head];
    end
    next_stage = leaves ? WAITING : holds ? HOLDING : PASSED;
    freed = fired ? (SLOT + 1)'(far_place) + (SLOT + 1)'(leaves) : '0;
  end

  // A part that is rejected raises the line, and so do untracked ones: when the first of them is
  // due until the last has gone by, and then once more, for the pulse may have changed meanwhile.
  logic raises;
  logic [DEPTH-1:0] rejects;
  logic [DEPTH-1:0] goes;
  logic [SLOT:0] settled_count;
  logic [SLOT:0] kept_count;
  always_comb begin
    for (int i = 0; i < DEPTH; i++) begin
      automatic logic [SLOT-1:0] here = head + SLOT'(i);
      rejects[i] = settle[i] && kept[here];
      goes[i] = settle[i] && untracked[here] && first_joined[here];
    end
    raises = fired && (holds || stage == HOLDING || |rejects || |goes);
    settled_count = (SLOT + 1)'(far_place) + (SLOT + 1)'(stage == WAITING);
    kept_count = ones(rejects);
  end

  // In counts nobody knows when the last of them will be due: the line is held by the stage.
  logic [TIME-1:0] raised_until;
  logic [SLOT:0] left;
  stage_t stage_now;
  logic [SLOT:0] left_waiting;
  assign raised_until = plus(counts ? now : holds ? last_ram[far] : event_at, pulse);
  assign left = used - freed;
  assign stage_now = fired ? next_stage : stage;
  assign left_waiting = left - (SLOT + 1)'(stage_now != WAITING);

  // --- Parts without a tag, in counts: the line is held until they have gone by. ----------------
  logic held;
  logic released;
  logic held_now;
  logic [TIME-1:0] hold_until;
  assign released = held && position >= hold_until;
  assign held_now = held && !released;

  // --- Doubt: nobody knows where the pending parts are. All of them are rejected, and the line is
  // held as after arming, for what is between sensor and ejector. ------------------------------
  logic armed;
  logic was_armed;
  logic lost_now;
  logic slipped;
  logic loses;
  logic doubted;
  logic disorder;
  logic doubt;
  assign slipped = was_armed && counts && slip && (left != '0 || held_now);
  assign doubted = slipped || loses;
  assign doubt   = doubted || disorder;

  tandem_gate_watch #(
      .TIME(TIME)
  ) watch (
      .aclk,
      .aresetn,
      .hold,
      .now,
      .position,
      .limit,
      .watched(was_armed && counts && !slip),
      .pending(used != '0),
      .loses,
      .lost_now,
      .lost
  );

  // --- A cancel. -------------------------------------------------------------------------------
  // Parts that have settled, in this clock too, are not there any more.
  logic [TAG-1:0] oldest_tag;
  logic [TAG-1:0] cancel_place;
  logic [SLOT-1:0] cancel_slot;
  logic cancel_waits;
  logic cancels;
  assign oldest_tag = count - TAG'(used) + 1'b1;
  assign cancel_place = cancel_tag - oldest_tag;
  assign cancel_slot = head + cancel_place[SLOT-1:0];
  assign cancel_waits = cancel_place < TAG'(used) && !(fired && settle[cancel_place[SLOT-1:0]]) &&
      !(cancel_place == '0 && stage != WAITING) && !doubted;
  assign cancels = cancel && cancel_epoch_matches && cancel_tag - 1'b1 < count && cancel_waits;

  // --- Arming, and a trigger. ------------------------------------------------------------------
  logic was_counts;
  logic was_hold;
  logic sees;
  logic full;
  logic captures;
  logic overruns;
  logic unseen;
  logic [TIME-1:0] soon;
  logic [TIME-1:0] due;
  logic due_joined;
  logic [TIME-1:0] unseen_until;
  assign armed = configured && !hold;
  // Just armed: parts without a tag are on their way, and the next tag is some time off, but where
  // that time would be behind the end of time.
  assign sees = armed && !doubted && !lost_now &&
      (was_armed ? now >= ready_at : !counts && soon == '1);
  assign full = used == (SLOT + 1)'(DEPTH) && freed == '0;
  // The belt went back: the part would be due before the one ahead of it. By time it is put off.
  assign disorder = trigger && sees && counts && soon < last_due;
  assign captures = trigger && sees && !full && !disorder;
  assign overruns = trigger && sees && full && !disorder;
  assign unseen = doubt || armed && (!was_armed || trigger && !sees);
  assign soon = plus(reached, delay);
  assign due = later(soon, last_due);
  assign due_joined = due == last_due;
  assign unseen_until = plus(due, pulse);

  logic [TIME-1:0] line_until_next;
  always_comb begin
    line_until_next = line_until;
    if (raises || released) line_until_next = later(raised_until, line_until_next);
    if (unseen && !counts) line_until_next = later(unseen_until, line_until_next);
  end

  logic [SLOT:0] used_next;
  assign used_next = doubt ? '0 : left + (SLOT + 1)'(captures);
  assign pending   = used - (SLOT + 1)'(stage != WAITING);
  assign show_at   = at_ram[show];
  assign show_due  = due_ram[show];
  assign show_position = position_ram[show];

  // --- State. ----------------------------------------------------------------------------------
  always_ff @(posedge aclk) begin
    if (!aresetn) begin
      was_armed <= 1'b0;
      last_due  <= '0;
      line_until    <= '0;
      ready_at  <= '0;
    end else begin
      was_armed <= armed;
      line_until    <= line_until_next;
      if (captures || overruns || unseen) last_due <= due;
      // A new unit knows no due of the old one; with nobody under way the belt may be run back.
      else if (counts != was_counts || counts && was_armed && left == '0 && !held_now)
        last_due <= '0;
      if (unseen) ready_at <= counts ? plus(now, pulse) : unseen_until - delay;
    end
  end

  always_ff @(posedge aclk) begin
    if (!aresetn) begin
      was_counts <= 1'b0;
      was_hold   <= 1'b0;
    end else begin
      was_counts <= counts;
      was_hold   <= hold;
    end
  end

  // A gate that is not armed holds the line anyway, and again when it is armed.
  always_ff @(posedge aclk) begin
    if (!aresetn || hold) held <= 1'b0;
    else if (unseen) held <= counts;
    else if (released) held <= 1'b0;
    if (unseen) hold_until <= due;
  end

  always_ff @(posedge aclk) begin
    if (!aresetn) begin
      reject     <= 1'b1;
      line_ready <= 1'b0;
    end else begin
      // The line is held for at least a delay where it is raised for parts without a tag.
      reject     <= !armed || unseen || held_now || counts && stage_now == HOLDING ||
          (raises || released) && now < raised_until || now < line_until;
      line_ready <= (unseen ? !counts && soon == '1 : sees) && used_next != (SLOT + 1)'(DEPTH);
    end
  end

  always_ff @(posedge aclk) begin
    if (!aresetn || hold) begin
      used  <= '0;
      stage <= WAITING;
      count <= '0;
    end else begin
      used <= used_next;
      stage <= doubt ? WAITING : stage_now;
      if (captures) count <= count + 1'b1;
    end
  end

  always_ff @(posedge aclk) begin
    if (cancels) kept[cancel_slot] <= 1'b0;
    if (captures) begin
      at_ram[count[SLOT-1:0]]    <= now;
      position_ram[count[SLOT-1:0]] <= position;
      due_ram[count[SLOT-1:0]]   <= due;
      kept[count[SLOT-1:0]]      <= 1'b1;
      joined[count[SLOT-1:0]]    <= due_joined;
      untracked[count[SLOT-1:0]] <= 1'b0;
    end
    if (overruns) begin
      untracked[newest]   <= 1'b1;
      last_joined[newest] <= !untracked[newest] || last_joined[newest] && due_joined;
      if (!untracked[newest]) begin
        first_ram[newest]    <= due;
        first_joined[newest] <= due_joined;
      end
      last_ram[newest] <= due;
    end
  end

  // --- What is counted. ------------------------------------------------------------------------
  logic [SLOT:0] rejecting;
  logic [SLOT:0] passing;
  assign rejecting = (fired ? kept_count : '0) + (doubt ? left_waiting : '0);
  assign passing   = fired ? settled_count - kept_count : '0;

  tandem_gate_tally #(
      .STEP (SLOT + 1),
      .COUNT(COUNT)
  ) tally (
      .aclk,
      .aresetn,
      .clear(hold),
      .rejecting,
      .passing,
      .overruns,
      .comes_unready(trigger && (!sees || disorder)),
      .slips_now(slip && !was_hold),
      .doubts_now(doubt),
      .cancel,
      .cancel_epoch_matches,
      .cancel_known(cancel_tag - 1'b1 < count),
      .cancel_waits,
      .cancel_first(kept[cancel_slot]),
      .outcome,
      .passed,
      .rejected,
      .cancelled,
      .late,
      .wrong_epoch,
      .unknown,
      .overrun,
      .unready,
      .slips,
      .doubts
  );
endmodule : tandem_gate_core
