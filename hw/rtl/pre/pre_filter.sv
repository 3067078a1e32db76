// The 3x3 filter on each colour, one pixel a clock: 27 products.
//
// Groups are taken apart, and what comes out are groups of one pixel. Handshake: valid/ready.
// Latency: a row, and six clocks. Throughput: one pixel a clock, one clock more a row.
module pre_filter #(
    parameter int unsigned PPC = 4,
    parameter int unsigned MAX_SIDE = 8192
) (
    input logic clk,
    input logic rst,
    input logic [13:0] width,
    input logic [13:0] height,
    input logic [8:0][15:0] k,  // signed Q8

    input logic i_valid,
    output logic i_ready,
    input logic [PPC-1:0][2:0][7:0] i_pixels,
    input logic [$clog2(PPC+1)-1:0] i_count,
    input logic i_eol,

    output logic o_valid,
    input logic o_ready,
    output logic [2:0][7:0] o_pixel,
    output logic o_eol
);
  localparam int unsigned NW = $clog2(PPC + 1);
  localparam int unsigned LW = PPC > 1 ? $clog2(PPC) : 1;

  // One pixel of the group a clock.
  logic [LW-1:0] lane;
  logic s_ready, ends;
  assign ends = NW'(lane) + NW'(1) == i_count;
  assign i_ready = s_ready && ends;
  always_ff @(posedge clk) begin
    if (i_valid && s_ready) lane <= ends ? '0 : lane + 1'b1;
    if (rst) lane <= '0;
  end

  logic valid, enable, eol, row, column, count;
  logic [2:0][2:0][23:0] window;
  pre_window #(
      .LANES(1),
      .BITS(24),
      .MAX_SIDE(MAX_SIDE)
  ) i_window (
      .clk,
      .rst,
      .width,
      .height,
      .i_valid,
      .i_ready(s_ready),
      .i_pixels(i_pixels[lane]),
      .i_count(1'b1),
      .i_eol(i_eol && ends),
      .o_valid(valid),
      .o_ready(enable),
      .o_window(window),
      .o_count(count),
      .o_eol(eol),
      .o_row(row),
      .o_column(column)
  );
  logic unused;
  assign unused = ^{count, row, column};

  assign enable = !o_valid || o_ready;
  logic [2:0] valids, eols;
  always_ff @(posedge clk) begin
    if (enable) begin
      {o_valid, valids} <= {valids, valid};
      {o_eol, eols} <= {eols, eol};
    end
    if (rst) {o_valid, valids} <= '0;
  end

  // Products of 16 and 9 bits; their sum and the half are below 2^27.
  for (genvar c = 0; c < 3; c++) begin : g_colour
    logic [8:0][27:0] product;
    logic [2:0][27:0] line;
    // Rounded: the low bits are cut off.
    // verilator lint_off UNUSEDSIGNAL
    logic signed [27:0] sum;
    // verilator lint_on UNUSEDSIGNAL
    always_ff @(posedge clk) begin
      if (enable) begin
        for (int i = 0; i < 9; i++) begin
          product[i] <= 28'($signed(k[i])) * 28'($signed({1'b0, window[i/3][i%3][c*8+:8]}));
        end
        for (int i = 0; i < 3; i++) line[i] <= product[3*i] + product[3*i+1] + product[3*i+2];
        sum <= $signed(line[0] + line[1] + line[2] + 28'd128);
        o_pixel[c] <= sum[27] ? 8'd0 : (sum[26:16] != '0) ? 8'd255 : sum[15:8];
      end
    end
  end
endmodule
