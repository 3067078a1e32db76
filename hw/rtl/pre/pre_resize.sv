// Crop to content: positions, plan, gate, across, down.
//
// Across and down give at most one pixel a clock; a source row that is needed takes a clock for each
// of its groups and for each further output that ends in the same one. Handshake: valid/ready.
module pre_resize
  import tandem_pre_pkg::*;
#(
    parameter int unsigned PPC = 4,
    parameter int unsigned MAX_SIDE = 8192,
    parameter logic [14:0] FEATURES = 15'h7F7F
) (
    input logic clk,
    input logic rst,
    // Of the job a module takes what it needs.
    // verilator lint_off UNUSEDSIGNAL
    input pre_job_t job,
    // verilator lint_on UNUSEDSIGNAL
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
  localparam int unsigned AW = $clog2(MAX_SIDE);
  localparam int unsigned MW = FEATURES[F_AREA] ? 60 : 57;

  // Positions: of taps, clamped to the crop, or of the far edges of spans.
  function automatic logic signed [47:0] first_of(logic [45:0] step, logic area);
    logic signed [47:0] less_one;
    less_one = $signed({2'b0, step}) - 48'sh1_0000_0000;
    return area ? $signed({2'b0, step}) : less_one >>> 1;
  endfunction

  logic x_last, y_last;
  logic [1:0] x_valid, y_valid;
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
  logic [4:0] need_level, plan_level;
  logic unused;
  assign unused = ^{y_valid[1], y_place[1], need_level, plan_level};

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
      .place_last(y_last),
      .place_take(y_take),
      .need_valid(s_need_valid),
      .need_ready(s_need_ready),
      .need(s_need),
      .plan_valid(s_plan_valid),
      .plan_ready(s_plan_ready),
      .plan(s_plan)
  );
  logic gate_take;
  tandem_fifo #(
      .WIDTH(1),
      .DEPTH(16),
      .BLOCK(1'b0)
  ) i_needs (
      .aclk(clk),
      .aresetn(!rst),
      .s_valid(s_need_valid),
      .s_ready(s_need_ready),
      .s_data(s_need),
      .m_valid(need_valid),
      .m_ready(skip ? need_take : gate_take),
      .m_data(need),
      .level(need_level)
  );
  tandem_fifo #(
      .WIDTH(26),
      .DEPTH(16),
      .BLOCK(1'b0)
  ) i_plans (
      .aclk(clk),
      .aresetn(!rst),
      .s_valid(s_plan_valid),
      .s_ready(s_plan_ready),
      .s_data(s_plan),
      .m_valid(plan_valid),
      .m_ready(plan_take),
      .m_data(plan),
      .level(plan_level)
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

  // Bilinear and area take turns by job: they share positions, plan and memory.
  logic bi, ar;
  assign ar = FEATURES[F_AREA] && job.area;
  assign bi = !ar;

  logic a_valid, a_ready, a_take, a_group;
  logic [2:0][18:0] a_sums;
  pre_across #(
      .PPC(PPC),
      .SPLIT(FEATURES[F_KERNEL3])
  ) i_across (
      .clk,
      .rst,
      .place_valid(x_valid),
      .place(x_place),
      .place_last(x_last),
      .place_take(a_take),
      .i_valid(g_valid && bi),
      .i_ready(a_group),
      .i_pixels,
      .i_count,
      .i_eol,
      .o_valid(a_valid),
      .o_ready(a_ready),
      .o_sums(a_sums)
  );

  // Two rows of Q11 pixels, or one of sums.
  logic read;
  logic [1:0] write;
  logic [AW-1:0] read_at, write_at;
  logic [1:0][MW-1:0] read_data, write_data;
  for (genvar m = 0; m < 2; m++) begin : g_memory
    pre_ram #(
        .WIDTH(MW),
        .DEPTH(MAX_SIDE)
    ) i_memory (
        .clk,
        .write(write[m]),
        .write_at,
        .write_data(write_data[m]),
        .read,
        .read_at,
        .read_data(read_data[m])
    );
  end

  logic d_take, d_valid, d_last, d_read;
  logic [1:0] d_write;
  logic [AW-1:0] d_read_at, d_write_at;
  logic [2:0][7:0] d_pixel;
  logic [2:0][18:0] d_row;
  pre_down #(
      .MAX_SIDE(MAX_SIDE)
  ) i_down (
      .clk,
      .rst,
      .columns(job.cont_w),
      .plan_valid(plan_valid && bi),
      .plan_take(d_take),
      .plan_fresh(plan[12:11]),
      .plan_weight(plan[10:0]),
      .i_valid(a_valid),
      .i_ready(a_ready),
      .i_sums(a_sums),
      .o_valid(d_valid),
      .o_ready(o_ready),
      .o_pixel(d_pixel),
      .o_last(d_last),
      .read(d_read),
      .read_at(d_read_at),
      .read_rows({read_data[1][56:0], read_data[0][56:0]}),
      .write(d_write),
      .write_at(d_write_at),
      .write_row(d_row)
  );

  if (FEATURES[F_AREA]) begin : g_area
    logic m_valid, m_ready, m_take, m_group, e_take, e_valid, e_last, e_read, e_write;
    logic [2:0][15:0] means;
    logic [AW-1:0] e_read_at, e_write_at;
    logic [2:0][7:0] e_pixel;
    logic [2:0][39:0] e_sums;
    pre_across_area #(
        .PPC(PPC)
    ) i_area_across (
        .clk,
        .rst,
        .shortest(job.step_x[45:21]),
        .inverse(inverse[1:0]),
        .place_valid(x_valid),
        .place(x_place),
        .place_last(x_last),
        .place_take(m_take),
        .i_valid(g_valid && ar),
        .i_ready(m_group),
        .i_pixels,
        .i_count,
        .i_eol,
        .o_valid(m_valid),
        .o_ready(m_ready),
        .o_means(means)
    );
    pre_down_area #(
        .MAX_SIDE(MAX_SIDE)
    ) i_area_down (
        .clk,
        .rst,
        .columns(job.cont_w),
        .inverse(inverse[3:2]),
        .plan_valid(plan_valid && ar),
        .plan_take(e_take),
        .plan_ends(plan[25]),
        .plan_longer(plan[24]),
        .plan_part(plan[23:12]),
        .plan_rest(plan[11:0]),
        .i_valid(m_valid),
        .i_ready(m_ready),
        .i_means(means),
        .o_valid(e_valid),
        .o_ready(o_ready),
        .o_pixel(e_pixel),
        .o_last(e_last),
        .read(e_read),
        .read_at(e_read_at),
        .read_sums({read_data[1], read_data[0]}),
        .write(e_write),
        .write_at(e_write_at),
        .write_sums(e_sums)
    );
    assign x_take = ar ? m_take : a_take;
    assign g_ready = ar ? m_group : a_group;
    assign plan_take = ar ? e_take : d_take;
    assign o_valid = ar ? e_valid : d_valid;
    assign o_pixel = ar ? e_pixel : d_pixel;
    assign o_last = ar ? e_last : d_last;
    assign read = ar ? e_read : d_read;
    assign read_at = ar ? e_read_at : d_read_at;
    assign write = ar ? {2{e_write}} : d_write;
    assign write_at = ar ? e_write_at : d_write_at;
    assign write_data = ar ? e_sums : {MW'(d_row), MW'(d_row)};
  end else begin : g_no_area
    logic unused_area;
    assign unused_area = ^{inverse, plan[25:13]};
    assign x_take = a_take;
    assign g_ready = a_group;
    assign plan_take = d_take;
    assign o_valid = d_valid;
    assign o_pixel = d_pixel;
    assign o_last = d_last;
    assign read = d_read;
    assign read_at = d_read_at;
    assign write = d_write;
    assign write_at = d_write_at;
    assign write_data = {d_row, d_row};
  end
endmodule
