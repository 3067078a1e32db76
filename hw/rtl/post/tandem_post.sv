// The post-process kernel: raw heads in, detections out, as tandem_model::post computes them.
//
// A job (see tandem_job) takes its parameters when it begins; they are looked at, then one packet
// of heads is taken, then one packet with the result is given, or none and a status other than 0:
// parameters refused (nothing is taken), too many candidates, a packet of another length than the
// heads have (it is taken up to its TLAST).
//
// Throughput: a number a clock, whatever S_BYTES is, except where a grid has fewer than 8 cells,
// where a `yolov8` head has fewer than 17 classes, and where candidates come faster than
// they are used (`yolov8`: 42 clocks each; more than NMS_SLOTS candidates). The result follows after
// suppression (see nms), a word a clock.
//
//   stream - unpack - walk - track - decode - fifo - reach - nms - report - pack - stream
//                          \ dfl ----------------- /
//
// From walk to decode nothing ever waits: walk stops while the FIFO has no room for all that is
// on the way.
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
    parameter int unsigned ULTRA = 0
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
      .DFL_CELLS(DFL_CELLS)
  ) check (
      .aclk,
      .clear,
      .start(begun),
      .job,
      .finished(checked),
      .good,
      .plans
  );

  // ---- The numbers ----
  logic word_valid, word_ready, word_last, room, drained;
  logic [31:0] word;
  logic [2:0] word_bytes;
  number_t number;
  // Nobody wants it in a build without `yolov8`.
  // verilator lint_off UNUSEDSIGNAL
  dfl_step_t dfl_step;
  // verilator lint_on UNUSEDSIGNAL
  place_t place;
  rule_t rule;
  post_unpack #(
      .S_BYTES(S_BYTES)
  ) unpack (
      .aclk,
      .open(state == INPUT && !rst),
      .s_axis_tdata,
      .s_axis_tkeep,
      .s_axis_tlast,
      .s_axis_tvalid,
      .s_axis_tready,
      .word_valid,
      .word_ready,
      .word,
      .word_bytes,
      .word_last
  );
  post_walk walk (
      .aclk,
      .clear,
      .start(state == CHECK && checked && good),
      .head_count(job.head_count[2:0]),
      .classes(job.classes[10:0]),
      .plans,
      .word_valid,
      .word_ready,
      .word,
      .word_bytes,
      .word_last,
      .room,
      .drained,
      .number,
      .dfl(dfl_step),
      .place,
      .rule,
      .ended(input_ended),
      .complete(input_complete)
  );

  // ---- Cells and their candidates ----
  localparam int unsigned TRACK_LATENCY = 3;
  logic cell_valid, cell_broken;
  logic [31:0] best, not_finite;
  logic [CLASS_BITS-1:0] best_class;
  logic [4:0][31:0] numbers;
  place_t places[TRACK_LATENCY];
  logic [TRACK_LATENCY:0] recent;
  post_track #(
      .CELLS(CELLS),
      .ULTRA(ULTRA)
  ) track (
      .aclk,
      .clear,
      .in(number),
      .out_valid(cell_valid),
      .out_broken(cell_broken),
      .out_best(best),
      .out_class(best_class),
      .out_numbers(numbers)
  );
  always_ff @(posedge aclk) begin
    places <= '{place, places[0], places[1]};
    recent <= {recent[TRACK_LATENCY-1:0], number.valid};
    if (cell_valid && cell_broken) not_finite <= not_finite + 1'b1;
    if (clear) begin
      recent <= '0;
      not_finite <= '0;
    end
  end

  typedef struct packed {
    logic reach;
    place_t place;
    cand_t cand;
  } entry_t;
  entry_t found, entry;
  logic fifo_ready;
  logic found_valid, entry_valid, entry_ready, decode_busy;
  post_decode decode (
      .aclk,
      .clear,
      .rule,
      .score_threshold(job.score_threshold),
      .width(job.size.width[13:0]),
      .height(job.size.height[13:0]),
      .in_valid(cell_valid && !cell_broken),
      .in_best(best),
      .in_class(best_class),
      .in_numbers(numbers),
      .in_place(places[TRACK_LATENCY-1]),
      .out_valid(found_valid),
      .out_cand(found.cand),
      .out_place(found.place),
      .busy(decode_busy)
  );
  assign found.reach = rule.kind == YOLOV8;

  // On the way are at most the numbers in walk, track and decode.
  localparam int unsigned FIFO_DEPTH = 64;
  localparam int unsigned ON_THE_WAY = 24;
  logic [$clog2(FIFO_DEPTH):0] level;
  tandem_fifo #(
      .WIDTH($bits(entry_t)),
      .DEPTH(FIFO_DEPTH),
      .BLOCK(0)
  ) fifo (
      .aclk,
      .aresetn(!clear),
      .s_data(found),
      .s_valid(found_valid),
      .s_ready(fifo_ready),
      .m_data(entry),
      .m_valid(entry_valid),
      .m_ready(entry_ready),
      .level
  );
  always_ff @(posedge aclk)
    if (!clear)
      assert (!found_valid || fifo_ready)
      else $error("a candidate is lost");
  assign room = level <= ($clog2(FIFO_DEPTH) + 1)'(FIFO_DEPTH - ON_THE_WAY);
  assign drained = !number.valid && recent == '0 && !decode_busy && level == '0;

  // ---- Boxes that need the distributions ----
  logic reached, nms_ready;
  box_t reach_box;
  if (DFL_CELLS > 0) begin : gen_dfl
    logic reach_ready, reach_take;
    logic [3:0][34:0] sum;
    logic [3:0][37:0] moment;
    assign reach_take = entry_valid && entry.reach && reach_ready;
    post_dfl #(
        .DFL_CELLS(DFL_CELLS),
        .ULTRA(ULTRA)
    ) dfl (
        .aclk,
        .clear,
        .in(dfl_step),
        .read(reach_take),
        .read_at(($clog2(DFL_CELLS))'(entry.place.at)),
        .sum,
        .moment
    );
    post_reach reach (
        .aclk,
        .clear,
        .stride(rule.stride),
        .width(job.size.width[13:0]),
        .height(job.size.height[13:0]),
        .in_valid(entry_valid && entry.reach),
        .in_ready(reach_ready),
        .in_x(entry.place.x),
        .in_y(entry.place.y),
        .sum,
        .moment,
        .out_valid(reached),
        .out_ready(nms_ready),
        .out_box(reach_box)
    );
  end else begin : gen_no_dfl
    assign reached = 1'b0;
    assign reach_box = '0;
  end

  // ---- Suppression and the result ----
  cand_t candidate, det;
  logic nms_valid, nms_end;
  logic [31:0] candidates, surplus;
  logic [10:0] count;
  logic [12:0] cut;
  logic [9:0] det_number;
  always_comb begin
    candidate = entry.cand;
    if (entry.reach) candidate.box = reach_box;
    candidate.index = entry.place.index;
  end
  assign nms_valid = entry_valid && (!entry.reach || reached);
  assign entry_ready = nms_valid && nms_ready;
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

  if (CELLS > 65535 || DFL_CELLS > CELLS) begin : gen_capacity
    $error("CELLS and DFL_CELLS have limits");
  end
endmodule : tandem_post
