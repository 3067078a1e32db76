// The CTC kernel: the classes of a text's steps in, its symbols out, as tandem_model::ctc computes them.
//
// A job (see tandem_job) takes its parameters when it begins. Then one packet of numbers is taken,
// and one packet with the result is given; or none and a status other than 0: parameters
// refused (nothing is taken), a packet of another length (it is taken up to its TLAST).
//
// Throughput: a number a clock, whatever S_BYTES is, while there are no more symbols than one every
// 19 numbers; 16 of those that come closer wait in the FIFO. Behind the last number a step's clocks
// follow for the last step's weights (one of probabilities), then the mean, then a word a clock.
//
//   stream - unpack - walk - greatest - share - FIFO - score - report - packer - stream
//
// From walk to share nothing ever waits: walk stops while the FIFO has no room for all that is on
// the way.
module tandem_ctc
  import ctc_pkg::*;
  import tandem_regs_ctc_pkg::*;
#(
    // Bytes of a beat: 4, 8 or 16.
    parameter int unsigned S_BYTES = 4,
    parameter int unsigned M_BYTES = 4,
    // Most classes, 32768 at most, and most steps, 4096 at most.
    parameter int unsigned CLASSES = 8192,
    parameter int unsigned STEPS = 4096,
    // 1: a step's numbers are in UltraRAM; 0: in block RAM.
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
  logic run;
  // verilator lint_on UNUSEDSIGNAL
  logic [7:0] end_code;
  tandem_regs_ctc regs (.*);
  assign d.capacity_classes = 16'(CLASSES);
  assign d.capacity_steps = 16'(STEPS);
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

  // The job that runs: software may write the next one's meanwhile.
  job_t job;
  always_ff @(posedge aclk) begin
    if (begin_job) begin
      job <= '{
          classes: q.shape_classes,
          steps: q.shape_steps,
          blank: q.reading_blank,
          activation: q.reading_activation
      };
    end
  end
  logic good, probabilities;
  assign good = job.steps != '0 && job.steps <= 16'(STEPS) && job.classes >= 16'd2 &&
      job.classes <= 16'(CLASSES) && job.blank < job.classes &&
      job.activation <= CTC_ACTIVATION_PROBABILITIES;
  assign probabilities = job.activation == CTC_ACTIVATION_PROBABILITIES;

  typedef enum logic [2:0] {
    IDLE,
    CHECK,
    INPUT,
    SCORE,
    REPORT
  } state_t;
  state_t state;
  logic clear, start, input_ended, input_complete, scored, reported;
  assign clear = rst || begin_job;
  assign start = state == CHECK && good;
  always_comb begin
    end_job = 1'b0;
    end_code = CTC_STATUS_OK;
    case (state)
      CHECK: if (!good) {end_job, end_code} = {1'b1, CTC_STATUS_REFUSEDPARAMS};
      INPUT:
      if (input_ended && !input_complete) {end_job, end_code} = {1'b1, CTC_STATUS_SHORTINPUT};
      REPORT: end_job = reported;
      default: ;
    endcase
  end
  always_ff @(posedge aclk) begin
    case (state)
      CHECK: state <= INPUT;
      INPUT: if (input_ended) state <= SCORE;
      SCORE: if (scored) state <= REPORT;
      default: ;
    endcase
    if (end_job) state <= IDLE;
    if (begin_job) state <= CHECK;
    if (rst) state <= IDLE;
  end

  // ---- The numbers ----
  logic word_valid, word_ready, word_last, room;
  logic [31:0] word, bits;
  logic [2:0] word_bytes;
  place_t place[5];
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
  ctc_walk walk (
      .aclk,
      .clear,
      .start,
      .last_class(class_t'(job.classes - 16'd1)),
      .last_step(step_t'(job.steps - 16'd1)),
      .short_end(probabilities),
      .word_valid,
      .word_ready,
      .word,
      .word_bytes,
      .word_last,
      .room,
      .place(place[0]),
      .bits,
      .ended(input_ended),
      .complete(input_complete)
  );
  always_ff @(posedge aclk) begin
    for (int unsigned i = 1; i < 5; i++) place[i] <= place[i-1];
    if (clear) for (int unsigned i = 1; i < 5; i++) place[i].valid <= 1'b0;
  end

  // ---- Steps ----
  logic negative_3;
  logic [30:0] magnitude_3;
  reading_t reading;
  count_t not_finite;
  ctc_greatest greatest (
      .aclk,
      .start,
      .blank(class_t'(job.blank)),
      .place_3(place[3]),
      .place_4(place[4]),
      .bits,
      .negative_3,
      .magnitude_3,
      .reading,
      .not_finite
  );
  logic found_valid, found_ready, entry_valid, entry_ready;
  entry_t found, entry;
  ctc_share #(
      .CLASSES(CLASSES),
      .ULTRA  (ULTRA)
  ) share (
      .aclk,
      .clear,
      .probabilities,
      .place_2(place[2]),
      .place_3(place[3]),
      .place_4(place[4]),
      .negative_3,
      .magnitude_3,
      .reading,
      .entry_valid(found_valid),
      .entry(found)
  );

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
      .s_ready(found_ready),
      .m_data(entry),
      .m_valid(entry_valid),
      .m_ready(entry_ready),
      .level
  );
  always_ff @(posedge aclk)
    if (!clear)
      assert (!found_valid || found_ready)
      else $error("a symbol is lost");
  assign room = level <= ($clog2(FIFO_DEPTH) + 1)'(FIFO_DEPTH - ON_THE_WAY);

  // ---- The text ----
  logic store;
  // A build with fewer steps does not look at the upper bits.
  // verilator lint_off UNUSEDSIGNAL
  step_t store_at, read_at;
  // verilator lint_on UNUSEDSIGNAL
  symbol_t scored_symbol, symbol;
  count_t count;
  logic [15:0] mean, lowest;
  ctc_score scores (
      .aclk,
      .clear,
      .probabilities,
      .entry_valid,
      .entry_ready,
      .entry,
      .store,
      .store_at,
      .symbol(scored_symbol),
      .finished(scored),
      .count,
      .mean,
      .lowest
  );
  localparam int unsigned SYMBOL_AT = $clog2(STEPS);
  post_ram #(
      .WIDTH($bits(symbol_t)),
      .DEPTH(STEPS)
  ) symbols (
      .aclk,
      .write(store),
      .write_at(SYMBOL_AT'(store_at)),
      .write_data(scored_symbol),
      .read_at(SYMBOL_AT'(read_at)),
      .read_data(symbol)
  );
  logic report_idle, out_valid, out_ready, out_last;
  logic [31:0] out_word;
  ctc_report report (
      .aclk,
      .clear,
      .start(state == SCORE && scored),
      .count,
      .mean,
      .lowest,
      .not_finite,
      .read_at,
      .symbol,
      .word_valid(out_valid),
      .word_ready(out_ready),
      .word(out_word),
      .word_last(out_last),
      .idle(report_idle)
  );
  tandem_packer #(
      .S_BYTES(4),
      .M_BYTES(M_BYTES)
  ) packer (
      .aclk,
      .aresetn(!clear),
      .s_data(out_word),
      .s_count(3'd4),
      .s_last(out_last),
      .s_valid(out_valid),
      .s_ready(out_ready),
      .m_data(m_axis_tdata),
      .m_keep(m_axis_tkeep),
      .m_last(m_axis_tlast),
      .m_valid(m_axis_tvalid),
      .m_ready(m_axis_tready)
  );
  assign reported = report_idle && !m_axis_tvalid;

  if (CLASSES > MAX_CLASSES || CLASSES < 2 || STEPS > MAX_STEPS || STEPS < 2) begin : gen_capacity
    $error("CLASSES and STEPS have limits");
  end
endmodule : tandem_ctc
