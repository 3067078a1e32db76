// Holds two luma rows until their chroma row is there, then gives both rows in colour samples.
//
// Two pairs of rows have room: while one is read at LANES pixels a clock, the next arrives at up to
// 2*LANES bytes a clock (three rows of bytes in the time of two rows of pixels need 1.5). A row that
// no output row looks at is not read at all: `need_*` has one bit a row, in order; with `all` every
// row is read. Handshake: valid/ready. Latency: a pair of rows and two clocks.
module pre_nv12 #(
    parameter int unsigned LANES = 4,
    parameter int unsigned MAX_SIDE = 8192
) (
    input logic clk,
    input logic rst,
    input logic [13:0] row_pixels,
    input logic all,

    input logic need_valid,
    input logic need,
    output logic need_take,

    input logic i_valid,
    output logic i_ready,
    input logic [LANES*16-1:0] i_data,
    input logic i_eol,
    input logic [1:0] i_kind,

    output logic o_valid,
    input logic o_ready,
    output logic [LANES*8-1:0] o_luma,
    output logic [LANES*8-1:0] o_chroma,
    output logic [$clog2(LANES+1)-1:0] o_count,
    output logic o_eol
);
  localparam int unsigned WORDS = MAX_SIDE / (2 * LANES);  // of a row
  localparam int unsigned AW = $clog2(WORDS);
  localparam int unsigned NW = $clog2(LANES + 1);

  // Pairs written and read, modulo four; the low bit is the pair's place.
  logic [1:0] pairs_in, pairs_out;
  logic [AW-1:0] word_in;
  logic write;

  assign i_ready = 2'(pairs_in - pairs_out) != 2'd2;
  assign write = i_valid && i_ready;

  always_ff @(posedge clk) begin
    if (rst) begin
      pairs_in <= '0;
      word_in <= '0;
    end else if (write) begin
      word_in <= i_eol ? '0 : word_in + 1'b1;
      if (i_eol && i_kind == 2'd2) pairs_in <= pairs_in + 2'd1;
    end
  end

  // Reader: each word is read once and gives two groups.
  logic reading, lower, second, enable, eol, present;
  logic [AW-1:0] word_out;
  logic [13:0] left;
  logic upper;  // the row of the pair that is looked at
  logic [LANES*16-1:0] luma, chroma;

  assign enable = !o_valid || o_ready;
  assign eol = left <= 14'(LANES);
  assign present = pairs_in != pairs_out;
  assign need_take = !reading && present && !all && need_valid;

  always_ff @(posedge clk) begin
    if (enable) begin
      o_valid <= reading;
      second <= lower;
      o_count <= eol ? NW'(left) : NW'(LANES);
      o_eol <= eol;
    end
    if (reading) begin
      if (enable) begin
        left <= left - 14'(LANES);
        lower <= !lower;
        if (lower) word_out <= word_out + 1'b1;
        if (eol) reading <= 1'b0;
      end
    end else begin
      left <= row_pixels;
      lower <= 1'b0;
      word_out <= '0;
    end
    // The end of a row, or one that is passed over.
    if ((reading && enable && eol) || (need_take && !need)) begin
      upper <= !upper;
      if (upper) pairs_out <= pairs_out + 2'd1;
    end
    if (!reading && present && (all || (need_valid && need))) reading <= 1'b1;
    if (rst) begin
      reading <= 1'b0;
      upper <= 1'b0;
      pairs_out <= '0;
      o_valid <= 1'b0;
    end
  end

  pre_ram #(
      .WIDTH(LANES * 16),
      .DEPTH(4 * WORDS)
  ) i_luma (
      .clk,
      .write(write && i_kind != 2'd2),
      .write_at({pairs_in[0], i_kind[0], word_in}),
      .write_data(i_data),
      .read(reading && enable && !lower),
      .read_at({pairs_out[0], upper, word_out}),
      .read_data(luma)
  );

  pre_ram #(
      .WIDTH(LANES * 16),
      .DEPTH(2 * WORDS)
  ) i_chroma (
      .clk,
      .write(write && i_kind == 2'd2),
      .write_at({pairs_in[0], word_in}),
      .write_data(i_data),
      .read(reading && enable && !lower),
      .read_at({pairs_out[0], word_out}),
      .read_data(chroma)
  );

  assign o_luma = second ? luma[LANES*8+:LANES*8] : luma[LANES*8-1:0];
  assign o_chroma = second ? chroma[LANES*8+:LANES*8] : chroma[LANES*8-1:0];
endmodule
