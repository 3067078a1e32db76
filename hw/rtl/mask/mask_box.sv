// The edges of a box, Q8 network pixels, to the cells whose middles lie in it.
//
// Takes left, top, right, bottom, each while `ready`. The first cell whose middle is not before an
// edge is floor(((edge + stride * 128 - 1) >> 8) / stride), held to 0..grid: a division by trial, a
// bit a clock, because nothing hurries. `done` is high for one clock with `box` and `groups`, the
// groups of all its rows. 14 clocks an edge, 3 more behind the last one.

module mask_box
  import mask_pkg::*;
#(
    parameter int unsigned WORDS = 4
) (
    input logic aclk,
    input logic rst,

    input side_t grid_width,
    input side_t grid_height,
    input logic [6:0] stride,
    input logic valid,
    output logic ready,
    input logic [1:0] index,
    input logic [31:0] bits,

    output logic   done,
    output box_t   box,
    output cells_t groups
);
  localparam int unsigned SHIFT = $clog2(WORDS);
  typedef enum logic [1:0] {
    IDLE,
    DIVIDE,
    STORE,
    MULTIPLY
  } state_t;
  state_t state;

  logic [1:0] at;
  logic negative;
  logic [23:0] rest;
  logic [17:0] trial;
  logic [11:0] quotient;
  logic [3:0] step;

  // A fraction of a pixel moves no middle.
  // verilator lint_off UNUSEDSIGNAL
  wire signed [33:0] moved = 34'($signed(bits)) + 34'({stride, 7'b0}) - 34'sd1;
  // verilator lint_on UNUSEDSIGNAL
  wire fits = rest >= 24'(trial);
  // What is left over after the last bit is less than the stride, or the quotient has more bits.
  wire beyond = rest >= 24'(stride);
  side_t grid, cell_of;
  assign grid = at[0] ? grid_height : grid_width;
  always_comb begin
    if (negative) cell_of = '0;
    else if (beyond || quotient > grid) cell_of = grid;
    else cell_of = quotient;
  end

  side_t left, top, right, bottom;
  logic [1:0] product;
  wire empty = right <= left || bottom <= top;
  wire side_t width = right - left;
  wire side_t height = bottom - top;
  wire side_t begin_group = left >> SHIFT;
  wire side_t behind_group = side_t'((13'(right) + 13'(WORDS - 1)) >> SHIFT);
  side_t across;

  assign ready = state == IDLE;
  always_ff @(posedge aclk) begin
    done <= 1'b0;
    case (state)
      IDLE: if (valid) state <= DIVIDE;
      DIVIDE: if (step == 4'd11) state <= STORE;
      STORE: state <= (at == 2'd3) ? MULTIPLY : IDLE;
      default:
      if (product == 2'd2) begin
        state <= IDLE;
        done  <= 1'b1;
      end
    endcase
    if (rst) begin
      state <= IDLE;
      done  <= 1'b0;
    end
  end

  always_ff @(posedge aclk) begin
    if (state == IDLE) begin
      at <= index;
      negative <= moved[33];
      rest <= moved[31:8];
      trial <= {stride, 11'b0};
      step <= '0;
      product <= '0;
    end
    if (state == DIVIDE) begin
      if (fits) rest <= rest - 24'(trial);
      quotient <= {quotient[10:0], fits};
      trial <= trial >> 1;
      step <= step + 4'd1;
    end
    if (state == STORE) begin
      case (at)
        2'd0: left <= cell_of;
        2'd1: top <= cell_of;
        2'd2: right <= cell_of;
        default: bottom <= cell_of;
      endcase
    end
    if (state == MULTIPLY) product <= product + 2'd1;
    across <= behind_group - begin_group;
    groups <= empty ? '0 : cells_t'(across * height);
    box.cells <= empty ? '0 : cells_t'(width * height);
    {box.left, box.right} <= empty ? '0 : {left, right};
    {box.top, box.bottom} <= empty ? '0 : {top, bottom};
    {box.first_group, box.end_group} <= empty ? '0 : {begin_group, behind_group};
  end
endmodule : mask_box
