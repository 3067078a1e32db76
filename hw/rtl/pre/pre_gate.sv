// Lets the rows through that an output row looks at, and drops the others.
//
// One bit a row, in order; with `all` every row goes through and no bit is taken.
// Handshake: valid/ready, combinational. Throughput: one group a clock, dropped or not.
module pre_gate (
    input logic all,
    input logic need_valid,
    input logic need,
    output logic need_take,

    input logic i_valid,
    output logic i_ready,
    input logic i_eol,
    output logic o_valid,
    input logic o_ready
);
  logic pass;
  assign pass = all || (need_valid && need);
  assign o_valid = i_valid && pass;
  assign i_ready = pass ? o_ready : need_valid;
  assign need_take = i_valid && i_ready && i_eol && !all;
endmodule
