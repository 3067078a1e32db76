// `pre`: frame in, tensor out: all stages of the model but the flat field, on a crop as streamed.
//
// AXI4-Lite registers of hw/regs/pre.rdl, one AXI4-Stream packet in, the tensor's packets out. Takes
// PPC pixels a clock, gives up to one resized pixel a clock and M_BYTES of tensor. FEATURES has the
// bits of CAPS; what it leaves out is not built and refused. A job whose input is short or long ends
// with ShortInput: a packet that has begun then ends at its length, and no other begins.
module tandem_pre
  import tandem_pre_pkg::*;
#(
    parameter int unsigned PPC = 4,
    parameter int unsigned S_BYTES = 8,
    parameter int unsigned M_BYTES = 8,
    parameter int unsigned MAX_SIDE = 8192,  // columns of a crop and of content
    parameter int unsigned BAND_PIXELS = 32768,  // of the band ring; a planar band must fit
    parameter int unsigned FEATURES = 32'h7F7F
) (
    input logic aclk,
    input logic aresetn,
    output logic irq,

    input logic [11:0] s_axil_awaddr,
    input logic s_axil_awvalid,
    output logic s_axil_awready,
    input logic [31:0] s_axil_wdata,
    input logic [3:0] s_axil_wstrb,
    input logic s_axil_wvalid,
    output logic s_axil_wready,
    output logic [1:0] s_axil_bresp,
    output logic s_axil_bvalid,
    input logic s_axil_bready,
    input logic [11:0] s_axil_araddr,
    input logic s_axil_arvalid,
    output logic s_axil_arready,
    output logic [31:0] s_axil_rdata,
    output logic [1:0] s_axil_rresp,
    output logic s_axil_rvalid,
    input logic s_axil_rready,

    input logic [S_BYTES*8-1:0] s_axis_tdata,
    input logic [S_BYTES-1:0] s_axis_tkeep,
    input logic s_axis_tlast,
    input logic s_axis_tvalid,
    output logic s_axis_tready,

    output logic [M_BYTES*8-1:0] m_axis_tdata,
    output logic [M_BYTES-1:0] m_axis_tkeep,
    output logic m_axis_tlast,
    output logic m_axis_tvalid,
    input logic m_axis_tready
);
  localparam int unsigned RING_WORDS = BAND_PIXELS / M_BYTES;
  localparam int unsigned NW = $clog2(PPC + 1);

  // There is no coefficient 9, the upper half of K8.
  // verilator lint_off UNUSEDSIGNAL
  tandem_regs_pre_pkg::q_t q;
  // verilator lint_on UNUSEDSIGNAL
  tandem_regs_pre_pkg::d_t d;
  logic rst, begin_job, run, end_job;
  logic [7:0] end_code;

  tandem_regs_pre #(
      .CAPS({16'(MAX_SIDE), 1'b0, 15'(FEATURES)})
  ) i_regs (
      .aclk,
      .aresetn,
      .s_axil_awaddr,
      .s_axil_awvalid,
      .s_axil_awready,
      .s_axil_wdata,
      .s_axil_wstrb,
      .s_axil_wvalid,
      .s_axil_wready,
      .s_axil_bresp,
      .s_axil_bvalid,
      .s_axil_bready,
      .s_axil_araddr,
      .s_axil_arvalid,
      .s_axil_arready,
      .s_axil_rdata,
      .s_axil_rresp,
      .s_axil_rvalid,
      .s_axil_rready,
      .q,
      .d
  );
  assign d.capacity_words = 24'(RING_WORDS);
  assign d.capacity_word_pixels = 8'(M_BYTES);
  tandem_job i_job (
      .aclk,
      .aresetn,
      .start_count(q.start_count),
      .ack_count(q.ack_count),
      .ctrl_irq_en(q.ctrl_irq_en),
      .ctrl_reset(q.ctrl_reset),
      .done_count(d.done_count),
      .status_code(d.status_code),
      .irq,
      .rst,
      .begin_job,
      .run,
      .end_job,
      .end_code
  );

  // The parameters of the job that runs: software may write the next one's meanwhile.
  pre_regs_t regs;
  pre_job_t job;
  always_ff @(posedge aclk) begin
    if (begin_job) begin
      regs <= '{
          pixel: q.format_pixel,
          layout: q.format_layout,
          band_rows: q.format_band_rows,
          frame_w: q.frame_size_width,
          frame_h: q.frame_size_height,
          stride: q.frame_stride,
          crop_x: q.crop_pos_x,
          crop_y: q.crop_pos_y,
          crop_w: q.crop_size_width,
          crop_h: q.crop_size_height,
          width: q.tensor_size_width,
          height: q.tensor_size_height,
          cont_x: q.content_pos_x,
          cont_y: q.content_pos_y,
          cont_w: q.content_size_width,
          cont_h: q.content_size_height,
          step_x: q.step_x,
          step_y: q.step_y,
          pad: {q.pad_c2, q.pad_c1, q.pad_c0},
          scale: {q.scale_2, q.scale_1, q.scale_0},
          offset: {q.offset_2, q.offset_1, q.offset_0},
          element: q.output_element,
          channels: q.output_channels,
          resize: q.output_resize,
          kernel3: q.output_kernel3_en,
          lut: q.output_lut_en,
          flat: q.output_flat_en,
          k: {
            q.k8_low,
            q.k6_k7_high,
            q.k6_k7_low,
            q.k4_k5_high,
            q.k4_k5_low,
            q.k2_k3_high,
            q.k2_k3_low,
            q.k0_k1_high,
            q.k0_k1_low
          }
      };
    end
  end
  assign job = job_of(regs);

  // Checked first; then everything is let out of reset, and goes back into it when the job ends.
  logic check_go, check_done, good, work, clear;
  logic [27:0] frame_bytes;
  logic [13:0] row_words;
  logic [3:0][29:0] inverse;
  pre_check #(
      .FEATURES(15'(FEATURES)),
      .MAX_SIDE(MAX_SIDE),
      .RING_WORDS(RING_WORDS),
      .RING_PIXELS(M_BYTES)
  ) i_check (
      .clk(aclk),
      .rst,
      .go(check_go),
      .regs,
      .done(check_done),
      .good,
      .frame_bytes,
      .row_words,
      .inverse
  );

  logic in_ended, in_wrong, walk_ended, out_idle;
  assign clear = rst || !work;
  assign end_job = run && !check_go && check_done &&
      (work ? in_ended && walk_ended && out_idle : !good);
  assign end_code = !work ? STATUS_REFUSED : in_wrong ? STATUS_SHORT : STATUS_OK;
  always_ff @(posedge aclk) begin
    check_go <= begin_job;
    if (rst || end_job || begin_job) work <= 1'b0;
    else if (run && !check_go && check_done && good) work <= 1'b1;
  end

  // Input.
  logic f_valid, f_ready, f_last;
  pre_framer #(
      .S_BYTES(S_BYTES)
  ) i_framer (
      .clk(aclk),
      .run(!clear),
      .bytes(frame_bytes),
      .ended(in_ended),
      .wrong(in_wrong),
      .s_valid(s_axis_tvalid),
      .s_ready(s_axis_tready),
      .s_last(s_axis_tlast),
      .s_keep(s_axis_tkeep),
      .o_valid(f_valid),
      .o_ready(f_ready),
      .o_last(f_last)
  );

  // Only NV12 can leave rows out at the source: in all else they must be streamed through, and a
  // filter looks at every row.
  logic skip, need_valid, need, need_take;
  assign skip = job.nv12 && !job.kernel3;
  logic g_valid, g_ready, g_eol;
  logic [PPC-1:0][2:0][7:0] g_pixels;
  logic [NW-1:0] g_count;
  pre_stages #(
      .PPC(PPC),
      .S_BYTES(S_BYTES),
      .MAX_SIDE(MAX_SIDE),
      .FEATURES(15'(FEATURES))
  ) i_stages (
      .clk(aclk),
      .aresetn,
      .rst(clear),
      .job,
      .skip,
      .need_valid,
      .need,
      .need_take,
      .entry({q.lut_colour, q.lut_pair, q.lut_odd, q.lut_even}),
      .i_valid(f_valid),
      .i_ready(f_ready),
      .i_last(f_last),
      .i_data(s_axis_tdata),
      .o_valid(g_valid),
      .o_ready(g_ready),
      .o_pixels(g_pixels),
      .o_count(g_count),
      .o_eol(g_eol)
  );

  logic r_valid, r_ready, r_last;
  logic [2:0][7:0] r_pixel;
  pre_resize #(
      .PPC(PPC),
      .MAX_SIDE(MAX_SIDE),
      .FEATURES(15'(FEATURES))
  ) i_resize (
      .clk(aclk),
      .rst(clear),
      .job,
      .inverse,
      .skip,
      .need_valid,
      .need,
      .need_take,
      .i_valid(g_valid),
      .i_ready(g_ready),
      .i_pixels(g_pixels),
      .i_count(g_count),
      .i_eol(g_eol),
      .o_valid(r_valid),
      .o_ready(r_ready),
      .o_pixel(r_pixel),
      .o_last(r_last)
  );

  // Output.
  pre_output #(
      .LANES(M_BYTES),
      .WORDS(RING_WORDS),
      .FEATURES(15'(FEATURES))
  ) i_output (
      .clk(aclk),
      .rst(clear),
      .stop(in_wrong),
      .job,
      .row_words,
      .i_valid(r_valid),
      .i_ready(r_ready),
      .i_pixel(r_pixel),
      .i_last(r_last),
      .o_valid(m_axis_tvalid),
      .o_ready(m_axis_tready),
      .o_data(m_axis_tdata),
      .o_keep(m_axis_tkeep),
      .o_last(m_axis_tlast),
      .ended(walk_ended),
      .idle(out_idle)
  );
endmodule
