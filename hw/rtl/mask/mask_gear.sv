// The input stream as words: up to WORDS of them a clock, as many as are wanted.
//
// While `open`, a packet is taken up to and including its TLAST, and nothing behind it; READY is
// low otherwise. `level` words wait, the oldest in `words[0]`; `take` removes `want` of them, at
// most `level`, and `drop` all. `ended` says that the packet's last word is among them or gone,
// `ragged` that bytes were behind it which make no word. Latency: one clock. Throughput: a beat a
// clock while WORDS are taken in each clock; a shorter take leaves words behind, of which the
// buffer has room for one beat.

module mask_gear #(
    parameter int unsigned S_BYTES = 16,
    localparam int unsigned WORDS = S_BYTES / 4,
    localparam int unsigned LEVEL = $clog2(2 * WORDS + 1)
) (
    input logic aclk,
    input logic open,

    input logic [8*S_BYTES-1:0] s_axis_tdata,
    input logic [S_BYTES-1:0] s_axis_tkeep,
    input logic s_axis_tlast,
    input logic s_axis_tvalid,
    output logic s_axis_tready,

    input logic take,
    input logic [LEVEL-1:0] want,
    input logic drop,
    output logic [WORDS-1:0][31:0] words,
    output logic [LEVEL-1:0] level,
    output logic ended,
    output logic ragged
);
  logic [2*WORDS-1:0][31:0] held, kept, added;
  logic [LEVEL-1:0] left, come;
  logic part;
  wire enter = s_axis_tvalid && s_axis_tready;

  assign words = held[WORDS-1:0];
  always_comb begin
    left = level;
    if (drop) left = '0;
    else if (take) left = level - want;
  end
  // No path from the stream's VALID: what is taken depends on what is here.
  assign s_axis_tready = open && !ended && left <= LEVEL'(WORDS);

  // A word is there with its last byte.
  always_comb begin
    come = '0;
    part = 1'b0;
    for (int unsigned i = 0; i < WORDS; i++) begin
      come += LEVEL'(s_axis_tkeep[4*i+3]);
      part |= s_axis_tkeep[4*i] && !s_axis_tkeep[4*i+3];
    end
  end
  assign kept  = take ? held >> {want, 5'b0} : held;
  assign added = (64 * WORDS)'(s_axis_tdata) << {left, 5'b0};

  always_ff @(posedge aclk) begin
    for (int unsigned i = 0; i < 2 * WORDS; i++) begin
      held[i] <= (enter && LEVEL'(i) >= left) ? added[i] : kept[i];
    end
    level <= left + (enter ? come : '0);
    if (enter) begin
      ended  <= s_axis_tlast;
      ragged <= part;
    end
    if (!open) begin
      level  <= '0;
      ended  <= 1'b0;
      ragged <= 1'b0;
    end
  end
endmodule : mask_gear
