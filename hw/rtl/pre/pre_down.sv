// Bilinear, down: keeps two interpolated rows and blends them as the plan says.
//
// A pass goes over the columns of a row. With a new source row it writes that row in the place of
// the older one and, if an output row ends with it, gives that one at the same time; further output
// rows between the same two rows are passes that only read. The plan has for each output row the
// new rows before it and the weight of the newest. Throughput: one column a clock, five clocks
// between passes (the columns of a pass are written before the next reads them). Latency four.
// The two rows are the caller's memory, which reads in one clock.
module pre_down #(
    parameter int unsigned MAX_SIDE = 8192
) (
    input logic clk,
    input logic rst,
    input logic [13:0] columns,

    input logic plan_valid,
    output logic plan_take,
    input logic [1:0] plan_fresh,
    input logic [10:0] plan_weight,

    input logic i_valid,
    output logic i_ready,
    input logic [2:0][18:0] i_sums,

    output logic o_valid,
    input logic o_ready,
    output logic [2:0][7:0] o_pixel,
    output logic o_last,

    output logic read,
    output logic [$clog2(MAX_SIDE)-1:0] read_at,
    input logic [1:0][2:0][18:0] read_rows,
    output logic [1:0] write,  // one bit a row
    output logic [$clog2(MAX_SIDE)-1:0] write_at,
    output logic [2:0][18:0] write_row
);
  localparam int unsigned AW = $clog2(MAX_SIDE);

  logic enable;
  assign enable = !o_valid || o_ready;

  // The pass.
  logic busy, fresh, gives, newest;  // `newest` is the memory that has the newest row
  logic [1:0] to_come;
  logic counted;  // `to_come` is of this plan entry
  logic [10:0] weight;
  logic [AW-1:0] column;
  logic step, last, empty;
  logic [3:0] valid;

  assign last = 14'(column) == columns - 14'd1;
  assign step = enable && busy && (!fresh || i_valid);
  assign i_ready = enable && busy && fresh;
  assign empty = !(|valid);
  assign plan_take = step && last && gives;

  logic [1:0] rows_left;
  assign rows_left = counted ? to_come : plan_fresh;

  always_ff @(posedge clk) begin
    if (step) begin
      column <= column + 1'b1;
      if (last) busy <= 1'b0;
    end
    if (!busy && plan_valid && empty) begin
      busy <= 1'b1;
      // The pass before wrote the older memory up to its last column, so only now they change.
      newest <= newest ^ fresh;
      column <= '0;
      fresh <= rows_left != 2'd0;
      gives <= rows_left <= 2'd1;
      to_come <= rows_left - 2'd1;
      counted <= rows_left > 2'd1;
      weight <= plan_weight;
    end
    if (rst) begin
      busy <= 1'b0;
      fresh <= 1'b0;
      counted <= 1'b0;
      newest <= 1'b0;
    end
  end

  // Column by column: read, choose, multiply, add.
  logic [2:0][18:0] sums1, old1, new1, upper, lower, upper2;
  logic [AW-1:0] column1;
  logic [3:0] lasts;
  logic gives1;
  logic [2:0][30:0] product;
  logic [2:0][31:0] blend;

  assign new1 = fresh ? sums1 : read_rows[newest];
  assign old1 = fresh ? read_rows[newest] : read_rows[!newest];

  always_ff @(posedge clk) begin
    if (enable) begin
      valid <= {valid[2:1], valid[0] && gives1, step};
      lasts <= {lasts[2:0], last};
      sums1 <= i_sums;
      column1 <= column;
      gives1 <= gives;
      lower <= new1;
      upper <= weight == 11'd0 ? new1 : old1;
      upper2 <= upper;
      for (int c = 0; c < 3; c++) begin
        product[c] <= (31'($signed({1'b0, lower[c]})) - 31'($signed({1'b0, upper[c]}))) *
            31'($signed({1'b0, weight}));
        o_pixel[c] <= blend[c][29:22];
      end
    end
    if (rst) valid <= '0;
  end
  // At most 255 * 2^22 + 2^21, never below 0.
  always_comb begin
    for (int c = 0; c < 3; c++) begin
      blend[c] = {2'b0, upper2[c], 11'd0} + 32'($signed(product[c])) + 32'd2097152;
    end
  end
  assign o_valid = valid[3];
  assign o_last = lasts[3];

  assign read = step;
  assign read_at = column;
  assign write_at = column1;
  assign write_row = sums1;
  for (genvar m = 0; m < 2; m++) begin : g_write
    assign write[m] = enable && valid[0] && fresh && newest != 1'(m);
  end
endmodule
