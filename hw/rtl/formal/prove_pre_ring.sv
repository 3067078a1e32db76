// Rows through the band ring: no word is written over before its row was given back, a row is shown
// only when it is whole, and a word that was written is there until then.

module prove_pre_ring (
    input logic aclk,
    input logic rst,
    input logic i_valid,
    input logic [23:0] i_pixel,
    input logic free,
    input logic read,
    input logic [2:0] read_at
);
  localparam logic [13:0] WORDS = 14'd8;

  logic i_ready, i_last;
  logic [13:0] row_words, rows;
  logic [2:0][1:0][7:0] read_data;

  pre_ring #(
      .PIXELS(2),
      .WORDS (8)
  ) dut (
      .clk(aclk),
      .*
  );

  logic started = 1'b0;
  // Rows that were given back, and what of the open row is there.
  logic [13:0] given;
  logic [14:0] held;
  logic [3:0] in_row;  // words of the open row that are complete
  logic half;

  // A row has `row_words` words of two pixels; the last one may have one pixel.
  logic odd;
  assign i_last = (in_row + 4'd1 == 4'(row_words)) && (half || odd);

  always_ff @(posedge aclk) begin
    started <= 1'b1;
    row_words <= row_words;
    odd <= odd;
    if (rst) begin
      given  <= '0;
      in_row <= '0;
      half   <= 1'b0;
    end else begin
      if (free) given <= given + 14'd1;
      if (i_valid && i_ready) begin
        half <= !half && !i_last;
        if (half || i_last) in_row <= i_last ? '0 : in_row + 4'd1;
      end
    end
  end
  // Shown and not given back, the one whose last word is on its way to the memory, and the open one.
  assign held = 15'(rows) - 15'(given) + 15'(dut.write_last) + 15'(dut.within_row);

  always_comb begin
    if (!started) assume (rst);
    assume (row_words != '0 && row_words <= WORDS);
    // Only rows that are there are given back; numbers of rows do not wrap in a frame.
    if (free) assume (given < rows);
    assume (rows < 14'd8192 && given < 14'd8192);
    if (started && !rst) begin
      assert (given <= rows);
      assert (dut.used <= 4'd8);
      // Room is taken by whole rows.
      assert (32'(dut.used) == 32'(row_words) * 32'(held));
      assert (dut.within_row == (in_row != '0 || half));
      assert (!dut.write_last || dut.write);
      assert (dut.place == half);
      assert (in_row < 4'(row_words));
    end
  end
endmodule : prove_pre_ring
