// The band ring: rows of content, three planes side by side, between the resize and the packets.
//
// Pixels come row by row and are gathered to words of PIXELS; a row begins at a new word. A row is
// let in when it has room. `rows` counts the rows that can be read, `free` gives one row's room back.
// Reading has a latency of one clock; the words stay until the next read. Throughput: one pixel in,
// one word of each plane out.
module pre_ring #(
    parameter int unsigned PIXELS = 8,
    parameter int unsigned WORDS = 4096  // a power of two
) (
    input logic clk,
    input logic rst,
    input logic [13:0] row_words,

    input logic i_valid,
    output logic i_ready,
    input logic [2:0][7:0] i_pixel,
    input logic i_last,

    output logic [13:0] rows,
    input logic free,

    input logic read,
    input logic [$clog2(WORDS)-1:0] read_at,
    output logic [2:0][PIXELS-1:0][7:0] read_data
);
  localparam int unsigned AW = $clog2(WORDS);
  localparam int unsigned PW = $clog2(PIXELS);

  logic [AW:0] used;  // words of rows that were let in
  logic within_row;  // in the middle of a row
  logic [PW-1:0] place;
  logic [2:0][PIXELS-1:0][7:0] word, joined;
  logic [AW-1:0] at;
  logic room, take, full, begins, write, write_last;

  assign room = 15'(used) + 15'(row_words) <= 15'(WORDS);
  assign i_ready = within_row || room;
  assign take = i_valid && i_ready;
  assign begins = take && !within_row;
  assign full = i_last || place == '1;

  always_comb begin
    joined = word;
    for (int c = 0; c < 3; c++) joined[c][place] = i_pixel[c];
  end

  always_ff @(posedge clk) begin
    if (take) begin
      word <= joined;
      place <= full ? '0 : place + 1'b1;
      within_row <= !i_last;
    end
    write <= take && full;
    write_last <= take && i_last;
    if (write) at <= at + 1'b1;
    if (write_last) rows <= rows + 14'd1;
    used <= used + (begins ? (AW + 1)'(row_words) : '0) - (free ? (AW + 1)'(row_words) : '0);
    if (rst) begin
      used <= '0;
      within_row <= 1'b0;
      place <= '0;
      write <= 1'b0;
      write_last <= 1'b0;
      at <= '0;
      rows <= '0;
    end
  end

  for (genvar c = 0; c < 3; c++) begin : g_plane
    pre_ram #(
        .WIDTH(PIXELS * 8),
        .DEPTH(WORDS)
    ) i_plane (
        .clk,
        .write,
        .write_at(at),
        .write_data(word[c]),
        .read,
        .read_at,
        .read_data(read_data[c])
    );
  end
endmodule
