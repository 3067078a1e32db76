// The pixels of a frame: bytes of the stream to pixels, through every stage before the resize.
//
// Unpacking, lookup, colour, demosaicing, 3x3 filter, grey, in the model's order. What FEATURES leaves
// out is not built, what a job does not ask for is passed by. Valid and ready at both ends, PPC pixels
// a clock (a filter: one); the way back from the resize, whose ready depends on its positions, is cut
// by a skid buffer. Rows that the resize does not need (`need_*`) are left out at the source.
module pre_stages
  import tandem_pre_pkg::*;
#(
    parameter int unsigned PPC = 4,
    parameter int unsigned S_BYTES = 8,
    parameter int unsigned MAX_SIDE = 8192,
    parameter logic [14:0] FEATURES = '1,
    localparam int unsigned NW = $clog2(PPC + 1)
) (
    input logic clk,
    input logic aresetn,  // of the tables, which outlive a job
    input logic rst,
    input pre_job_t job,
    input logic skip,
    input logic need_valid,
    input logic need,
    output logic need_take,

    input logic [28:0] entry,  // the register that names a pair of entries: colour, pair, odd, even

    input logic i_valid,
    output logic i_ready,
    input logic i_last,
    input logic [S_BYTES*8-1:0] i_data,

    output logic o_valid,
    input logic o_ready,
    output logic [PPC-1:0][2:0][7:0] o_pixels,
    output logic [NW-1:0] o_count,
    output logic o_eol
);
  logic s_valid, s_ready, s_eol;
  logic [PPC-1:0][23:0] s_lanes;
  logic [NW-1:0] s_count;
  pre_source #(
      .PPC(PPC),
      .S_BYTES(S_BYTES),
      .MAX_SIDE(MAX_SIDE),
      .FEATURES(FEATURES)
  ) i_source (
      .clk,
      .rst,
      .job,
      .skip,
      .need_valid,
      .need,
      .need_take,
      .i_valid,
      .i_ready,
      .i_last,
      .i_data,
      .o_valid(s_valid),
      .o_ready(s_ready),
      .o_lanes(s_lanes),
      .o_count(s_count),
      .o_eol(s_eol)
  );

  // The tables follow the register that names a pair of their entries.
  logic entry_seen;
  logic [28:0] entry_before;
  always_ff @(posedge clk) begin
    entry_before <= entry;
    entry_seen <= aresetn;
  end

  logic p_valid, p_ready, p_eol;
  logic [PPC-1:0][2:0][7:0] p_pixels;
  logic [NW-1:0] p_count;
  if (FEATURES[F_LUT] || FEATURES[F_BAYER16]) begin : g_level
    pre_level #(
        .LANES(PPC),
        .DEEP(FEATURES[F_BAYER16]),
        .LOOKUP(FEATURES[F_LUT])
    ) i_level (
        .clk,
        .rst,
        .job,
        .table_write(!entry_seen || entry != entry_before),
        .table_colour(entry[28:27]),
        .table_pair(entry[26:16]),
        .table_entries(entry[15:0]),
        .i_valid(s_valid),
        .i_ready(s_ready),
        .i_lanes(s_lanes),
        .i_count(s_count),
        .i_eol(s_eol),
        .o_valid(p_valid),
        .o_ready(p_ready),
        .o_pixels(p_pixels),
        .o_count(p_count),
        .o_eol(p_eol)
    );
  end else begin : g_no_level
    logic unused_entry;
    assign unused_entry = ^{entry_before, entry_seen};
    assign {p_valid, p_pixels, p_count, p_eol} = {s_valid, s_lanes, s_count, s_eol};
    assign s_ready = p_ready;
  end

  logic c_valid, c_ready, c_eol;
  logic [PPC-1:0][2:0][7:0] c_pixels;
  logic [NW-1:0] c_count;
  pre_colour #(
      .LANES(PPC)
  ) i_colour (
      .clk,
      .rst,
      .yuv(job.nv12 || job.yuyv),
      .i_valid(p_valid),
      .i_ready(p_ready),
      .i_pixels(p_pixels),
      .i_count(p_count),
      .i_eol(p_eol),
      .o_valid(c_valid),
      .o_ready(c_ready),
      .o_pixels(c_pixels),
      .o_count(c_count),
      .o_eol(c_eol)
  );

  // What is not built in, or not asked for, is passed by.
  logic b_valid, b_ready, b_eol;
  logic [PPC-1:0][2:0][7:0] b_pixels;
  logic [NW-1:0] b_count;
  if (FEATURES[F_BAYER8] || FEATURES[F_BAYER16]) begin : g_bayer
    logic d_valid, d_ready, d_eol;
    logic [PPC-1:0][7:0] samples;
    logic [PPC-1:0][2:0][7:0] d_pixels;
    logic [NW-1:0] d_count;
    for (genvar l = 0; l < int'(PPC); l++) begin : g_lane
      assign samples[l] = c_pixels[l][0];
    end
    pre_demosaic #(
        .LANES(PPC),
        .MAX_SIDE(MAX_SIDE)
    ) i_demosaic (
        .clk,
        .rst(rst || !job.bayer),
        .width(job.crop_w),
        .height(job.crop_h),
        .red_x(job.red_x),
        .red_y(job.red_y),
        .i_valid(c_valid && job.bayer),
        .i_ready(d_ready),
        .i_samples(samples),
        .i_count(c_count),
        .i_eol(c_eol),
        .o_valid(d_valid),
        .o_ready(b_ready),
        .o_pixels(d_pixels),
        .o_count(d_count),
        .o_eol(d_eol)
    );
    assign c_ready = job.bayer ? d_ready : b_ready;
    assign b_valid = job.bayer ? d_valid : c_valid;
    assign b_pixels = job.bayer ? d_pixels : c_pixels;
    assign b_count = job.bayer ? d_count : c_count;
    assign b_eol = job.bayer ? d_eol : c_eol;
  end else begin : g_no_bayer
    assign {b_valid, b_pixels, b_count, b_eol} = {c_valid, c_pixels, c_count, c_eol};
    assign c_ready = b_ready;
  end

  logic k_valid, k_ready, k_eol;
  logic [PPC-1:0][2:0][7:0] k_pixels;
  logic [NW-1:0] k_count;
  if (FEATURES[F_KERNEL3]) begin : g_filter
    logic e_valid, e_ready, e_eol;
    logic [2:0][7:0] e_pixel;
    pre_filter #(
        .PPC(PPC),
        .MAX_SIDE(MAX_SIDE)
    ) i_filter (
        .clk,
        .rst(rst || !job.kernel3),
        .width(job.crop_w),
        .height(job.crop_h),
        .k(job.k),
        .i_valid(b_valid && job.kernel3),
        .i_ready(e_ready),
        .i_pixels(b_pixels),
        .i_count(b_count),
        .i_eol(b_eol),
        .o_valid(e_valid),
        .o_ready(k_ready),
        .o_pixel(e_pixel),
        .o_eol(e_eol)
    );
    assign b_ready = job.kernel3 ? e_ready : k_ready;
    assign k_valid = job.kernel3 ? e_valid : b_valid;
    assign k_pixels = job.kernel3 ? {PPC{e_pixel}} : b_pixels;
    assign k_count = job.kernel3 ? NW'(1) : b_count;
    assign k_eol = job.kernel3 ? e_eol : b_eol;
  end else begin : g_no_filter
    assign {k_valid, k_pixels, k_count, k_eol} = {b_valid, b_pixels, b_count, b_eol};
    assign b_ready = k_ready;
  end

  logic y_valid, y_ready, y_eol;
  logic [PPC-1:0][2:0][7:0] y_pixels;
  logic [NW-1:0] y_count;
  if (FEATURES[F_GREY]) begin : g_grey
    pre_grey #(
        .LANES(PPC)
    ) i_grey (
        .clk,
        .rst,
        .grey(job.grey),
        .i_valid(k_valid),
        .i_ready(k_ready),
        .i_pixels(k_pixels),
        .i_count(k_count),
        .i_eol(k_eol),
        .o_valid(y_valid),
        .o_ready(y_ready),
        .o_pixels(y_pixels),
        .o_count(y_count),
        .o_eol(y_eol)
    );
  end else begin : g_no_grey
    assign {y_valid, y_pixels, y_count, y_eol} = {k_valid, k_pixels, k_count, k_eol};
    assign k_ready = y_ready;
  end

  // Ready of the resize depends on its positions; here the way back to the input is cut.
  tandem_skid #(
      .WIDTH(PPC * 24 + NW + 1)
  ) i_skid (
      .aclk(clk),
      .aresetn(!rst),
      .s_data({y_pixels, y_count, y_eol}),
      .s_valid(y_valid),
      .s_ready(y_ready),
      .m_data({o_pixels, o_count, o_eol}),
      .m_valid(o_valid),
      .m_ready(o_ready)
  );
endmodule
