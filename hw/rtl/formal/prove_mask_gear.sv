// A word of any number is watched on its way through. A packet of full beats but for the last,
// which may have any number of bytes; any number of words is taken, of those that are there; `open`
// falls and rises at any time, and falling forgets.

module prove_mask_gear #(
    parameter int S_BYTES = 16,
    localparam int WORDS = S_BYTES / 4,
    localparam int LEVEL = $clog2(2 * WORDS + 1)
) (
    input logic aclk,
    input logic open,
    input logic [8*S_BYTES-1:0] s_axis_tdata,
    input logic [S_BYTES-1:0] s_axis_tkeep,
    input logic s_axis_tlast,
    input logic s_axis_tvalid,
    input logic take,
    input logic [LEVEL-1:0] want,
    input logic drop
);
  logic s_axis_tready, ended, ragged;
  logic [WORDS-1:0][31:0] words;
  logic [LEVEL-1:0] level;

  mask_gear #(.S_BYTES(S_BYTES)) dut (.*);

  // `watched` is never written: any number.
  logic [5:0] watched, into, out, held, ahead, nth, come;
  logic [31:0] noted;
  logic started = 1'b0;
  logic taken_last, part;
  assign held  = into - out;
  assign ahead = watched - out;
  assign nth   = watched - into;
  always_comb begin
    come = '0;
    for (int i = 0; i < S_BYTES; i++) come += 6'(s_axis_tkeep[i]);
    part = come[1:0] != '0;
    come = come >> 2;
  end

  always_ff @(posedge aclk) begin
    started <= 1'b1;
    watched <= watched;
    if (!open) begin
      {into, out, taken_last} <= '0;
    end else begin
      if (s_axis_tvalid && s_axis_tready) begin
        into <= into + come;
        if (nth < come) noted <= s_axis_tdata[32*nth+:32];
        taken_last <= s_axis_tlast;
      end
      if (drop) out <= into;
      else if (take) out <= out + 6'(want);
    end
  end

  always_comb begin
    if (!started) assume (!open);
    for (int i = 1; i < S_BYTES; i++) if (s_axis_tkeep[i]) assume (s_axis_tkeep[i-1]);
    if (!s_axis_tlast) assume (s_axis_tkeep == '1);
    if (take) assume (want <= level && want <= LEVEL'(WORDS));
    if (!open) assert (!s_axis_tready);
    if (started && open) begin
      if (taken_last) assert (!s_axis_tready);
      assert (ended == taken_last);
      // Nothing is lost or made up.
      assert (held == 6'(level) && held <= 6'(2 * WORDS));
      if (ahead < held) assert (dut.held[ahead[LEVEL-1:0]] == noted);
      // What it is for: the word is shown in its place.
      if (ahead < held && ahead < 6'(WORDS)) assert (words[ahead] == noted);
      // Nothing waits without need.
      if (!ended && level <= LEVEL'(WORDS)) assert (s_axis_tready);
      if (!ended && take && !drop && level - want <= LEVEL'(WORDS)) assert (s_axis_tready);
    end
  end

  // Bytes that make no word are said.
  logic entered = 1'b0;
  logic was_part, was_last;
  always_ff @(posedge aclk) begin
    entered  <= open && s_axis_tvalid && s_axis_tready;
    was_part <= part;
    was_last <= s_axis_tlast;
  end
  always_comb begin
    if (entered && open) assert (ragged == was_part && ended == was_last);
  end
endmodule : prove_mask_gear
