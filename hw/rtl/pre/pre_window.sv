// The 3x3 surroundings of each pixel of a stream of rows.
//
// Groups of up to LANES pixels come in; for each a window of three rows comes out, one row later,
// with one more column on both sides: column 0 is left of the group, column `count + 1` right of it.
// Beyond the edges of the picture the last pixel is repeated, or with REFLECT the one before it
// (then the width is even and the height at least 2). The last row comes by itself, when the row
// before it has gone. Handshake: valid/ready, all stages move together. Throughput: one group a
// clock, one clock more a row. `o_row` and `o_column` are the low bits of where the group is.
module pre_window #(
    parameter int unsigned LANES = 4,
    parameter int unsigned BITS = 8,
    parameter int unsigned MAX_SIDE = 8192,
    parameter bit REFLECT = 1'b0
) (
    input logic clk,
    input logic rst,
    input logic [13:0] width,
    input logic [13:0] height,

    input logic i_valid,
    output logic i_ready,
    input logic [LANES-1:0][BITS-1:0] i_pixels,
    input logic [$clog2(LANES+1)-1:0] i_count,
    input logic i_eol,

    output logic o_valid,
    input logic o_ready,
    output logic [2:0][LANES+1:0][BITS-1:0] o_window,  // row above first
    output logic [$clog2(LANES+1)-1:0] o_count,
    output logic o_eol,
    output logic o_row,
    output logic o_column
);
  localparam int unsigned WORDS = MAX_SIDE / LANES;
  localparam int unsigned AW = $clog2(WORDS);
  localparam int unsigned NW = $clog2(LANES + 1);
  localparam int unsigned RW = LANES * BITS;

  // Down: each word of the memory has a group of the row before and of the one before that.
  logic enable, step, eol, flushing, gap;
  logic [13:0] row, left;
  logic [AW-1:0] word;
  logic [NW-1:0] count;

  assign flushing = row == height;
  assign count = flushing ? (left <= 14'(LANES) ? NW'(left) : NW'(LANES)) : i_count;
  assign eol = flushing ? left <= 14'(LANES) : i_eol;
  assign step = enable && !gap && (flushing || (i_valid && row < height));
  assign i_ready = enable && !gap && row < height;

  logic held, held_eol, held_top, held_bottom, held_row;
  logic [NW-1:0] held_count;
  logic [AW-1:0] held_word;
  logic [RW-1:0] below;
  logic [1:0][RW-1:0] read_rows;
  always_ff @(posedge clk) begin
    if (enable) begin
      held <= step && row != 14'd0;
      held_eol <= eol;
      held_count <= count;
      held_top <= row == 14'd1;
      held_bottom <= flushing;
      held_row <= !row[0];
      held_word <= word;
      below <= i_pixels;
      // What is written is read one row later; the gap makes that two clocks for a row of one word.
      gap <= step && eol;
    end
    if (step) begin
      word <= eol ? '0 : word + 1'b1;
      left <= eol ? width : left - 14'(LANES);
      if (eol) row <= row + 14'd1;
    end
    if (rst) begin
      held <= 1'b0;
      gap <= 1'b0;
      row <= '0;
      word <= '0;
      left <= width;
    end
  end

  logic write;
  always_ff @(posedge clk) begin
    if (enable) write <= step;
    if (rst) write <= 1'b0;
  end
  pre_ram #(
      .WIDTH(2 * RW),
      .DEPTH(WORDS)
  ) i_rows (
      .clk,
      .write(write && enable),
      .write_at(held_word),
      .write_data({read_rows[0], below}),
      .read(step),
      .read_at(word),
      .read_data(read_rows)
  );

  logic [2:0][LANES-1:0][BITS-1:0] rows3;
  always_comb begin
    rows3[1] = read_rows[0];
    rows3[0] = !held_top ? read_rows[1] : (REFLECT && !held_bottom) ? below : read_rows[0];
    rows3[2] = !held_bottom ? below : (REFLECT && !held_top) ? read_rows[1] : read_rows[0];
  end

  // Across: a group waits for its right neighbour, unless it is the last of its row.
  logic waiting, first, wait_eol, wait_row, column, fire, advance;
  logic [NW-1:0] wait_count;
  logic [2:0][LANES-1:0][BITS-1:0] group;
  logic [2:0][BITS-1:0] prior;
  logic move;
  assign move = !o_valid || o_ready;
  assign fire = move && waiting && (wait_eol || held);
  assign advance = !waiting || fire;
  assign enable = !held || advance;

  logic [2:0][LANES+1:0][BITS-1:0] window;
  always_comb begin
    for (int r = 0; r < 3; r++) begin
      window[r] = {rows3[r][0], group[r], prior[r]};
      if (wait_eol) begin
        window[r][32'(wait_count)+1] =
            REFLECT ? window[r][32'(wait_count)-1] : window[r][32'(wait_count)];
      end
      if (first) window[r][0] = REFLECT ? window[r][2] : window[r][1];
    end
  end

  always_ff @(posedge clk) begin
    if (advance) begin
      waiting <= held;
      wait_eol <= held_eol;
      wait_count <= held_count;
      wait_row <= held_row;
      group <= rows3;
    end
    if (fire) begin
      first <= wait_eol;
      column <= wait_eol ? 1'b0 : column ^ (LANES == 1);
      for (int r = 0; r < 3; r++) prior[r] <= group[r][LANES-1];
    end
    if (move) begin
      o_valid <= fire;
      o_window <= window;
      o_count <= wait_count;
      o_eol <= wait_eol;
      o_row <= wait_row;
      o_column <= column;
    end
    if (rst) begin
      waiting <= 1'b0;
      first <= 1'b1;
      column <= 1'b0;
      o_valid <= 1'b0;
    end
  end
endmodule
