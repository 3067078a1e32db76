// Content to packets: the band ring, the walk over the tensor, tables of elements, packing.
//
// `ended` with `idle`: the last packet, or after `stop` the one that had begun, has been taken.
module pre_output
  import tandem_pre_pkg::*;
#(
    parameter int unsigned LANES = 8,
    parameter int unsigned WORDS = 4096,
    parameter logic [14:0] FEATURES = 15'h7F7F
) (
    input logic clk,
    input logic rst,
    input logic stop,
    // Of the job a module takes what it needs.
    // verilator lint_off UNUSEDSIGNAL
    input pre_job_t job,
    // verilator lint_on UNUSEDSIGNAL
    input logic [13:0] row_words,

    input logic i_valid,
    output logic i_ready,
    input logic [2:0][7:0] i_pixel,
    input logic i_last,

    output logic o_valid,
    input logic o_ready,
    output logic [LANES*8-1:0] o_data,
    output logic [LANES-1:0] o_keep,
    output logic o_last,
    output logic ended,
    output logic idle
);
  localparam int unsigned NW = $clog2(LANES + 1);

  logic [13:0] rows;
  logic free, read;
  logic [$clog2(WORDS)-1:0] read_at;
  logic [2:0][LANES-1:0][7:0] word;
  pre_ring #(
      .PIXELS(LANES),
      .WORDS(WORDS)
  ) i_ring (
      .clk,
      .rst,
      .row_words,
      .i_valid,
      .i_ready,
      .i_pixel,
      .i_last,
      .rows,
      .free,
      .read,
      .read_at,
      .read_data(word)
  );

  logic ready, write;
  logic [9:0] write_at;
  logic [15:0] write_data;
  pre_table #(
      .HALF(FEATURES[F_F16])
  ) i_table (
      .clk,
      .rst,
      .grey(job.grey),
      .element(job.element),
      .scale(job.scale),
      .offset(job.offset),
      .ready,
      .write,
      .write_at,
      .write_data
  );

  logic w_valid, w_ready, w_content, w_last;
  logic [NW-1:0] w_count;
  logic [1:0] w_third, w_plane;
  pre_walk #(
      .LANES(LANES),
      .WORDS(WORDS)
  ) i_walk (
      .clk,
      .rst,
      .go(ready),
      .stop,
      .job,
      .rows,
      .free,
      .read,
      .read_at,
      .o_valid(w_valid),
      .o_ready(w_ready),
      .o_content(w_content),
      .o_count(w_count),
      .o_third(w_third),
      .o_plane(w_plane),
      .o_last(w_last),
      .ended
  );

  logic emit_idle;
  pre_emit #(
      .LANES(LANES),
      .HALF(FEATURES[F_F16]),
      .MIXED(FEATURES[F_INTERLEAVED])
  ) i_emit (
      .clk,
      .rst,
      .three_mixed(job.three_mixed),
      .element(job.element),
      .pad(job.pad),
      .write,
      .write_at,
      .write_data,
      .i_valid(w_valid),
      .i_ready(w_ready),
      .i_content(w_content),
      .i_count(w_count),
      .i_third(w_third),
      .i_plane(w_plane),
      .i_last(w_last),
      .i_word(word),
      .o_valid,
      .o_ready,
      .o_data,
      .o_keep,
      .o_last,
      .idle(emit_idle)
  );
  assign idle = emit_idle && !w_valid;
endmodule
