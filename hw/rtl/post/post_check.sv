// Looks at a job's parameters as PostParams::validate of hw/model does, twice as hw/sim does: with
// the heads where the registers say, and where the stream has them, each behind the one before at
// the next multiple of 64. A grid beyond what this build holds is refused, too, and an element that
// is not in it.
//
// `start` for a clock with `job` stable until `finished`, which is high for a clock; `good` and
// `plans` are stable from then on. At most 10 clocks a head.
module post_check
  import post_pkg::*;
#(
    parameter int unsigned CELLS = 8400,
    parameter int unsigned DFL_CELLS = 6400,
    // Elements beside f32 that are built in.
    parameter bit HALF = 1'b1,
    parameter bit BYTE = 1'b1
) (
    input  logic                  aclk,
    input  logic                  clear,
    input  logic                  start,
    // Thresholds have no limits.
    // verilator lint_off UNUSEDSIGNAL
    input  job_t                  job,
    // verilator lint_on UNUSEDSIGNAL
    output logic                  finished,
    output logic                  good,
    output plan_t [MAX_HEADS-1:0] plans
);
  localparam logic [15:0] MAX_SIDE = 16'd8192;
  localparam logic [28:0] MAX_BYTES = 29'h1000_0000;

  typedef enum logic [2:0] {
    IDLE,
    CELLS_OF,
    LAST_COLUMN,
    LAST_ROW,
    NUMBERS,
    BYTES,
    ENDS,
    NEXT
  } step_t;
  step_t step;
  logic second;  // the product of the step's factors is there
  logic [1:0] at;
  head_t head;
  kind_t kind;
  element_t element;
  logic list, anchored;
  assign head = job.heads[at];
  assign kind = kind_t'(head.kind[2:0]);
  assign element = element_t'(head.element[1:0]);
  assign list = kind == BOXES;
  assign anchored = has_anchors(kind);

  function automatic logic side(input logic [15:0] value);
    return value != '0 && value <= MAX_SIDE;
  endfunction

  function automatic logic sides(input size_t size);
    return side(size.width) && side(size.height);
  endfunction

  // What takes no product.
  logic job_good, head_good, element_good;
  logic [15:0] most_cells;
  always_comb begin
    job_good = job.head_count inside {[8'd1 : 8'd4]} && job.classes inside {[16'd1 : 16'd1024]} &&
        job.max_detections inside {[16'd1 : 16'd1024]} && job.top_k <= 13'd4096 &&
        sides(job.size);
    case (head.element)
      4'(F32): element_good = 1'b1;
      4'(F16): element_good = HALF;
      // Every number is to be a normal f32, or 0.
      4'(I8): element_good = BYTE && head.quant.scale.exponent inside {[8'd1 : 8'd246]};
      default: element_good = 1'b0;
    endcase
    head_good = element_good && head.kind <= 4'd4 &&
        head.grid.width != '0 && head.grid.height != '0 &&
        head.stride != '0 && head.stride <= (list ? 16'd1 : 16'd1024) &&
        head.anchor_count != '0 && head.anchor_count <= (anchored ? 8'd3 : 8'd1) &&
        head.offset[5:0] == '0 && head.offset <= 32'(MAX_BYTES);
    for (int unsigned i = 0; i < MAX_ANCHORS; i++) begin
      if (anchored && 8'(i) < head.anchor_count && !sides(head.anchors[i])) head_good = 1'b0;
    end
    most_cells = (kind == YOLOV8) ? 16'(DFL_CELLS) : 16'(CELLS);
  end

  // One multiplier for all products, which one after the other goes through.
  logic [15:0] cells;
  logic [15:0] factor_a, factor_b;
  logic [31:0] product;
  always_comb begin
    case (step)
      CELLS_OF: {factor_a, factor_b} = {head.grid.width, head.grid.height};
      LAST_COLUMN: {factor_a, factor_b} = {head.grid.width - 16'd1, head.stride};
      LAST_ROW: {factor_a, factor_b} = {head.grid.height - 16'd1, head.stride};
      default: {factor_a, factor_b} = {cells, 16'(box_numbers(kind)) + job.classes};
    endcase
  end
  logic [26:0] numbers;
  logic [28:0] bytes, taken;
  always_ff @(posedge aclk) begin
    product <= 32'(factor_a) * 32'(factor_b);
    second <= step != IDLE && step != NEXT && !second;
    finished <= 1'b0;
    case (step)
      IDLE:
      if (start) begin
        at <= '0;
        taken <= '0;
        good <= job_good;
        step <= CELLS_OF;
        second <= 1'b0;
      end
      CELLS_OF:
      if (second) begin
        if (!head_good || product > 32'(most_cells)) good <= 1'b0;
        cells <= product[15:0];
        step <= LAST_COLUMN;
      end
      LAST_COLUMN:
      if (second) begin
        if (!list && product >= 32'(job.size.width)) good <= 1'b0;
        step <= LAST_ROW;
      end
      LAST_ROW:
      if (second) begin
        if (!list && product >= 32'(job.size.height)) good <= 1'b0;
        step <= NUMBERS;
      end
      // From here on the head is good, or it does not matter: 27 bits hold 65535 cells of 1088
      // numbers, and three anchors of them fit 2^28 bytes or are found out.
      NUMBERS:
      if (second) begin
        numbers <= product[26:0];
        step <= BYTES;
      end
      BYTES: begin
        bytes <= over(numbers, head.anchor_count[1:0], element);
        step <= ENDS;
      end
      ENDS: begin
        if (30'(head.offset[28:0]) + 30'(bytes) > 30'(MAX_BYTES)) good <= 1'b0;
        if (30'(taken) + 30'(bytes) > 30'(MAX_BYTES)) good <= 1'b0;
        taken <= {23'((30'(taken) + 30'(bytes) + 30'd63) >> 6), 6'b0};
        plans[at] <= '{
            kind: kind,
            element: element,
            quant: head.quant,
            cells: cells,
            grid_width: head.grid.width,
            stride: head.stride[10:0],
            anchor_count: head.anchor_count[1:0],
            anchors: head.anchors
        };
        step <= NEXT;
      end
      default: begin
        at <= at + 1'b1;
        if (good && 8'(at) + 8'd1 != job.head_count) step <= CELLS_OF;
        else begin
          finished <= 1'b1;
          step <= IDLE;
        end
      end
    endcase
    if (clear) begin
      step <= IDLE;
      finished <= 1'b0;
    end
  end

  // 1, 2 or 4 bytes a number; more than 2^28 is as good as 2^28 + 1.
  function automatic logic [28:0] over(input logic [26:0] count, input logic [1:0] anchors,
                                       input element_t element_of);
    logic [30:0] sum;
    sum = 31'(count) * 31'(anchors) << (2'd2 - 2'(element_of));
    return (sum > 31'(MAX_BYTES)) ? MAX_BYTES + 29'd1 : sum[28:0];
  endfunction
endmodule : post_check
