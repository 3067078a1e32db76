// What the parts of the CTC kernel have in common: sizes of the model's numbers and the records that
// travel between the parts.
// Not every part uses all of it.
// verilator lint_off UNUSEDPARAM

package ctc_pkg;
  // Of the model: most classes and most steps. A build may have room for fewer.
  localparam int unsigned MAX_CLASSES = 32768;
  localparam int unsigned MAX_STEPS = 4096;
  localparam int unsigned CLASS_BITS = 15;
  localparam int unsigned STEP_BITS = 12;
  localparam int unsigned COUNT_BITS = 13;
  // A step's weights: up to 2^15 of 2^30 each, 2^45 inclusive.
  localparam int unsigned SUM_BITS = 46;
  // A score, Q16, before it is held to 65535.
  localparam int unsigned QUOTIENT_BITS = 17;

  // A place is this many clocks behind the walk when an entry comes of it. So 15 places are on their
  // way, of which every second ends a step, and the text's end: the FIFO of the entries keeps that free.
  localparam int unsigned SHARE_AT = 14;
  localparam int unsigned FIFO_DEPTH = 32;
  localparam int unsigned ON_THE_WAY = 9;

  typedef logic [CLASS_BITS-1:0] class_t;
  typedef logic [STEP_BITS-1:0] step_t;
  typedef logic [COUNT_BITS-1:0] count_t;
  typedef logic [SUM_BITS-1:0] sum_t;

  // A job as the registers have it, nothing checked.
  typedef struct packed {
    logic [15:0] classes;
    logic [15:0] steps;
    logic [15:0] blank;
    logic [7:0] activation;
  } job_t;

  // A place of the stream. Each one passes twice through the arithmetic: its number is looked at, and
  // what the same place of the step before holds is weighed.
  typedef struct packed {
    logic valid;
    logic fresh;   // with a number; not fresh: only the step before, which was the last one
    logic weigh;   // there is a step before
    logic first;   // of its step
    logic last;
    class_t class_id;
    step_t step;
  } place_t;

  // A step of which all numbers have come.
  typedef struct packed {
    logic symbol;  // it begins a symbol
    class_t class_id;
    step_t step;
    logic signed [31:0] greatest;  // Q24, held to 64
  } reading_t;

  // What is still to be divided: a symbol, or with `ends` the end of the text, or both.
  typedef struct packed {
    logic symbol;
    logic ends;
    class_t class_id;
    step_t step;
    sum_t value;  // of the weights; of probabilities the number itself, Q24 within 0 to 1
  } entry_t;

  // As in a result, the score in the upper half of the second word.
  typedef struct packed {
    logic [15:0] score;
    step_t step;
    class_t class_id;
  } symbol_t;

  // Orders finite floats as their values: both zeros are 0.
  function automatic logic signed [31:0] order(input logic [31:0] bits);
    return bits[31] ? -signed'({1'b0, bits[30:0]}) : signed'({1'b0, bits[30:0]});
  endfunction
endpackage : ctc_pkg
// verilator lint_on UNUSEDPARAM
