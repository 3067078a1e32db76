// The order of products: which bytes of the store meet in each step.
//
// Loops, from the outside: rows and columns of the output, then output channels (dense, pointwise) or
// groups of LANES channels (the others), then the steps of one output or group. A step of the first
// kind multiplies LANES inputs of one output; one of the second kind, one input of LANES outputs.
// `go` starts; one step a clock of `en` follows from the next on; `step.final_one` ends. `places`, in
// the second kind, lie around the place (depthwise), in a square (maximum) or are all (mean).

// The layer and its plan are handed over whole.
// verilator lint_off UNUSEDSIGNAL
module slice_walk
  import slice_pkg::*;
#(
    parameter  int unsigned LANES   = 8,
    parameter  int unsigned ADDRESS = 16
) (
    input logic aclk,
    input logic rst,
    input logic en,

    input logic   go,
    input layer_t layer,
    input plan_t  plan,

    output step_t step,
    output logic [LANES-1:0] mask,
    output logic [ADDRESS-1:0] weight_at,
    output logic [ADDRESS-1:0] input_at
);
  op_t op;
  logic [10:0] channels;
  logic [1:0] stride;

  // Where the loops are.
  logic active;
  logic [10:0] row;
  logic [10:0] column;
  logic [10:0] channel;
  logic [20:0] k;
  logic [1:0] kx;
  logic [1:0] ky;
  logic [14:0] left;  // products of this output that are still to come
  logic [ADDRESS-1:0] row_at;
  logic [ADDRESS-1:0] place_at;
  logic [ADDRESS-1:0] pointer;  // of the input, for loops without a shape
  logic [ADDRESS-1:0] weight_group;
  logic [ADDRESS-1:0] weight;
  // Top left input place of this output; -1 as 11 ones.
  logic [10:0] x;
  logic [10:0] y;

  wire mixes = op == DENSE || op == POINTWISE;
  wire [ADDRESS-1:0] one_column = ADDRESS'(channels);
  wire [ADDRESS-1:0] one_row = ADDRESS'(plan.row);
  wire [10:0] rest = channels - channel;

  logic last_step;
  always_comb begin
    case (op)
      DENSE, POINTWISE: last_step = left <= 15'(LANES);
      DEPTHWISE: last_step = k == 21'd8;
      MAX_POOL: last_step = k == 21'd3;
      default: last_step = k == plan.places - 21'd1;
    endcase
  end
  wire last_group = mixes ? channel == layer.channels_out[10:0] - 11'd1 : rest <= 11'(LANES);
  wire last_column = column == plan.columns_out - 11'd1;
  wire last_row = row == plan.rows_out - 11'd1;

  // Depthwise: places beside the tensor count nothing.
  wire [10:0] place_x = x + 11'(kx) - 11'd1;
  wire [10:0] place_y = y + 11'(ky) - 11'd1;
  wire in_tensor = place_x < layer.width[10:0] && place_y < layer.height[10:0];

  // Sums of the places around, without a multiplier.
  logic [ADDRESS-1:0] across;
  logic [ADDRESS-1:0] down;
  always_comb begin
    across = kx == 2'd0 ? '0 : kx == 2'd1 ? one_column : one_column << 1;
    down   = ky == 2'd0 ? '0 : ky == 2'd1 ? one_row : one_row << 1;
    if (op == DEPTHWISE) begin
      across = across - one_column;
      down   = down - one_row;
    end
  end

  always_comb begin
    step = '{
        valid: active,
        first: k == '0,
        last: last_step,
        final_one: last_step && last_group && last_column && last_row,
        channel: channel[9:0],
        count: mixes ? 6'd1 : rest < 11'(LANES) ? rest[5:0] : 6'(LANES)
    };
    weight_at = weight;
    if (op == DEPTHWISE || op == MAX_POOL) begin
      input_at = place_at + ADDRESS'(channel) + across + down;
    end else input_at = pointer;
    for (int i = 0; i < int'(LANES); i++) begin
      if (mixes) mask[i] = 15'(i) < left;
      else mask[i] = 11'(i) < rest && (op != DEPTHWISE || in_tensor);
    end
  end

  // Left edge of the next column and of the next row.
  wire [ADDRESS-1:0] next_place = place_at + (stride == 2'd2 ? one_column << 1 : one_column);
  wire [ADDRESS-1:0] next_row = row_at + (stride == 2'd2 ? one_row << 1 : one_row);
  wire new_row = last_column;
  wire [ADDRESS-1:0] new_place = new_row ? next_row : next_place;
  wire [ADDRESS-1:0] group_bytes = mixes ? ADDRESS'(plan.taps) : ADDRESS'(9 * LANES);
  wire [ADDRESS-1:0] next_group = weight_group + group_bytes;

  always_ff @(posedge aclk) begin
    if (rst) active <= 1'b0;
    else if (go) active <= 1'b1;
    else if (en && active && step.final_one) active <= 1'b0;
  end

  always_ff @(posedge aclk) begin
    if (go) begin
      op <= op_t'(layer.op[2:0]);
      channels <= layer.channels[10:0];
      // A maximum takes every second place, whatever STRIDE says.
      stride <= layer.op[2:0] == MAX_POOL ? 2'd2 : layer.stride[1:0];
      {row, column, channel, k, kx, ky, x, y} <= '0;
      left <= plan.taps;
      row_at <= ADDRESS'(plan.input_at);
      place_at <= ADDRESS'(plan.input_at);
      pointer <= ADDRESS'(plan.input_at);
      weight_group <= ADDRESS'(plan.weights_at);
      weight <= ADDRESS'(plan.weights_at);
    end else if (en && active) begin
      if (!last_step) begin
        k <= k + 21'd1;
        left <= left - 15'(LANES);
        pointer <= pointer + (mixes ? ADDRESS'(LANES) : one_column);
        weight <= weight + (mixes ? ADDRESS'(LANES) : ADDRESS'(1));
        if (kx == (op == MAX_POOL ? 2'd1 : 2'd2)) begin
          kx <= '0;
          ky <= ky + 2'd1;
        end else kx <= kx + 2'd1;
      end else begin
        {k, kx, ky} <= '0;
        left <= plan.taps;
        if (!last_group) begin
          channel <= mixes ? channel + 11'd1 : channel + 11'(LANES);
          pointer <= mixes ? place_at : place_at + ADDRESS'(channel) + ADDRESS'(LANES);
          weight_group <= next_group;
          weight <= next_group;
        end else begin
          channel <= '0;
          column <= last_column ? '0 : column + 11'd1;
          x <= last_column ? '0 : x + 11'(stride);
          if (last_column) begin
            row <= row + 11'd1;
            y <= y + 11'(stride);
            row_at <= next_row;
          end
          place_at <= new_place;
          pointer <= new_place;
          weight_group <= ADDRESS'(plan.weights_at);
          weight <= ADDRESS'(plan.weights_at);
        end
      end
    end
  end
endmodule : slice_walk
// verilator lint_on UNUSEDSIGNAL
