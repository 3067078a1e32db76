// Behind the walk nothing waits: however many steps begin a symbol and however slowly symbols are
// used, the FIFO has a place for each that is found, because the walk stopped in time.

module prove_ctc_room
  import ctc_pkg::*;
(
    input logic aclk,
    input logic clear,
    input logic start,
    input logic word_valid,
    input logic [31:0] word,
    input logic [2:0] word_bytes,
    input logic word_last,
    input logic symbol,
    input logic m_ready
);
  // Never written: any shape.
  class_t last_class;
  step_t last_step;
  logic short_end;
  logic word_ready, ended, complete, room;
  place_t place;
  logic [31:0] bits;
  ctc_walk walk (.*);

  // What is found: at most something at the end of each step. `found[0]` is of the place of now.
  logic [SHARE_AT:0] ends;
  logic [SHARE_AT:1] late;
  assign ends = {late, place.valid && place.last && symbol};
  logic [5:0] level;
  logic s_valid, s_ready, m_data, m_valid;
  assign s_valid = ends[SHARE_AT];
  tandem_fifo #(
      .WIDTH(1),
      .DEPTH(FIFO_DEPTH),
      .BLOCK(0)
  ) fifo (
      .aclk,
      .aresetn(!clear),
      .s_data(1'b0),
      .s_valid,
      .s_ready,
      .m_data,
      .m_valid,
      .m_ready,
      .level
  );
  assign room = level <= 6'(FIFO_DEPTH - ON_THE_WAY);

  logic started = 1'b0;
  logic cleared;
  logic [5:0] on_the_way;
  always_comb begin
    on_the_way = '0;
    for (int unsigned i = 0; i <= SHARE_AT; i++) on_the_way += 6'(ends[i]);
  end
  always_ff @(posedge aclk) begin
    started <= 1'b1;
    cleared <= clear;
    {last_class, last_step, short_end} <= {last_class, last_step, short_end};
    late <= clear ? '0 : ends[SHARE_AT-1:0];
  end

  always_comb begin
    if (!started) assume (clear);
    assume (last_class != '0);
    // A job begins with everything cleared.
    if (start) assume (cleared);
    if (started) begin
      assert (!s_valid || s_ready);
      // Induction: while a job is walked, steps end two clocks apart and a place is left for the text's end.
      assert (fifo.used <= 6'(FIFO_DEPTH) && level + on_the_way <= 6'(FIFO_DEPTH));
      if (cleared) assert (walk.state == 2'd0 && on_the_way == '0 && level == '0);
      if (walk.state != 2'd0) begin
        assert (level + on_the_way <= 6'(FIFO_DEPTH - 1) && walk.class_id <= last_class);
        for (int unsigned i = 0; i < SHARE_AT; i++) assert (!(ends[i] && ends[i+1]));
      end
      if (walk.state == 2'd1 && place.valid && place.last) assert (walk.class_id == '0);
    end
  end
endmodule : prove_ctc_room
