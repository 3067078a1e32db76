// The post-process kernel: raw heads in, detections out, as tandem_model::post computes them.
//
// A job (see tandem_job) takes its parameters when it begins; they are looked at, then one packet
// of heads is taken, then one packet with the result is given, or none and a status other than 0:
// parameters refused (nothing is taken), too many candidates, a packet of another length than the
// heads have (it is taken up to its TLAST).
//
// Throughput: a number a clock, whatever S_BYTES and the heads' elements are, except where a grid has fewer than 8 cells,
// where a `yolov8` head has fewer than 17 classes, and where candidates come faster than
// they are used (`yolov8`: 42 clocks each; more than NMS_SLOTS candidates). The result follows after
// suppression (see nms), a word a clock.
//
//   stream - unpack - gear - walk - number - track - decode - fifo - reach - nms - report - pack - stream
//                                          \ dfl ----------------- /
//
// post_input is the part up to number, post_cells the one up to reach. From walk to decode nothing
// ever waits: walk stops while the FIFO has no room for all that is on the way.
module tandem_post
  import post_pkg::*;
  import tandem_regs_post_pkg::*;
#(
    // Bytes of a beat: 4, 8 or 16.
    parameter int unsigned S_BYTES = 4,
    parameter int unsigned M_BYTES = 4,
    // Comparators of suppression.
    parameter int unsigned LANES = 16,
    // Candidates that are kept for suppression, more than 4096.
    parameter int unsigned NMS_SLOTS = 5120,
    // Largest grid, 65535 at most; largest grid of a `yolov8` head, 0 to leave that rule out.
    parameter int unsigned CELLS = 8400,
    parameter int unsigned DFL_CELLS = 6400,
    // 1: what is kept of the cells is in UltraRAM; 0: in block RAM.
    parameter int unsigned ULTRA = 0,
    // Elements of heads beside f32 that are built in: 1 for f16, 2 for i8, 3 for both.
    parameter int unsigned ELEMENTS = 3
) (
    input  logic                 aclk,
    input  logic                 aresetn,
    output logic                 irq,
    input  logic [         11:0] s_axil_awaddr,
    input  logic                 s_axil_awvalid,
    output logic                 s_axil_awready,
    input  logic [         31:0] s_axil_wdata,
    input  logic [          3:0] s_axil_wstrb,
    input  logic                 s_axil_wvalid,
    output logic                 s_axil_wready,
    output logic [          1:0] s_axil_bresp,
    output logic                 s_axil_bvalid,
    input  logic                 s_axil_bready,
    input  logic [         11:0] s_axil_araddr,
    input  logic                 s_axil_arvalid,
    output logic                 s_axil_arready,
    output logic [         31:0] s_axil_rdata,
    output logic [          1:0] s_axil_rresp,
    output logic                 s_axil_rvalid,
    input  logic                 s_axil_rready,
    input  logic [8*S_BYTES-1:0] s_axis_tdata,
    input  logic [  S_BYTES-1:0] s_axis_tkeep,
    input  logic                 s_axis_tlast,
    input  logic                 s_axis_tvalid,
    output logic                 s_axis_tready,
    output logic [8*M_BYTES-1:0] m_axis_tdata,
    output logic [  M_BYTES-1:0] m_axis_tkeep,
    output logic                 m_axis_tlast,
    output logic                 m_axis_tvalid,
    input  logic                 m_axis_tready
);
  // ---- Registers and the job ----
  q_t q;
  d_t d;
  logic rst, begin_job, end_job;
  // `state` knows it.
  // verilator lint_off UNUSEDSIGNAL
  logic run, nms_in_order;
  // verilator lint_on UNUSEDSIGNAL
  logic [7:0] end_code;
  tandem_regs_post regs (.*);
  localparam bit HALF = ELEMENTS[0];
  localparam bit BYTE = ELEMENTS[1];
  assign d.caps_f16 = HALF;
  assign d.caps_i8 = BYTE;
  assign d.caps_yolov8 = DFL_CELLS > 0;
  assign d.capacity_cells = 16'(CELLS);
  assign d.capacity_yolov8_cells = 16'(DFL_CELLS);
  tandem_job jobs (
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
  job_t job;
  post_job_of job_of (
      .aclk,
      .take(begin_job),
      .q,
      .job
  );

  typedef enum logic [2:0] {
    IDLE,
    CHECK,
    INPUT,
    FLUSH,
    SUPPRESS,
    REPORT
  } state_t;
  state_t state;
  logic begun, clear, checked, good, input_ended, input_complete, flushed, suppressed, reported;
  logic too_many, report_start;
  plan_t [MAX_HEADS-1:0] plans;
  assign clear = rst || begin_job;
  assign report_start = state == SUPPRESS && suppressed && !too_many;
  always_comb begin
    end_job = 1'b0;
    end_code = POST_STATUS_OK;
    case (state)
      CHECK:
      if (checked && !good) {end_job, end_code} = {1'b1, POST_STATUS_REFUSEDPARAMS};
      INPUT:
      if (input_ended && !input_complete) {end_job, end_code} = {1'b1, POST_STATUS_SHORTINPUT};
      SUPPRESS:
      if (suppressed && too_many) {end_job, end_code} = {1'b1, POST_STATUS_TOOMANYCANDIDATES};
      REPORT: end_job = reported;
      default: ;
    endcase
  end
  always_ff @(posedge aclk) begin
    begun <= begin_job;
    case (state)
      CHECK: if (checked) state <= INPUT;
      INPUT: if (input_ended) state <= FLUSH;
      FLUSH: if (flushed) state <= SUPPRESS;
      SUPPRESS: if (suppressed) state <= REPORT;
      default: ;
    endcase
    if (end_job) state <= IDLE;
    if (begin_job) state <= CHECK;
    if (rst) begin
      state <= IDLE;
      begun <= 1'b0;
    end
  end

  post_check #(
      .CELLS(CELLS),
      .DFL_CELLS(DFL_CELLS),
      .HALF(HALF),
      .BYTE(BYTE)
  ) check (
      .aclk,
      .clear,
      .start(begun),
      .job,
      .finished(checked),
      .good,
      .plans
  );

  // ---- From the stream to candidates ----
  logic room, drained, input_busy, cells_drained, nms_valid, nms_ready;
  logic [31:0] not_finite;
  number_t number;
  dfl_step_t dfl_step;
  place_t place;
  rule_t rule;
  cand_t candidate;
  assign drained = cells_drained && !input_busy;
  post_input #(
      .S_BYTES(S_BYTES),
      .HALF(HALF),
      .BYTE(BYTE)
  ) front (
      .aclk,
      .clear,
      .open(state == INPUT && !rst),
      .start(state == CHECK && checked && good),
      .head_count(job.head_count[2:0]),
      .classes(job.classes[10:0]),
      .plans,
      .s_axis_tdata,
      .s_axis_tkeep,
      .s_axis_tlast,
      .s_axis_tvalid,
      .s_axis_tready,
      .room,
      .drained,
      .busy(input_busy),
      .number,
      .dfl(dfl_step),
      .place,
      .rule,
      .ended(input_ended),
      .complete(input_complete)
  );
  post_cells #(
      .CELLS(CELLS),
      .DFL_CELLS(DFL_CELLS),
      .ULTRA(ULTRA)
  ) back (
      .aclk,
      .clear,
      .score_threshold(job.score_threshold),
      .width(job.size.width[13:0]),
      .height(job.size.height[13:0]),
      .number,
      .dfl_step,
      .place,
      .rule,
      .room,
      .drained(cells_drained),
      .not_finite,
      .cand_valid(nms_valid),
      .cand_ready(nms_ready),
      .cand(candidate)
  );

  // ---- Suppression and the result ----
  cand_t det;
  logic nms_end;
  logic [31:0] candidates, surplus;
  logic [10:0] count;
  logic [12:0] cut;
  logic [9:0] det_number;
  assign flushed = state == FLUSH && drained;
  assign nms_end = flushed;
  nms #(
      .LANES(LANES),
      .SLOTS(NMS_SLOTS)
  ) suppression (
      .aclk,
      .aresetn(!rst),
      .clear(begin_job),
      .threshold(job.iou_threshold),
      .class_agnostic(job.class_agnostic),
      .top_k(job.top_k),
      .max_detections(job.max_detections[10:0]),
      .in_valid(nms_valid),
      .in_ready(nms_ready),
      .in_cand(candidate),
      .in_end(nms_end),
      .done(suppressed),
      .too_many,
      .in_order(nms_in_order),
      .candidates,
      .surplus,
      .reported(count),
      .cut,
      .det_number,
      .det
  );
  logic report_idle, out_valid, out_ready, out_last;
  logic [31:0] out_word;
  post_report report (
      .aclk,
      .clear,
      .start(report_start),
      .count,
      .candidates,
      .not_finite,
      .cut,
      .surplus,
      .det_number,
      .det,
      .word_valid(out_valid),
      .word_ready(out_ready),
      .word(out_word),
      .word_last(out_last),
      .idle(report_idle)
  );
  post_pack #(
      .M_BYTES(M_BYTES)
  ) pack (
      .aclk,
      .clear,
      .word_valid(out_valid),
      .word_ready(out_ready),
      .word(out_word),
      .word_last(out_last),
      .m_axis_tdata,
      .m_axis_tkeep,
      .m_axis_tlast,
      .m_axis_tvalid,
      .m_axis_tready
  );
  assign reported = report_idle && !m_axis_tvalid;

  if (CELLS > 65535 || DFL_CELLS > CELLS || ELEMENTS > 3) begin : gen_capacity
    $error("CELLS, DFL_CELLS and ELEMENTS have limits");
  end
endmodule : tandem_post
