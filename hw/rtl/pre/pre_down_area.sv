// Area, down: one sum a column; a row adds what of it belongs to the output row, ends it if that
// ends there, and begins the next with the rest.
//
// The plan has one entry for each source row. A pass goes over the columns; the next one waits until
// the last column is written. Throughput: one column a clock, six clocks between passes. Latency
// seven clocks. The memory is the caller's; it reads in one clock.
module pre_down_area #(
    parameter int unsigned MAX_SIDE = 8192
) (
    input logic clk,
    input logic rst,
    input logic [13:0] columns,
    input logic [1:0][29:0] inverse,

    input logic plan_valid,
    output logic plan_take,
    input logic plan_ends,
    input logic plan_longer,
    input logic [11:0] plan_part,
    input logic [11:0] plan_rest,

    input logic i_valid,
    output logic i_ready,
    input logic [2:0][15:0] i_means,

    output logic o_valid,
    input logic o_ready,
    output logic [2:0][7:0] o_pixel,
    output logic o_last,

    output logic read,
    output logic [$clog2(MAX_SIDE)-1:0] read_at,
    input logic [2:0][39:0] read_sums,
    output logic write,
    output logic [$clog2(MAX_SIDE)-1:0] write_at,
    output logic [2:0][39:0] write_sums
);
  localparam int unsigned AW = $clog2(MAX_SIDE);

  logic enable, busy, begun, last, step;
  logic ends, longer;
  logic [11:0] part, rest;
  logic [AW-1:0] column;
  logic [1:0] filled;

  assign enable = !o_valid || o_ready;
  assign last = 14'(column) == columns - 14'd1;
  assign step = enable && busy && i_valid;
  assign i_ready = enable && busy;
  assign plan_take = step && last;
  assign read = step;
  assign read_at = column;

  always_ff @(posedge clk) begin
    if (step) begin
      column <= column + 1'b1;
      if (last) begin
        busy <= 1'b0;
        begun <= 1'b1;
      end
    end
    // Nothing of the pass before is on its way to the memory.
    if (!busy && plan_valid && filled == '0) begin
      busy <= 1'b1;
      column <= '0;
      {ends, longer, part, rest} <= {plan_ends, plan_longer, plan_part, plan_rest};
    end
    if (rst) begin
      busy <= 1'b0;
      begun <= 1'b0;
    end
  end

  // Stage 1: the sum as it was; 2: what is added; from 3 on the mean of those that end.
  logic [1:0][AW-1:0] columns_on_way;
  logic [5:0] lasts;
  logic [3:0] valid;
  logic [2:0][15:0] means;
  logic [2:0][27:0] added, carried;
  logic [2:0][39:0] before_it, total, sums;
  logic first, longer3;

  assign write = enable && filled[1];
  assign write_at = columns_on_way[1];
  always_comb begin
    for (int c = 0; c < 3; c++) begin
      total[c] = before_it[c] + 40'(added[c]);
      write_sums[c] = ends ? 40'(carried[c]) : total[c];
    end
  end

  always_ff @(posedge clk) begin
    if (enable) begin
      filled <= {filled[0], step};
      columns_on_way <= {columns_on_way[0], column};
      lasts <= {lasts[4:0], last};
      first <= !begun;
      means <= i_means;
      for (int c = 0; c < 3; c++) begin
        added[c] <= 28'(means[c]) * 28'(part);
        carried[c] <= 28'(means[c]) * 28'(rest);
        before_it[c] <= first ? '0 : read_sums[c];
      end
      sums <= total;
      longer3 <= longer;
      valid <= {valid[2:0], filled[1] && ends};
    end
    if (rst) begin
      filled <= '0;
      valid <= '0;
    end
  end

  for (genvar c = 0; c < 3; c++) begin : g_mean
    pre_scale #(
        .WIDTH(40),
        .SHIFT(48),
        .OUT  (8)
    ) i_scale (
        .clk,
        .enable,
        .a(sums[c]),
        .b(inverse[longer3]),
        .y(o_pixel[c])
    );
  end
  assign o_valid = valid[3];
  assign o_last = lasts[5];
endmodule
