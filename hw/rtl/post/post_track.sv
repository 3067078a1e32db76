// What is known of each cell of the anchor whose planes come: its box numbers, whether a number
// was NaN or infinite, and its best class. NCHW brings one plane after the other, so all of it
// waits in block RAM for the last plane, which brings the results out.
//
// A number a clock; out comes 3 clocks behind in. No handshake. Two numbers of the same cell are at
// least 8 clocks apart, so a cell's state is written before it is read again.
module post_track
  import post_pkg::*;
#(
    parameter int unsigned CELLS = 8400,
    parameter int unsigned CELL_BITS = $clog2(CELLS)
) (
    input  logic                       aclk,
    input  logic                       clear,
    input  logic                       in_valid,
    input  logic       [         31:0] in_bits,
    input  logic       [CELL_BITS-1:0] in_cell,
    input  logic                       in_first_plane,
    input  logic                       in_last_plane,
    // A box number 0 to 4 that is kept, or else a class.
    input  logic       [          4:0] in_box_number,
    input  logic                       in_is_class,
    input  logic       [CLASS_BITS-1:0] in_class,
    output logic                       out_valid,
    output logic                       out_broken,
    output logic       [         31:0] out_best,
    output logic       [CLASS_BITS-1:0] out_class,
    output logic [4:0] [         31:0] out_numbers
);
  typedef struct packed {
    logic broken;
    logic [31:0] best;
    logic [CLASS_BITS-1:0] class_id;
  } state_t;

  // Orders floats as their values: both zeros are 0. Of NaNs it says something, which nobody uses.
  function automatic logic signed [31:0] order(input logic [31:0] bits);
    return bits[31] ? -signed'({1'b0, bits[30:0]}) : signed'({1'b0, bits[30:0]});
  endfunction

  logic valid_1, valid_2, last_1, last_2, is_class_1, is_class_2, first_1, first_2;
  logic [31:0] bits_1, bits_2;
  logic [CELL_BITS-1:0] cell_1, cell_2, cell_3;
  logic [CLASS_BITS-1:0] class_1, class_2;
  logic valid_3;

  for (genvar n = 0; n < 5; n++) begin : gen_number
    (* ram_style = "block" *)logic [31:0] numbers[CELLS];
    logic [31:0] number_1, number_2;
    always_ff @(posedge aclk) begin
      if (in_valid && in_box_number[n]) numbers[in_cell] <= in_bits;
      number_1 <= numbers[in_cell];
      number_2 <= number_1;
      out_numbers[n] <= number_2;
    end
  end

  (* ram_style = "block" *)state_t states[CELLS];
  state_t state_1, state_2, state_3, next;
  always_comb begin
    next = state_2;
    next.broken = (state_2.broken && !first_2) || bits_2[30:23] == '1;
    if (is_class_2 && (class_2 == '0 || order(bits_2) > order(state_2.best))) begin
      next.best = bits_2;
      next.class_id = class_2;
    end
  end
  always_ff @(posedge aclk) begin
    state_1 <= states[in_cell];
    state_2 <= state_1;
    state_3 <= next;
    if (valid_3) states[cell_3] <= state_3;

    {valid_1, bits_1, cell_1} <= {in_valid, in_bits, in_cell};
    {last_1, first_1} <= {in_last_plane, in_first_plane};
    {is_class_1, class_1} <= {in_is_class, in_class};
    {valid_2, bits_2, cell_2} <= {valid_1, bits_1, cell_1};
    {last_2, is_class_2, first_2, class_2} <= {last_1, is_class_1, first_1, class_1};
    valid_3 <= valid_2;
    cell_3 <= cell_2;
    out_valid <= valid_2 && last_2;
    if (clear) {valid_1, valid_2, valid_3, out_valid} <= '0;
  end
  assign out_broken = state_3.broken;
  assign out_best = state_3.best;
  assign out_class = state_3.class_id;
endmodule : post_track
