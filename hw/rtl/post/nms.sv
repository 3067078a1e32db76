// Suppression: candidates in, in any order; the survivors out, best first.
//
// Candidates come one a clock (in_valid, in_ready), each with a higher index than those before, so
// order of arrival breaks ties as the index does; `in_end` for a clock, when all have been taken,
// asks for the result. `done` then rises and stays until `clear`; counts are stable with it.
// Survivor n of the first max_detections is at det 3 clocks after det_number asked for it.
//
// While they come the candidates are stored, entered in the lists of a radix sort, and, as long as
// they come in order, suppressed at once: sorted input is done 12 clocks after its last candidate
// if the lanes hold all survivors. The first one out of order ends that; then the lists give
// the order at the end, in one pass if all scores have the same low byte, else in two. What does
// not find a free lane (see nms_chain) goes round again through `pointers`: a round costs a clock
// for each box in it and LATENCY + 5.
//
// top_k: 0 takes all, and one above MAX_CANDIDATES is `too_many`. Else only the best K by score, then
// index, take part. More than SLOTS candidates are sorted and cut to K as often as the store is
// full; then and whenever K in order are there, what ranks behind all of those is not stored.
//
// Parameters are stable from `clear` (one clock) to `done`.
module nms
  import post_pkg::*;
#(
    parameter int unsigned LANES = 16,
    // More than MAX_CANDIDATES; the more, the seldomer a sort while candidates come.
    parameter int unsigned SLOTS = 5120
) (
    input  logic        aclk,
    input  logic        aresetn,
    input  logic        clear,
    input  logic [15:0] threshold,
    input  logic        class_agnostic,
    input  logic [12:0] top_k,
    input  logic [10:0] max_detections,
    input  logic        in_valid,
    output logic        in_ready,
    input  cand_t       in_cand,
    input  logic        in_end,
    output logic        done,
    output logic        too_many,
    output logic        in_order,
    output logic [31:0] candidates,
    output logic [31:0] surplus,
    output logic [10:0] reported,
    output logic [12:0] cut,
    input  logic [ 9:0] det_number,
    output cand_t       det
);
  localparam int unsigned SLOT_BITS = $clog2(SLOTS);
  typedef logic [SLOT_BITS-1:0] slot_t;
  typedef logic [SLOT_BITS:0] fill_t;

  typedef enum logic [3:0] {
    TAKE,
    SORT_LOW,
    TURN_HIGH,
    SORT_HIGH,
    SETTLE,
    DRAIN,
    ROUND,
    DONE
  } state_t;
  state_t state;
  logic wipe;
  assign wipe = clear || !aresetn;
  logic ending;  // in_end has been seen: the sort is the last one

  // ---- Candidates as they come ----
  fill_t stored, limit;
  logic [SCORE_BITS-1:0] least, floor;
  logic floor_valid, thinned, low_alike;
  logic [7:0] low_first;
  logic accept, store, ordered_next, feed_now, fills_limit;
  slot_t slot, free_slot;
  assign limit = (top_k == '0) ? fill_t'(MAX_CANDIDATES) : fill_t'(top_k);
  assign in_ready = state == TAKE && stored != fill_t'(SLOTS);
  assign accept = in_valid && in_ready;
  assign store = accept && !(floor_valid && in_cand.score <= floor) &&
      !(top_k == '0 && stored == fill_t'(MAX_CANDIDATES));
  assign ordered_next = in_order && (stored == '0 || in_cand.score <= least);
  assign feed_now = store && ordered_next;
  assign fills_limit = feed_now && top_k != '0 && stored + 1'b1 == limit;
  assign slot = thinned ? free_slot : slot_t'(stored);
  assign surplus = (top_k != '0 && candidates > 32'(top_k)) ? candidates - 32'(top_k) : '0;

  // ---- The sort ----
  logic low_valid, low_empty, high_valid, high_empty, low_walk, high_walk, walked_valid;
  slot_t low_slot, high_slot, walk_at, walked_slot;
  logic [SCORE_BITS-1:0] walked_score;
  fill_t walked;
  logic walked_in, low_append, high_append, low_begun;
  assign low_walk = state == SORT_LOW;
  assign high_walk = state == SORT_HIGH;
  assign walk_at = low_walk ? low_slot : high_slot;
  assign walked_in = walked < limit;
  assign low_append = store || (walked_valid && high_walk && !ending && walked_in);
  assign high_append = (store && !thinned) || (walked_valid && low_walk);

  (* ram_style = "block" *) logic [SCORE_BITS-1:0] scores[SLOTS];
  always_ff @(posedge aclk) begin
    if (store) scores[slot] <= in_cand.score;
    walked_score <= scores[walk_at];
  end

  nms_lists #(
      .SLOTS(SLOTS)
  ) low (
      .aclk,
      .clear(wipe || state == TURN_HIGH),
      .append(low_append),
      .append_digit(store ? in_cand.score[7:0] : walked_score[7:0]),
      .append_slot(store ? slot : walked_slot),
      .walk(low_walk),
      .walk_valid(low_valid),
      .walk_slot(low_slot),
      .empty(low_empty)
  );
  nms_lists #(
      .SLOTS(SLOTS)
  ) high (
      .aclk,
      .clear(wipe || (low_walk && !low_begun)),
      .append(high_append),
      .append_digit(store ? in_cand.score[15:8] : walked_score[15:8]),
      .append_slot(store ? slot : walked_slot),
      .walk(high_walk),
      .walk_valid(high_valid),
      .walk_slot(high_slot),
      .empty(high_empty)
  );
  logic sorted_all;
  assign sorted_all = high_empty && !walked_valid;

  // ---- Store of candidates ----
  cand_t read_cand;
  slot_t read_at, pointer_q, kept_q;
  always_comb begin
    case (state)
      DONE: read_at = kept_q;
      ROUND, DRAIN: read_at = pointer_q;
      default: read_at = high_slot;
    endcase
  end
  post_ram #(
      .WIDTH($bits(cand_t)),
      .DEPTH(SLOTS)
  ) cands (
      .aclk,
      .write(store),
      .write_at(slot),
      .write_data(in_cand),
      .read_at,
      .read_data(read_cand)
  );
  assign det = read_cand;

  // ---- BOXES into the chain: as they come, in sorted order, or once more ----
  logic [1:0] read_valid;
  slot_t read_slot[2];
  logic chain_clear, feed_valid, kept_valid, pass_valid, chain_busy;
  box_t feed_box;
  logic [CLASS_BITS-1:0] feed_class;
  slot_t feed_slot, out_slot;
  always_ff @(posedge aclk) begin
    read_slot <= '{read_at, read_slot[0]};
    feed_valid <= feed_now || read_valid[1];
    feed_box <= (state == TAKE) ? in_cand.box : read_cand.box;
    feed_class <= (state == TAKE) ? in_cand.class_id : read_cand.class_id;
    feed_slot <= (state == TAKE) ? slot : read_slot[1];
    if (chain_clear) feed_valid <= 1'b0;
  end
  nms_chain #(
      .LANES(LANES),
      .SLOT_BITS(SLOT_BITS)
  ) chain (
      .aclk,
      .clear(chain_clear),
      .threshold,
      .class_agnostic,
      .in_valid(feed_valid),
      .in_box(feed_box),
      .in_class(feed_class),
      .in_slot(feed_slot),
      .kept_valid,
      .pass_valid,
      .out_slot,
      .busy(chain_busy)
  );

  // ---- What comes out: kept slots, and those that go round again ----
  // `pointers` holds the passed slots; a round reads it from the front and writes behind what it
  // has read. In thinning it holds the free slots: then nothing goes round.
  (* ram_style = "block" *)slot_t pointers[SLOTS];
  (* ram_style = "block" *)slot_t kept_slots[MAX_DETECTIONS];
  fill_t passed, round_size, round_at;
  logic [COUNT_BITS-1:0] kept;
  logic pointer_write, pointer_valid;
  slot_t pointer_to, pointer_from;
  assign pointer_write = pass_valid || (walked_valid && high_walk && !ending && !walked_in);
  assign pointer_to = pass_valid ? slot_t'(passed) : slot_t'(walked - limit);
  assign pointer_from = slot_t'((state == ROUND) ? round_at : stored + fill_t'(store) - limit);
  always_ff @(posedge aclk) begin
    if (pointer_write) pointers[pointer_to] <= pass_valid ? out_slot : walked_slot;
    pointer_q <= pointers[pointer_from];
    if (kept_valid && kept < COUNT_BITS'(MAX_DETECTIONS)) kept_slots[10'(kept)] <= out_slot;
    kept_q <= kept_slots[det_number];
  end
  assign free_slot = pointer_q;
  assign reported = (kept > COUNT_BITS'(max_detections)) ? max_detections : 11'(kept);
  assign cut = kept - COUNT_BITS'(reported);

  logic quiet;
  assign quiet = !chain_busy && !feed_valid && read_valid == '0 && !pointer_valid;
  assign done = state == DONE;
  // The lanes are emptied for what the last sort gives, and for each round.
  assign chain_clear = wipe || (state == TURN_HIGH) || (state == DRAIN && quiet);

  always_ff @(posedge aclk) begin
    if (accept) candidates <= candidates + 1'b1;
    if (accept && top_k == '0 && stored == fill_t'(MAX_CANDIDATES)) too_many <= 1'b1;
    if (store) begin
      stored <= stored + 1'b1;
      least <= in_cand.score;
      in_order <= ordered_next;
      if (stored == '0) low_first <= in_cand.score[7:0];
      else if (in_cand.score[7:0] != low_first) low_alike <= 1'b0;
      if (fills_limit) begin
        floor_valid <= 1'b1;
        floor <= in_cand.score;
      end
    end
    if (kept_valid) kept <= kept + 1'b1;
    if (pass_valid) passed <= passed + 1'b1;
    walked_valid <= (low_walk && low_valid) || (high_walk && high_valid);
    walked_slot <= walk_at;
    if (walked_valid && high_walk) begin
      walked <= walked + 1'b1;
      if (!ending && walked + 1'b1 == limit) floor <= walked_score;
    end
    // Read in the last sort; `walked` lags a clock behind the slots that come out.
    read_valid <= {read_valid[0], pointer_valid || (high_walk && ending && high_valid &&
        walked + fill_t'(walked_valid) < limit)};
    pointer_valid <= state == ROUND;
    low_begun <= low_walk;
    case (state)
      TAKE:
      if (in_end) begin
        ending <= 1'b1;
        state <= (in_order && !thinned) ? DRAIN : low_alike ? TURN_HIGH : SORT_LOW;
      end else if (stored == fill_t'(SLOTS)) state <= low_alike ? TURN_HIGH : SORT_LOW;
      SORT_LOW: if (low_begun && low_empty && !walked_valid) state <= TURN_HIGH;
      TURN_HIGH: begin
        walked <= '0;
        kept <= '0;
        passed <= '0;
        state <= SORT_HIGH;
      end
      SORT_HIGH:
      if (sorted_all) begin
        state <= ending ? DRAIN : SETTLE;
        if (!ending) begin
          stored <= limit;
          floor_valid <= 1'b1;
          thinned <= 1'b1;
          low_alike <= 1'b0;
          in_order <= 1'b0;
        end
      end
      SETTLE: state <= TAKE;
      DRAIN:
      if (quiet) begin
        state <= (passed == '0) ? DONE : ROUND;
        round_size <= passed;
        round_at <= '0;
        passed <= '0;
      end
      ROUND: begin
        round_at <= round_at + 1'b1;
        if (round_at + 1'b1 == round_size) state <= DRAIN;
      end
      default: state <= DONE;
    endcase
    if (wipe) begin
      state <= TAKE;
      ending <= 1'b0;
      stored <= '0;
      candidates <= '0;
      kept <= '0;
      passed <= '0;
      in_order <= 1'b1;
      low_alike <= 1'b1;
      thinned <= 1'b0;
      floor_valid <= 1'b0;
      too_many <= 1'b0;
      read_valid <= '0;
      pointer_valid <= 1'b0;
      walked_valid <= 1'b0;
    end
  end
endmodule : nms
