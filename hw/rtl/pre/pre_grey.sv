// RGB to luma of BT.601 full range, Q14 weights that sum to one; or the pixels as they are.
//
// The luma is in the first sample. Handshake: valid/ready, both stages move together. Latency two
// clocks, throughput one group a clock.
module pre_grey #(
    parameter int unsigned LANES = 4
) (
    input logic clk,
    input logic rst,
    input logic grey,

    input logic i_valid,
    output logic i_ready,
    input logic [LANES-1:0][2:0][7:0] i_pixels,
    input logic [$clog2(LANES+1)-1:0] i_count,
    input logic i_eol,

    output logic o_valid,
    input logic o_ready,
    output logic [LANES-1:0][2:0][7:0] o_pixels,
    output logic [$clog2(LANES+1)-1:0] o_count,
    output logic o_eol
);
  localparam int unsigned NW = $clog2(LANES + 1);
  localparam logic [13:0] RED = 14'd4899;
  localparam logic [13:0] GREEN = 14'd9617;
  localparam logic [13:0] BLUE = 14'd1868;

  logic enable, valid, eol;
  logic [NW-1:0] count;
  logic [LANES-1:0][2:0][7:0] plain;
  assign enable = !o_valid || o_ready;
  assign i_ready = enable;

  always_ff @(posedge clk) begin
    if (enable) begin
      valid <= i_valid;
      count <= i_count;
      eol <= i_eol;
      plain <= i_pixels;
      o_valid <= valid;
      o_count <= count;
      o_eol <= eol;
    end
    if (rst) begin
      valid <= 1'b0;
      o_valid <= 1'b0;
    end
  end

  for (genvar l = 0; l < int'(LANES); l++) begin : g_lane
    // Rounded: the low bits of the sum are cut off.
    // verilator lint_off UNUSEDSIGNAL
    logic [21:0] red, green, blue, sum;
    // verilator lint_on UNUSEDSIGNAL
    assign sum = red + green + blue + 22'd8192;
    always_ff @(posedge clk) begin
      if (enable) begin
        red <= 22'(i_pixels[l][0]) * 22'(RED);
        green <= 22'(i_pixels[l][1]) * 22'(GREEN);
        blue <= 22'(i_pixels[l][2]) * 22'(BLUE);
        o_pixels[l] <= grey ? {16'd0, sum[21:14]} : plain[l];
      end
    end
  end
endmodule
