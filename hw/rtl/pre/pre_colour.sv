// YUV to RGB (BT.601 limited range, Q20), or the samples as they are.
//
// Chroma is shared by pairs of lanes, so its four products are taken once a pair.
// Handshake: valid/ready, all stages move together. Latency three clocks, throughput one group.
module pre_colour #(
    parameter int unsigned LANES = 4
) (
    input logic clk,
    input logic rst,
    input logic yuv,

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
  localparam int unsigned PAIRS = (LANES + 1) / 2;
  localparam logic [20:0] LUMA = 21'd1220542;
  localparam logic signed [22:0] RED_V = 23'sd1673527;
  localparam logic signed [22:0] GREEN_V = -23'sd852492;
  localparam logic signed [22:0] GREEN_U = -23'sd409993;
  localparam logic signed [22:0] BLUE_U = 23'sd2116026;

  logic enable;
  assign enable = !o_valid || o_ready;
  assign i_ready = enable;

  logic [1:0] valid, eol;
  logic [1:0][NW-1:0] count;
  logic [1:0][LANES-1:0][2:0][7:0] plain;
  always_ff @(posedge clk) begin
    if (enable) begin
      plain <= {plain[0], i_pixels};
      count <= {count[0], i_count};
      eol <= {eol[0], i_eol};
      valid <= {valid[0], i_valid};
      o_count <= count[1];
      o_eol <= eol[1];
      o_valid <= valid[1];
    end
    if (rst) begin
      valid <= '0;
      o_valid <= 1'b0;
    end
  end

  // Of a sum in Q20, at most 2^30 in magnitude, the whole part.
  function automatic logic [7:0] byte_of(logic [11:0] v);
    return v[11] ? 8'd0 : (v[10:8] != '0) ? 8'd255 : v[7:0];
  endfunction

  logic [PAIRS-1:0][31:0] red_v, green_v, green_u, blue_u, green_uv;
  logic [PAIRS-1:0][31:0] red_v1, blue_u1;
  always_ff @(posedge clk) begin
    if (enable) begin
      for (int p = 0; p < int'(PAIRS); p++) begin
        automatic logic signed [8:0] u = $signed({1'b0, i_pixels[2*p][1]}) - 9'sd128;
        automatic logic signed [8:0] v = $signed({1'b0, i_pixels[2*p][2]}) - 9'sd128;
        red_v[p] <= 32'(v) * 32'(RED_V);
        green_v[p] <= 32'(v) * 32'(GREEN_V);
        green_u[p] <= 32'(u) * 32'(GREEN_U);
        blue_u[p] <= 32'(u) * 32'(BLUE_U);
        green_uv[p] <= green_v[p] + green_u[p];
        red_v1[p] <= red_v[p];
        blue_u1[p] <= blue_u[p];
      end
    end
  end

  for (genvar l = 0; l < int'(LANES); l++) begin : g_lane
    logic [7:0] above;
    logic [28:0] product;
    logic [31:0] luma;
    // verilator lint_off UNUSEDSIGNAL
    logic [31:0] red, green, blue;  // the fractions are cut off
    // verilator lint_on UNUSEDSIGNAL
    assign red = luma + red_v1[l/2];
    assign green = luma + green_uv[l/2];
    assign blue = luma + blue_u1[l/2];
    assign above = i_pixels[l][0] < 8'd16 ? 8'd0 : i_pixels[l][0] - 8'd16;
    always_ff @(posedge clk) begin
      if (enable) begin
        product <= 29'(above) * 29'(LUMA);
        luma <= {3'd0, product} + 32'd524288;
        if (yuv) begin
          o_pixels[l][0] <= byte_of(red[31:20]);
          o_pixels[l][1] <= byte_of(green[31:20]);
          o_pixels[l][2] <= byte_of(blue[31:20]);
        end else begin
          o_pixels[l] <= plain[1][l];
        end
      end
    end
  end
endmodule
