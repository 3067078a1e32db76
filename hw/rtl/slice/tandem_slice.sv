// `slice`: one int8 layer of a network. Dense, pointwise, depthwise 3x3, maximum 2x2, mean.
//
// AXI4-Lite registers of hw/regs/slice.rdl, one AXI4-Stream packet in (parameter block, then tensor),
// one out. S_BYTES is also the number of multipliers: LANES products a clock. Parameter block and
// tensor stay in STORE_BYTES; what does not fit is refused. Clocks of a job, beside some fifty: its
// input's beats, a record each, and, per output, ceil(taps / LANES) steps (dense, pointwise) or, per
// LANES channels, 9 (depthwise), LANES (maximum: the bytes go one by one) or all places (mean).

module tandem_slice
  import slice_pkg::*;
  import tandem_regs_slice_pkg::*;
#(
    parameter int unsigned S_BYTES = 8,
    parameter int unsigned M_BYTES = 8,
    parameter int unsigned STORE_BYTES = 65536
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
  localparam int unsigned LANES = S_BYTES;
  localparam int unsigned ADDRESS = $clog2(STORE_BYTES);
  localparam int unsigned ROW = ADDRESS - $clog2(LANES);

  q_t q;
  d_t d;
  logic rst, begin_job, run, end_job;
  logic [7:0] end_code;

  tandem_regs_slice #(
      .CAPS({16'(STORE_BYTES / 1024), 8'(LANES), 8'h1f})
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

  // The layer of the job that runs: software may write the next one's meanwhile.
  layer_t layer;
  always_ff @(posedge aclk) begin
    if (begin_job) begin
      layer <= '{
          op: q.op_code,
          stride: q.op_stride,
          width: q.size_width,
          height: q.size_height,
          channels: q.channels_in,
          channels_out: q.channels_out,
          zero_in: q.range_zero_in,
          zero_out: q.range_zero_out,
          low: q.range_low,
          high: q.range_high
      };
    end
  end

  // Check, packet, records, products, last byte: each begins when the one before is done.
  logic checked, input_done, input_good, records_done, records_good;
  logic [7:0] check_code;
  plan_t plan, plan_now;
  wire good_layer = checked && check_code == SLICE_STATUS_OK;
  wire good_input = input_done && input_good;
  wire good_records = records_done && records_good;
  wire last_byte = m_axis_tvalid && m_axis_tready && m_axis_tlast;

  slice_check #(
      .STORE_BYTES(STORE_BYTES)
  ) i_check (
      .aclk,
      .rst,
      .begin_check(begin_job),
      .layer,
      .checked,
      .code(check_code),
      .plan(plan_now)
  );
  always_ff @(posedge aclk) begin
    if (checked) plan <= plan_now;
  end

  always_comb begin
    end_job  = 1'b1;
    end_code = SLICE_STATUS_OK;
    if (checked && !good_layer) end_code = check_code;
    else if (input_done && !input_good) end_code = SLICE_STATUS_SHORTINPUT;
    else if (records_done && !records_good) end_code = SLICE_STATUS_REFUSEDBLOCK;
    else end_job = run && last_byte;
  end

  logic write;
  logic [ROW-1:0] write_row;
  logic [8*LANES-1:0] write_data;
  slice_input #(
      .LANES(LANES),
      .ROW  (ROW)
  ) i_input (
      .aclk,
      .rst,
      .open(good_layer),
      .total(good_layer ? plan_now.total : plan.total),
      .done(input_done),
      .good(input_good),
      .s_axis_tdata,
      .s_axis_tkeep,
      .s_axis_tlast,
      .s_axis_tvalid,
      .s_axis_tready,
      .write,
      .write_row,
      .write_data
  );

  logic records_busy, record_write;
  logic [ADDRESS-1:0] record_at;
  logic [9:0] record_to;
  record_t record;
  logic [8*LANES-1:0] a_data, b_data;
  slice_records #(
      .ADDRESS(ADDRESS)
  ) i_records (
      .aclk,
      .rst,
      .go(good_input),
      .count(plan.records),
      .busy(records_busy),
      .done(records_done),
      .good(records_good),
      .at(record_at),
      .data({b_data[31:0], a_data[63:0]}),
      .write(record_write),
      .write_at(record_to),
      .write_record(record)
  );

  // The products stand still while their sums have nowhere to go.
  logic en;
  step_t step;
  logic [LANES-1:0] mask;
  logic [ADDRESS-1:0] weight_at, input_at;
  slice_walk #(
      .LANES  (LANES),
      .ADDRESS(ADDRESS)
  ) i_walk (
      .aclk,
      .rst,
      .en,
      .go(good_records),
      .layer,
      .plan,
      .step,
      .mask,
      .weight_at,
      .input_at
  );
  slice_store #(
      .LANES(LANES),
      .STORE_BYTES(STORE_BYTES)
  ) i_store (
      .aclk,
      .en(en || records_busy),
      .write,
      .write_row,
      .write_data,
      .a_at(records_busy ? record_at : weight_at),
      .a_wide(!records_busy && layer.op == 8'(DEPTHWISE)),
      .a_data,
      .b_at(records_busy ? record_at + ADDRESS'(8) : input_at),
      .b_data
  );

  // Beside the store's three clocks.
  step_t steps[3];
  logic [LANES-1:0] masks[3];
  always_ff @(posedge aclk) begin
    if (en) begin
      steps[0] <= step;
      steps[1] <= steps[0];
      steps[2] <= steps[1];
      masks <= '{mask, masks[0], masks[1]};
    end
    if (rst) for (int i = 0; i < 3; i++) steps[i].valid <= 1'b0;
  end

  logic sum_valid;
  logic sum_final;
  logic [9:0] sum_channel;
  logic [5:0] sum_count;
  logic signed [LANES-1:0][31:0] sums;
  slice_mac #(
      .LANES(LANES)
  ) i_mac (
      .aclk,
      .rst,
      .en,
      .op(layer.op),
      .zero_in(layer.zero_in),
      .step(steps[2]),
      .mask(masks[2]),
      .weights(a_data),
      .inputs(b_data),
      .sum_valid,
      .sum_final,
      .sum_channel,
      .sum_count,
      .sums
  );

  // Sums on their way out, the lowest next.
  logic signed [LANES-1:0][31:0] waiting;
  logic [5:0] waits;
  logic [9:0] waiting_at;
  logic waiting_final, requant_ready;
  wire leave = waits != '0 && requant_ready;
  assign en = !sum_valid || waits == '0 || (waits == 6'd1 && requant_ready);
  always_ff @(posedge aclk) begin
    if (rst) waits <= '0;
    else if (sum_valid && en) waits <= sum_count;
    else if (leave) waits <= waits - 6'd1;
  end
  always_ff @(posedge aclk) begin
    if (sum_valid && en) begin
      waiting <= sums;
      waiting_at <= layer.op == 8'(MEAN_POOL) ? '0 : sum_channel;
      waiting_final <= sum_final;
    end else if (leave) begin
      waiting <= waiting >> 32;
      if (layer.op != 8'(MEAN_POOL)) waiting_at <= waiting_at + 10'd1;
    end
  end

  logic [7:0] out_byte;
  logic out_last, out_valid, out_ready;
  slice_requant i_requant (
      .aclk,
      .rst,
      .write(record_write),
      .write_at(record_to),
      .write_record(record),
      .zero_out(layer.zero_out),
      .low(layer.low),
      .high(layer.high),
      .sum(waiting[0]),
      .at(waiting_at),
      .raw(layer.op == 8'(MAX_POOL)),
      .last(waiting_final && waits == 6'd1),
      .valid(waits != '0),
      .ready(requant_ready),
      .out_byte,
      .out_last,
      .out_valid,
      .out_ready
  );
  tandem_packer #(
      .S_BYTES(1),
      .M_BYTES(M_BYTES)
  ) i_packer (
      .aclk,
      .aresetn(!rst),
      .s_data(out_byte),
      .s_count(1'b1),
      .s_last(out_last),
      .s_valid(out_valid),
      .s_ready(out_ready),
      .m_data(m_axis_tdata),
      .m_keep(m_axis_tkeep),
      .m_last(m_axis_tlast),
      .m_valid(m_axis_tvalid),
      .m_ready(m_axis_tready)
  );

  if (S_BYTES != 8 && S_BYTES != 16) begin : gen_lanes
    $error("S_BYTES must be 8 or 16");
  end
endmodule : tandem_slice
