// `mask`: prototypes and the coefficients of boxes to the outlines of objects, bit-equal to
// tandem_model::mask.
//
// AXI4-Lite registers of hw/regs/mask.rdl, one AXI4-Stream packet in (a record an object, then the
// prototypes plane by plane), one out (a header an object, then all runs). The sums of the cells
// inside the boxes wait in RAM while the planes go by, and one pass serves OBJECTS boxes. S_BYTES /
// 4 numbers of a row are taken a clock: prototypes * grid_height * ceil(grid_width / (S_BYTES / 4))
// clocks a job, beside some 70 an object for its box, its record's words, and for the runs a clock
// a group and 2 a run behind the last number. A box may have CELLS cells in whole groups. Nothing
// is sent of a job that does not end with Ok.

module tandem_mask
  import mask_pkg::*;
  import tandem_regs_mask_pkg::*;
#(
    parameter int unsigned S_BYTES = 16,
    parameter int unsigned M_BYTES = 16,
    parameter int unsigned OBJECTS = 4,
    parameter int unsigned CELLS = 8192,
    // 1: sums in UltraRAM, 0: in block RAM.
    parameter int unsigned ULTRA = 0
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
  localparam int unsigned WORDS = S_BYTES / 4;
  localparam int unsigned LEVEL = $clog2(2 * WORDS + 1);
  localparam int unsigned DEPTH = CELLS / WORDS;
  localparam int unsigned AT_BITS = $clog2(DEPTH);

  q_t q;
  d_t d;
  logic rst, begin_job, run, end_job;
  logic [7:0] end_code;
  assign d.capacity_cells = CELLS;

  tandem_regs_mask #(
      .CAPS({8'h0, 8'd64, 8'(OBJECTS), 8'(WORDS)})
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

  // The job that runs: software may write the next one's parameters meanwhile.
  job_t job;
  logic checking;
  always_ff @(posedge aclk) begin
    checking <= begin_job;
    if (begin_job) begin
      job <= '{
          prototypes: q.config_prototypes,
          objects: q.config_objects,
          grid_width: q.grid_width,
          grid_height: q.grid_height,
          stride: q.config_stride,
          threshold: q.threshold_least,
          max_runs: q.runs
      };
    end
  end

  function automatic logic in_range(input logic [15:0] value, input logic [15:0] most);
    return value != '0 && value <= most;
  endfunction
  wire good = in_range(16'(job.prototypes), 16'd64) && in_range(16'(job.objects), 16'(OBJECTS)) &&
      in_range(job.grid_width, 16'd2048) && in_range(job.grid_height, 16'd2048) &&
      in_range(job.stride, 16'd64);
  wire go = run && checking && good;

  // The packet.
  logic open, take, drop, ended, ragged;
  logic [LEVEL-1:0] want, level;
  logic [WORDS-1:0][31:0] words, numbers;
  logic walk_done, wrong, box_valid, box_ready, box_done, known, any_sum;
  logic [1:0] box_edge;
  logic [3:0] object;
  logic coefficient;
  logic [3:0] coefficient_object;
  logic [5:0] coefficient_at;
  place_t place;
  mask_gear #(
      .S_BYTES(S_BYTES)
  ) i_gear (
      .aclk,
      .open(open && !rst),
      .s_axis_tdata,
      .s_axis_tkeep,
      .s_axis_tlast,
      .s_axis_tvalid,
      .s_axis_tready,
      .take,
      .want,
      .drop,
      .words,
      .level,
      .ended,
      .ragged
  );
  mask_walk #(
      .WORDS(WORDS)
  ) i_walk (
      .aclk,
      .rst,
      .go,
      .job,
      .done(walk_done),
      .wrong,
      .open,
      .take,
      .want,
      .drop,
      .words,
      .level,
      .ended,
      .ragged,
      .box_valid,
      .box_edge,
      .box_ready,
      .bound_known(known),
      .object,
      .coefficient,
      .coefficient_object,
      .coefficient_at,
      .place,
      .numbers
  );

  // What the records and the threshold say.
  box_t box_made;
  cells_t box_groups;
  logic signed [38:0] bound;
  mask_box #(
      .WORDS(WORDS)
  ) i_box (
      .aclk,
      .rst,
      .grid_width(job.grid_width[SIDE_BITS-1:0]),
      .grid_height(job.grid_height[SIDE_BITS-1:0]),
      .stride(job.stride[6:0]),
      .valid(box_valid),
      .ready(box_ready),
      .index(box_edge),
      .bits(words[0]),
      .done(box_done),
      .box(box_made),
      .groups(box_groups)
  );
  mask_bound i_bound (
      .aclk,
      .rst,
      .go,
      .threshold(job.threshold),
      .known,
      .bound,
      .any_sum
  );
  // An edge is taken only while its box is ready, so the box that is done is the last one begun.
  logic [3:0] box_object;
  logic too_large;
  always_ff @(posedge aclk) begin
    if (box_valid) box_object <= object;
    if (begin_job) too_large <= 1'b0;
    else if (box_done && box_groups > cells_t'(DEPTH)) too_large <= 1'b1;
  end

  // Numbers in fixed point; coefficients take the way of the first one.
  fixed_t [WORDS-1:0] fixed;
  logic [WORDS-1:0] broken;
  for (genvar i = 0; i < int'(WORDS); i++) begin : gen_fixed
    mask_fixed i_fixed (
        .aclk,
        .bits(numbers[i]),
        .fixed(fixed[i]),
        .broken(broken[i])
    );
  end
  logic [3:0] written;
  logic [3:0][3:0] written_object;
  logic [3:0][5:0] written_at;
  always_ff @(posedge aclk) begin
    written <= rst ? '0 : {written[2:0], coefficient};
    written_object <= {written_object[2:0], coefficient_object};
    written_at <= {written_at[2:0], coefficient_at};
  end

  // The objects.
  box_t [OBJECTS-1:0] boxes;
  count_t [OBJECTS-1:0] counts;
  logic [OBJECTS-1:0][WORDS-1:0] on;
  logic scan;
  logic [3:0] scan_object;
  logic [AT_BITS-1:0] scan_at;
  for (genvar i = 0; i < int'(OBJECTS); i++) begin : gen_object
    mask_object #(
        .WORDS(WORDS),
        .DEPTH(DEPTH),
        .ULTRA(ULTRA)
    ) i_object (
        .aclk,
        .rst,
        .clear(begin_job),
        .box_write(box_done && box_object == 4'(i)),
        .box_in(box_made),
        .coefficient_write(written[3] && written_object[3] == 4'(i)),
        .coefficient_at(written_at[3]),
        .coefficient_in(fixed[0]),
        .coefficient_broken(broken[0]),
        .place,
        .numbers(fixed),
        .broken,
        .bound,
        .any_sum,
        .box(boxes[i]),
        .count(counts[i]),
        .scanning(scan),
        .scan_at,
        .on(on[i])
    );
  end

  // The verdict, and what is sent.
  logic [26:0] sum, total;
  always_comb begin
    sum = '0;
    for (int unsigned i = 0; i < OBJECTS; i++) sum += 27'(counts[i].runs);
  end
  always_ff @(posedge aclk) total <= sum;
  wire too_many = 32'(total) > job.max_runs;
  wire send = walk_done && !wrong && !too_large && !too_many;

  box_t scan_box;
  logic [WORDS-1:0] scan_on;
  always_comb begin
    scan_box = '0;
    scan_on  = '0;
    for (int unsigned i = 0; i < OBJECTS; i++) begin
      if (scan_object == 4'(i)) begin
        scan_box = boxes[i];
        scan_on  = on[i];
      end
    end
  end
  logic run_valid, run_ready, word_valid, word_ready, word_last;
  run_t found;
  logic [31:0] word;
  mask_scan #(
      .WORDS  (WORDS),
      .AT_BITS(AT_BITS)
  ) i_scan (
      .aclk,
      .enable(scan && !rst),
      .box(scan_box),
      .at(scan_at),
      .on(scan_on),
      .run_valid,
      .run_ready,
      .run(found)
  );
  mask_report #(
      .OBJECTS(OBJECTS)
  ) i_report (
      .aclk,
      .rst,
      .start(send),
      .last_object(4'(job.objects - 8'd1)),
      .counts,
      .total,
      .scan,
      .object(scan_object),
      .run_valid,
      .run_ready,
      .run(found),
      .word_valid,
      .word_ready,
      .word,
      .word_last
  );
  post_pack #(
      .M_BYTES(M_BYTES)
  ) i_pack (
      .aclk,
      .clear(rst),
      .word_valid,
      .word_ready,
      .word,
      .word_last,
      .m_axis_tdata,
      .m_axis_tkeep,
      .m_axis_tlast,
      .m_axis_tvalid,
      .m_axis_tready
  );

  always_comb begin
    end_job  = 1'b1;
    end_code = MASK_STATUS_OK;
    if (checking && !good) end_code = MASK_STATUS_REFUSEDPARAMS;
    else if (walk_done && wrong) end_code = MASK_STATUS_SHORTINPUT;
    else if (walk_done && too_large) end_code = MASK_STATUS_TOOLARGE;
    else if (walk_done && too_many) end_code = MASK_STATUS_TOOMANYRUNS;
    else end_job = m_axis_tvalid && m_axis_tready && m_axis_tlast;
  end

  if (S_BYTES != 4 && S_BYTES != 8 && S_BYTES != 16) begin : gen_width
    $error("S_BYTES must be 4, 8 or 16");
  end
  if (OBJECTS == 0 || OBJECTS > 16) begin : gen_objects
    $error("OBJECTS must be 1 to 16");
  end
  if (CELLS % WORDS != 0 || DEPTH < 2 || DEPTH >= (1 << CELL_BITS)) begin : gen_cells
    $error("CELLS must be two groups or more, and whole ones");
  end
endmodule : tandem_mask
