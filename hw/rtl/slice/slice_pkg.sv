// `slice`: what its modules share.

package slice_pkg;
  typedef enum logic [2:0] {
    DENSE = 3'd0,
    POINTWISE = 3'd1,
    DEPTHWISE = 3'd2,
    MAX_POOL = 3'd3,
    MEAN_POOL = 3'd4
  } op_t;

  // A layer as the registers have it.
  typedef struct packed {
    logic [7:0] op;
    logic [7:0] stride;
    logic [15:0] width;
    logic [15:0] height;
    logic [15:0] channels;
    logic [15:0] channels_out;
    logic signed [7:0] zero_in;
    logic signed [7:0] zero_out;
    logic signed [7:0] low;
    logic signed [7:0] high;
  } layer_t;

  // What follows from a layer that was not refused. Addresses are bytes in the packet.
  typedef struct packed {
    logic [14:0] taps;  // products of an output, 1 to 16384; 0 for pooling
    logic [10:0] records;  // requantisation records
    logic [20:0] places;  // of the input
    logic [20:0] row;  // bytes of an input row
    logic [31:0] weights_at;
    logic [31:0] input_at;
    logic [31:0] total;
    logic [10:0] rows_out;
    logic [10:0] columns_out;
  } plan_t;

  // One step of the multipliers.
  typedef struct packed {
    logic valid;
    logic first;  // of an output, or of a group of outputs
    logic last;
    logic final_one;  // of the job
    logic [9:0] channel;  // the first that it makes
    logic [5:0] count;  // outputs that it makes
  } step_t;

  // Requantisation: `bias` is added, then times `multiplier / 2^(31 + shift)`.
  typedef struct packed {
    logic signed [31:0] bias;
    logic [30:0] multiplier;
    logic [4:0] shift;
  } record_t;
endpackage : slice_pkg
