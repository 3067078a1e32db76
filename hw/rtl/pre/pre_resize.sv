// Crop to content: positions, plan, gate, across, down.
//
// Across and down give at most one pixel a clock; a source row that is needed takes a clock for each
// of its groups and for each further output that ends in the same one. Handshake: valid/ready.
module pre_resize
  import tandem_pre_pkg::*;
#(
    parameter int unsigned PPC = 4,
    parameter int unsigned MAX_SIDE = 8192,
    parameter logic [14:0] FEATURES = 15'h7F3F
) (
    input logic clk,
    input logic rst,
    input pre_job_t job,
    input logic [3:0][29:0] inverse,
    input logic skip,  // the source leaves out what is not needed

    output logic need_valid,
    output logic need,
    input logic need_take,  // by the source

    input logic i_valid,
    output logic i_ready,
    input logic [PPC-1:0][2:0][7:0] i_pixels,
    input logic [$clog2(PPC+1)-1:0] i_count,
    input logic i_eol,

    output logic o_valid,
    input logic o_ready,
    output logic [2:0][7:0] o_pixel,
    output logic o_last
);
  // Positions: of taps, clamped to the crop, or of the far edges of spans.
  function automatic logic signed [47:0] first_of(logic [45:0] step, logic area);
    logic signed [47:0] less_one;
    less_one = $signed({2'b0, step}) - 48'sh1_0000_0000;
    return area ? $signed({2'b0, step}) : less_one >>> 1;
  endfunction

  logic [1:0] x_valid, x_last, y_valid, y_last;
  logic [1:0][24:0] x_place, y_place;
  logic x_take, y_take;
  pre_steps i_columns (
      .clk,
      .rst,
      .again(1'b1),
      .first(first_of(job.step_x, job.area)),
      .step(job.step_x),
      .limit({1'b0, job.crop_w - 14'(!job.area), 32'd0}),
      .count(job.cont_w),
      .valid(x_valid),
      .place(x_place),
      .last(x_last),
      .take(x_take)
  );
  pre_steps i_rows (
      .clk,
      .rst,
      .again(1'b0),
      .first(first_of(job.step_y, job.area)),
      .step(job.step_y),
      .limit({1'b0, job.crop_h - 14'(!job.area), 32'd0}),
      .count(job.cont_h),
      .valid(y_valid),
      .place(y_place),
      .last(y_last),
      .take(y_take)
  );
  logic unused;
  assign unused = ^{y_valid[1], y_place[1], y_last[1]};

  logic s_need_valid, s_need_ready, s_need;
  logic s_plan_valid, s_plan_ready, plan_valid, plan_take;
  logic [25:0] s_plan, plan;
  pre_sched #(
      .AREA(FEATURES[F_AREA])
  ) i_sched (
      .clk,
      .rst,
      .area(job.area),
      .rows(job.crop_h),
      .shortest(job.step_y[45:21]),
      .place_valid(y_valid[0]),
      .place(y_place[0]),
      .place_last(y_last[0]),
      .place_take(y_take),
      .need_valid(s_need_valid),
      .need_ready(s_need_ready),
      .need(s_need),
      .plan_valid(s_plan_valid),
      .plan_ready(s_plan_ready),
      .plan(s_plan)
  );
  logic gate_take;
  pre_fifo #(
      .WIDTH(1),
      .DEPTH(16)
  ) i_needs (
      .clk,
      .rst,
      .i_valid(s_need_valid),
      .i_ready(s_need_ready),
      .i_data(s_need),
      .o_valid(need_valid),
      .o_ready(skip ? need_take : gate_take),
      .o_data(need)
  );
  pre_fifo #(
      .WIDTH(26),
      .DEPTH(16)
  ) i_plans (
      .clk,
      .rst,
      .i_valid(s_plan_valid),
      .i_ready(s_plan_ready),
      .i_data(s_plan),
      .o_valid(plan_valid),
      .o_ready(plan_take),
      .o_data(plan)
  );

  logic g_valid, g_ready;
  pre_gate i_gate (
      .all(skip),
      .need_valid,
      .need,
      .need_take(gate_take),
      .i_valid,
      .i_ready,
      .i_eol,
      .o_valid(g_valid),
      .o_ready(g_ready)
  );

  logic a_valid, a_ready, a_last;
  logic [2:0][18:0] a_sums;
  pre_across #(
      .PPC(PPC)
  ) i_across (
      .clk,
      .rst,
      .place_valid(x_valid),
      .place(x_place),
      .place_last(x_last),
      .place_take(x_take),
      .i_valid(g_valid),
      .i_ready(g_ready),
      .i_pixels,
      .i_count,
      .i_eol,
      .o_valid(a_valid),
      .o_ready(a_ready),
      .o_sums(a_sums),
      .o_last(a_last)
  );
  pre_down #(
      .MAX_SIDE(MAX_SIDE)
  ) i_down (
      .clk,
      .rst,
      .columns(job.cont_w),
      .plan_valid,
      .plan_take,
      .plan_fresh(plan[12:11]),
      .plan_weight(plan[10:0]),
      .i_valid(a_valid),
      .i_ready(a_ready),
      .i_sums(a_sums),
      .o_valid,
      .o_ready,
      .o_pixel,
      .o_last
  );
endmodule
