// From beats to groups of up to PPC pixels of three samples: R, G, B or Y, U, V, or a Bayer sample
// in the low bits.
//
// Rows of NV12 go through line buffers until their chroma is there; everything else is cut out of
// the stream directly. Pixels that share chroma come in pairs, so there are at least two lanes up
// to the serialiser that PPC 1 has. Handshake: valid/ready.
module pre_source
  import tandem_pre_pkg::*;
#(
    parameter int unsigned PPC = 4,
    parameter int unsigned S_BYTES = 8,
    parameter int unsigned MAX_SIDE = 8192,
    parameter logic [14:0] FEATURES = 15'h7F7F
) (
    input logic clk,
    input logic rst,
    // Of the job a module takes what it needs.
    // verilator lint_off UNUSEDSIGNAL
    input pre_job_t job,
    // verilator lint_on UNUSEDSIGNAL
    input logic skip,  // rows that are not needed may be left out

    input logic need_valid,
    input logic need,
    output logic need_take,

    input logic i_valid,
    output logic i_ready,
    input logic i_last,
    input logic [S_BYTES*8-1:0] i_data,

    output logic o_valid,
    input logic o_ready,
    output logic [PPC-1:0][23:0] o_lanes,
    output logic [$clog2(PPC+1)-1:0] o_count,
    output logic o_eol
);
  localparam int unsigned LANES = PPC < 2 ? 2 : PPC;
  localparam int unsigned UNITS = 2 * LANES;  // NV12 arrives in bytes, two a lane
  localparam int unsigned GROUP = FEATURES[F_RGB8] ? 3 * LANES : 2 * LANES;
  localparam int unsigned FITS = 1 << $clog2(GROUP);
  localparam int unsigned BEAT = S_BYTES > FITS ? S_BYTES : FITS;
  localparam int unsigned UW = $clog2(UNITS + 1);
  localparam int unsigned NW = $clog2(LANES + 1);

  // Beats wide enough for a group.
  logic w_valid, w_ready;
  logic [BEAT*8-1:0] w_data;
  if (BEAT > S_BYTES) begin : g_widen
    pre_widen #(
        .I_BYTES(S_BYTES),
        .O_BYTES(BEAT)
    ) i_widen (
        .clk,
        .rst,
        .i_valid,
        .i_ready,
        .i_last,
        .i_data,
        .o_valid(w_valid),
        .o_ready(w_ready),
        .o_data(w_data)
    );
  end else begin : g_as_is
    logic unused;
    assign unused = i_last;
    assign w_valid = i_valid;
    assign i_ready = w_ready;
    assign w_data = i_data;
  end

  logic [1:0] unit_bytes;
  assign unit_bytes = job.rgb ? 2'd3 : (job.yuyv || job.deep) ? 2'd2 : 2'd1;

  logic u_valid, u_ready, u_eol;
  logic [GROUP*8-1:0] u_data;
  // More than LANES only of NV12, whose pixels are counted behind the line buffers.
  // verilator lint_off UNUSEDSIGNAL
  logic [UW-1:0] u_units;
  // verilator lint_on UNUSEDSIGNAL
  logic [1:0] u_kind;
  pre_unpack #(
      .BEAT (BEAT),
      .GROUP(GROUP),
      .UNITS(UNITS)
  ) i_unpack (
      .clk,
      .rst,
      .nv12(job.nv12),
      .row_units(job.crop_w),
      .unit_bytes,
      .unit_count(job.nv12 ? UW'(UNITS) : UW'(LANES)),
      .i_valid(w_valid),
      .i_ready(w_ready),
      .i_data(w_data),
      .o_valid(u_valid),
      .o_ready(u_ready),
      .o_data(u_data),
      .o_units(u_units),
      .o_eol(u_eol),
      .o_kind(u_kind)
  );

  // NV12 by way of its line buffers.
  logic n_in_ready, n_valid, n_ready, n_eol;
  logic [LANES*8-1:0] n_luma, n_chroma;
  logic [NW-1:0] n_count;
  if (FEATURES[F_NV12]) begin : g_nv12
    pre_nv12 #(
        .LANES(LANES),
        .MAX_SIDE(MAX_SIDE)
    ) i_nv12 (
        .clk,
        .rst,
        .row_pixels(job.crop_w),
        .all(!skip),
        .need_valid(need_valid && job.nv12),
        .need,
        .need_take,
        .i_valid(u_valid && job.nv12),
        .i_ready(n_in_ready),
        .i_data(u_data[LANES*16-1:0]),
        .i_eol(u_eol),
        .i_kind(u_kind),
        .o_valid(n_valid),
        .o_ready(n_ready),
        .o_luma(n_luma),
        .o_chroma(n_chroma),
        .o_count(n_count),
        .o_eol(n_eol)
    );
  end else begin : g_no_nv12
    logic unused;
    assign unused = ^{need_valid, need, skip, n_ready, u_kind};
    assign {need_take, n_in_ready, n_valid, n_eol} = '0;
    assign {n_luma, n_chroma, n_count} = '0;
  end

  logic [GROUP-1:0][7:0] bytes;
  assign bytes = u_data;
  logic [LANES-1:0][2:0][7:0] lanes;
  for (genvar l = 0; l < int'(LANES); l++) begin : g_lane
    logic [7:0] luma, chroma_u, chroma_v;
    assign luma = n_luma[l*8+:8];
    assign chroma_u = n_chroma[(l/2)*16+:8];
    assign chroma_v = n_chroma[(l/2)*16+8+:8];
    always_comb begin
      lanes[l] = {3{bytes[l]}};
      if (FEATURES[F_BAYER16] && job.deep) lanes[l][1:0] = {bytes[2*l+1], bytes[2*l]};
      if (FEATURES[F_YUYV] && job.yuyv) begin
        lanes[l] = {bytes[4*(l/2)+3], bytes[4*(l/2)+1], bytes[2*l]};
      end
      if (FEATURES[F_RGB8] && job.rgb) begin
        lanes[l] = {bytes[(3*l+2)%GROUP], bytes[(3*l+1)%GROUP], bytes[(3*l)%GROUP]};
      end
      if (FEATURES[F_NV12] && job.nv12) lanes[l] = {chroma_v, chroma_u, luma};
    end
  end

  logic valid, ready, eol;
  logic [NW-1:0] count;
  assign valid = job.nv12 ? n_valid : u_valid;
  assign count = job.nv12 ? n_count : NW'(u_units);
  assign eol = job.nv12 ? n_eol : u_eol;
  assign u_ready = job.nv12 ? n_in_ready : ready;
  assign n_ready = ready;

  if (PPC == 1) begin : g_single
    // One of the two pixels a clock.
    logic second, ends;
    assign ends = second || count == NW'(1);
    assign o_valid = valid;
    assign ready = o_ready && ends;
    assign o_lanes = lanes[second];
    assign o_count = 1'b1;
    assign o_eol = eol && ends;
    always_ff @(posedge clk) begin
      if (valid && o_ready) second <= !ends;
      if (rst) second <= 1'b0;
    end
  end else begin : g_group
    assign o_valid = valid;
    assign ready = o_ready;
    assign o_lanes = lanes;
    assign o_count = count;
    assign o_eol = eol;
  end
endmodule
