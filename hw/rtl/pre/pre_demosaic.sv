// Bayer samples to colours: a missing colour is the mean of its nearest neighbours that have it.
//
// Handshake: valid/ready. Latency: a row, and three clocks. Throughput: one group a clock, one clock
// more a row.
module pre_demosaic #(
    parameter int unsigned LANES = 4,
    parameter int unsigned MAX_SIDE = 8192
) (
    input logic clk,
    input logic rst,
    input logic [13:0] width,
    input logic [13:0] height,
    input logic red_x,  // column and row of red
    input logic red_y,

    input logic i_valid,
    output logic i_ready,
    input logic [LANES-1:0][7:0] i_samples,
    input logic [$clog2(LANES+1)-1:0] i_count,
    input logic i_eol,

    output logic o_valid,
    input logic o_ready,
    output logic [LANES-1:0][2:0][7:0] o_pixels,
    output logic [$clog2(LANES+1)-1:0] o_count,
    output logic o_eol
);
  logic valid, ready, eol, row, column;
  logic [2:0][LANES+1:0][7:0] window;
  logic [$clog2(LANES+1)-1:0] count;
  pre_window #(
      .LANES(LANES),
      .BITS(8),
      .MAX_SIDE(MAX_SIDE),
      .REFLECT(1'b1)
  ) i_window (
      .clk,
      .rst,
      .width,
      .height,
      .i_valid,
      .i_ready,
      .i_pixels(i_samples),
      .i_count,
      .i_eol,
      .o_valid(valid),
      .o_ready(ready),
      .o_window(window),
      .o_count(count),
      .o_eol(eol),
      .o_row(row),
      .o_column(column)
  );

  // The bits below the last one have done their part in rounding.
  // verilator lint_off UNUSEDSIGNAL
  function automatic logic [7:0] two(logic [7:0] a, logic [7:0] b);
    logic [8:0] sum;
    sum = 9'(a) + 9'(b) + 9'd1;
    return sum[8:1];
  endfunction

  function automatic logic [7:0] four(logic [7:0] a, logic [7:0] b, logic [7:0] c, logic [7:0] d);
    logic [9:0] sum;
    sum = 10'(a) + 10'(b) + 10'(c) + 10'(d) + 10'd2;
    return sum[9:2];
  endfunction
  // verilator lint_on UNUSEDSIGNAL

  // A row has green and one other colour, which begins at column `start`.
  logic red, start;
  assign red = row == red_y;
  assign start = red ? red_x : !red_x;
  assign ready = !o_valid || o_ready;

  for (genvar l = 0; l < int'(LANES); l++) begin : g_lane
    logic here;
    logic [7:0] own, green, other;
    logic [2:0][2:0][7:0] w;
    assign w = {window[2][l+:3], window[1][l+:3], window[0][l+:3]};
    assign here = (column ^ 1'(l % 2)) == start;
    assign own = here ? w[1][1] : two(w[1][0], w[1][2]);
    assign green = here ? four(w[0][1], w[2][1], w[1][0], w[1][2]) : w[1][1];
    assign other = here ? four(w[0][0], w[0][2], w[2][0], w[2][2]) : two(w[0][1], w[2][1]);
    always_ff @(posedge clk) begin
      if (ready) o_pixels[l] <= red ? {other, green, own} : {own, green, other};
    end
  end

  always_ff @(posedge clk) begin
    if (ready) begin
      o_valid <= valid;
      o_count <= count;
      o_eol <= eol;
    end
    if (rst) o_valid <= 1'b0;
  end
endmodule
