// The input stream to numbers with their places: post_unpack, post_gear, post_walk, and post_number,
// behind which every number is an f32, whatever its head is made of.
//
// A number a clock, 8 clocks behind its beat. From walk on nothing waits: `room` stops walk, with
// at most NUMBERS numbers on the way out. `busy` while some are. `rule` is ahead of the numbers by as
// many clocks; before it changes come four planes at least, in which all boxes of the anchor before
// leave the parts behind.
module post_input
  import post_pkg::*;
#(
    parameter int unsigned S_BYTES = 4,
    // Elements beside f32 that are built in.
    parameter bit HALF = 1'b1,
    parameter bit BYTE = 1'b1
) (
    input  logic                         aclk,
    input  logic                         clear,
    input  logic                         open,
    input  logic                         start,
    input  logic  [                 2:0] head_count,
    input  logic  [                10:0] classes,
    input  plan_t [       MAX_HEADS-1:0] plans,
    input  logic  [       8*S_BYTES-1:0] s_axis_tdata,
    input  logic  [         S_BYTES-1:0] s_axis_tkeep,
    input  logic                         s_axis_tlast,
    input  logic                         s_axis_tvalid,
    output logic                         s_axis_tready,
    input  logic                         room,
    input  logic                         drained,
    output logic                         busy,
    output number_t                      number,
    output dfl_step_t                    dfl,
    output place_t                       place,
    output rule_t                        rule,
    output logic                         ended,
    output logic                         complete
);
  logic word_valid, word_ready, word_last, raw_valid, raw_ready, raw_last;
  logic [31:0] word, raw, value;
  logic [2:0] word_bytes, raw_bytes, raw_width;
  post_unpack #(
      .S_BYTES(S_BYTES)
  ) unpack (
      .aclk,
      .open,
      .s_axis_tdata,
      .s_axis_tkeep,
      .s_axis_tlast,
      .s_axis_tvalid,
      .s_axis_tready,
      .word_valid,
      .word_ready,
      .word,
      .word_bytes,
      .word_last
  );
  post_gear gear (
      .aclk,
      .open,
      .word_valid,
      .word_ready,
      .word,
      .word_bytes,
      .word_last,
      .width(raw_width),
      .number_valid(raw_valid),
      .number_ready(raw_ready),
      .number(raw),
      .number_bytes(raw_bytes),
      .number_last(raw_last)
  );

  // What walk says of a number, beside the number's way through post_number.
  localparam int unsigned DELAY = 5;
  number_t walked, numbers[1:DELAY];
  dfl_step_t step, steps[1:DELAY];
  place_t at, places[1:DELAY];
  element_t element;
  quant_t quant;
  logic [DELAY:1] valid, step_valid;
  post_walk walk (
      .aclk,
      .clear,
      .start,
      .head_count,
      .classes,
      .plans,
      .raw_valid,
      .raw_ready,
      .raw,
      .raw_bytes,
      .raw_last,
      .raw_width,
      .room,
      .drained,
      .number(walked),
      .element,
      .quant,
      .dfl(step),
      .place(at),
      .rule,
      .ended,
      .complete
  );
  post_number #(
      .HALF(HALF),
      .BYTE(BYTE)
  ) values (
      .aclk,
      .bits(walked.bits),
      .element,
      .quant,
      .value
  );
  always_ff @(posedge aclk) begin
    numbers[1] <= walked;
    steps[1] <= step;
    places[1] <= at;
    for (int unsigned i = 2; i <= DELAY; i++) begin
      numbers[i] <= numbers[i-1];
      steps[i] <= steps[i-1];
      places[i] <= places[i-1];
    end
    valid <= {valid[DELAY-1:1], walked.valid};
    step_valid <= {step_valid[DELAY-1:1], step.valid};
    if (clear) {valid, step_valid} <= '0;
  end
  always_comb begin
    number = numbers[DELAY];
    number.valid = valid[DELAY];
    number.bits = value;
    dfl = steps[DELAY];
    dfl.valid = step_valid[DELAY];
    place = places[DELAY];
  end
  assign busy = walked.valid || valid != '0;
endmodule : post_input
