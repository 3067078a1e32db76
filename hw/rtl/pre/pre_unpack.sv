// Cuts the byte stream into groups of samples that begin anew with each row.
//
// Rows follow each other without gaps, so a row may begin at any byte of a beat: two beats are held,
// and a window of `GROUP` bytes is shifted out of them. A group has `unit_count` units but for the
// last of a row. NV12's rows are luma, luma, chroma, and so on (`o_kind` 0, 1, 2).
// Handshake: valid/ready. Latency two clocks, throughput one group a clock.
module pre_unpack #(
    parameter int unsigned BEAT = 16,  // bytes, a power of two, at least GROUP
    parameter int unsigned GROUP = 12,  // most bytes of a group
    parameter int unsigned UNITS = 4  // most units of a group
) (
    input logic clk,
    input logic rst,
    input logic nv12,
    input logic [13:0] row_units,
    input logic [1:0] unit_bytes,
    input logic [$clog2(UNITS+1)-1:0] unit_count,

    input logic i_valid,
    output logic i_ready,
    input logic [BEAT*8-1:0] i_data,

    output logic o_valid,
    input logic o_ready,
    output logic [GROUP*8-1:0] o_data,
    output logic [$clog2(UNITS+1)-1:0] o_units,
    output logic o_eol,
    output logic [1:0] o_kind
);
  localparam int unsigned BW = $clog2(BEAT);
  localparam int unsigned UW = $clog2(UNITS + 1);

  logic [1:0][BEAT*8-1:0] beats;
  logic [1:0] full;  // beat 1 is never there without beat 0
  logic [BW-1:0] offset;
  logic [13:0] left;
  logic fresh;  // a row begins
  logic [1:0] kind;

  logic [13:0] units_left;
  logic eol, take, pop, enable;
  logic [UW-1:0] amount;
  logic [BW:0] bytes, past;

  assign enable = !o_valid || o_ready;
  assign units_left = fresh ? row_units : left;
  assign eol = units_left <= 14'(unit_count);
  assign amount = eol ? UW'(units_left) : unit_count;
  assign bytes = (unit_bytes == 2'd1) ? (BW + 1)'(amount) :
      (unit_bytes == 2'd2) ? (BW + 1)'({amount, 1'b0}) :
      (BW + 1)'({amount, 1'b0}) + (BW + 1)'(amount);
  // At most BEAT - 1 + BEAT.
  assign past = {1'b0, offset} + bytes;
  assign take = enable && full[0] && (past <= (BW + 1)'(BEAT) || full[1]);
  assign pop = take && past >= (BW + 1)'(BEAT);
  assign i_ready = !full[1] || pop;

  logic [1:0] kept;
  // A group is the beginning of it.
  // verilator lint_off UNUSEDSIGNAL
  logic [2*BEAT*8-1:0] window;
  // verilator lint_on UNUSEDSIGNAL
  assign window = beats >> {offset, 3'd0};
  assign kept = pop ? {1'b0, full[1]} : full;

  always_ff @(posedge clk) begin
    if (pop) beats[0] <= beats[1];
    if (i_valid && i_ready) begin
      if (kept[0]) beats[1] <= i_data;
      else beats[0] <= i_data;
    end
    if (enable) begin
      o_data <= window[GROUP*8-1:0];
      o_units <= amount;
      o_eol <= eol;
      o_kind <= kind;
    end
    if (take) begin
      left <= units_left - 14'(amount);
      fresh <= eol;
      offset <= past[BW-1:0];
      if (eol && nv12) kind <= kind == 2'd2 ? 2'd0 : kind + 2'd1;
    end
    if (enable) o_valid <= take;
    full <= (i_valid && i_ready) ? (kept[0] ? 2'b11 : 2'b01) : kept;
    if (rst) begin
      full <= '0;
      offset <= '0;
      fresh <= 1'b1;
      kind <= '0;
      o_valid <= 1'b0;
    end
  end
endmodule
