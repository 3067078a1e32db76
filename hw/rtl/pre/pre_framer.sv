// Takes one packet of a known length off the input stream, and says whether that was its length.
//
// Beats go on to `o_*` until `bytes` have come; what comes after them up to TLAST is dropped.
// `ended` rises when the packet has ended, `wrong` as soon as its length is known to be another.
// Combinational from `s_*` to `o_*`; both stay still while `run` is low.
module pre_framer #(
    parameter int unsigned S_BYTES = 8
) (
    input logic clk,
    input logic run,  // low between jobs: clears
    input logic [27:0] bytes,
    output logic ended,
    output logic wrong,

    input logic s_valid,
    output logic s_ready,
    input logic s_last,
    input logic [S_BYTES-1:0] s_keep,

    output logic o_valid,
    input logic o_ready,
    output logic o_last  // the last beat that the job needs
);
  localparam int unsigned CW = $clog2(S_BYTES + 1);

  logic [27:0] left;
  logic complete, started;
  logic [CW-1:0] count;
  logic [27:0] rest;

  always_comb begin
    count = '0;
    for (int i = 0; i < int'(S_BYTES); i++) count += CW'(s_keep[i]);
  end
  assign rest = started ? left : bytes;
  assign s_ready = run && !ended && (complete || wrong || o_ready);
  assign o_valid = run && !ended && !complete && !wrong && s_valid;
  assign o_last = rest <= 28'(count);

  always_ff @(posedge clk) begin
    if (!run) begin
      {started, complete, ended, wrong} <= '0;
    end else if (s_valid && s_ready) begin
      started <= 1'b1;
      left <= rest - 28'(count);
      if (s_last) ended <= 1'b1;
      if (!complete) begin
        if (rest <= 28'(count)) complete <= 1'b1;
        if (s_last != (rest <= 28'(count)) || rest < 28'(count)) wrong <= 1'b1;
      end
    end
  end
endmodule
