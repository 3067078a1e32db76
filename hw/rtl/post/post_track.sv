// What is known of each cell of the anchor whose planes come: its box numbers, whether a number
// was NaN or infinite, and its best class. NCHW brings one plane after the other, so all of it
// waits in RAM for the last plane, which brings the results out.
//
// A number a clock; out comes 3 clocks behind in. No handshake. Two numbers of the same cell are at
// least 8 clocks apart, so a cell's state is written before it is read again.
module post_track
  import post_pkg::*;
#(
    parameter int unsigned CELLS = 8400,
    parameter int unsigned ULTRA = 0
) (
    input  logic                       aclk,
    input  logic                       clear,
    input  number_t                    in,
    output logic                       out_valid,
    output logic                       out_broken,
    output logic       [         31:0] out_best,
    output logic       [CLASS_BITS-1:0] out_class,
    output logic [4:0] [         31:0] out_numbers
);
  localparam int unsigned AT_BITS = $clog2(CELLS);
  typedef logic [AT_BITS-1:0] at_t;
  typedef struct packed {
    logic broken;
    logic [31:0] best;
    logic [CLASS_BITS-1:0] class_id;
  } state_t;

  // Orders floats as their values: both zeros are 0. Of NaNs it says something, which nobody uses.
  function automatic logic signed [31:0] order(input logic [31:0] bits);
    return bits[31] ? -signed'({1'b0, bits[30:0]}) : signed'({1'b0, bits[30:0]});
  endfunction

  // `first_2.at` and so on: the number of 2 clocks before.
  // verilator lint_off UNUSEDSIGNAL
  number_t in_1, in_2;
  // verilator lint_on UNUSEDSIGNAL
  at_t at, at_3;
  logic valid_3;
  assign at = at_t'(in.at);

  for (genvar n = 0; n < 5; n++) begin : gen_number
    logic [31:0] number_2;
    post_ram #(
        .WIDTH(32),
        .DEPTH(CELLS),
        .ULTRA(ULTRA)
    ) ram (
        .aclk,
        .write(in.valid && in.box_number[n]),
        .write_at(at),
        .write_data(in.bits),
        .read_at(at),
        .read_data(number_2)
    );
    always_ff @(posedge aclk) out_numbers[n] <= number_2;
  end

  state_t state_2, state_3, next;
  post_ram #(
      .WIDTH($bits(state_t)),
      .DEPTH(CELLS),
      .ULTRA(ULTRA)
  ) states (
      .aclk,
      .write(valid_3),
      .write_at(at_3),
      .write_data(state_3),
      .read_at(at),
      .read_data(state_2)
  );
  always_comb begin
    next = state_2;
    next.broken = (state_2.broken && !in_2.first_plane) || in_2.bits[30:23] == '1;
    if (in_2.is_class && (in_2.class_id == '0 || order(in_2.bits) > order(state_2.best))) begin
      next.best = in_2.bits;
      next.class_id = in_2.class_id;
    end
  end
  always_ff @(posedge aclk) begin
    state_3 <= next;
    in_1 <= in;
    in_2 <= in_1;
    valid_3 <= in_2.valid;
    at_3 <= at_t'(in_2.at);
    out_valid <= in_2.valid && in_2.last_plane;
    if (clear) {in_1.valid, in_2.valid, valid_3, out_valid} <= '0;
  end
  assign out_broken = state_3.broken;
  assign out_best = state_3.best;
  assign out_class = state_3.class_id;
endmodule : post_track
