// Whether a layer can be computed, and what follows from it.
//
// `begin_check` starts, with `layer` steady from that clock on; eight clocks later `checked` is high for
// one clock with `code` (0: good) and `plan`. The rules are those of Layer::validate in the model;
// one multiplication a clock, because nothing hurries.

module slice_check
  import slice_pkg::*;
  import tandem_regs_slice_pkg::*;
#(
    parameter int unsigned STORE_BYTES = 65536
) (
    input logic aclk,
    input logic rst,

    input  logic         begin_check,
    input  layer_t       layer,
    output logic         checked,
    output logic   [7:0] code,
    output plan_t        plan
);
  logic [6:0] at;
  logic [21:0] places;
  logic [32:0] input_bytes;
  logic [32:0] taps;
  logic [25:0] weights;
  logic [20:0] row;
  logic good;

  wire mixes = layer.op == 8'(DENSE) || layer.op == 8'(POINTWISE);
  wire strides = layer.op == 8'(POINTWISE) || layer.op == 8'(DEPTHWISE);
  wire pools = layer.op == 8'(MAX_POOL) || layer.op == 8'(MEAN_POOL);
  wire halves = layer.op == 8'(MAX_POOL);
  wire single = layer.op == 8'(DENSE) || layer.op == 8'(MEAN_POOL);

  function automatic logic in_range(input logic [15:0] value);
    return value != '0 && value <= 16'd1024;
  endfunction

  // Every rule that needs no product.
  wire ranges = layer.op <= 8'(MEAN_POOL) && in_range(
      layer.width
  ) && in_range(
      layer.height
  ) && in_range(
      layer.channels
  ) && in_range(
      layer.channels_out
  ) && (mixes || layer.channels_out == layer.channels) &&
      (layer.stride == 8'd1 || (strides && layer.stride == 8'd2)) && layer.low <= layer.high &&
      !(halves && (layer.width < 16'd2 || layer.height < 16'd2 || layer.zero_in != layer.zero_out));

  function automatic logic [10:0] shrunk(input logic [10:0] side);
    if (single) return 11'd1;
    if (halves) return side >> 1;
    return layer.stride == 8'd2 ? (side + 11'd1) >> 1 : side;
  endfunction

  always_ff @(posedge aclk) begin
    if (rst) at <= '0;
    else at <= {at[5:0], begin_check};
  end

  always_ff @(posedge aclk) begin
    places <= layer.width[10:0] * layer.height[10:0];
    row <= 21'(layer.width[10:0] * layer.channels[10:0]);
    input_bytes <= places * layer.channels[10:0];
    case (1'b1)
      layer.op == 8'(DENSE): taps <= input_bytes;
      layer.op == 8'(POINTWISE): taps <= 33'(layer.channels[10:0]);
      layer.op == 8'(DEPTHWISE): taps <= 33'd9;
      default: taps <= '0;
    endcase
    weights <= taps[14:0] * layer.channels_out[10:0];
    good <= ranges && taps <= 33'd16384;
    plan.taps <= taps[14:0];
    plan.records <= halves ? '0 : pools ? 11'd1 : layer.channels_out[10:0];
    plan.places <= places[20:0];
    plan.row <= row;
    plan.weights_at <= 32'(plan.records) * 32'd12;
    plan.input_at <= plan.weights_at + 32'(weights);
    plan.total <= plan.input_at + 32'(input_bytes);
    plan.rows_out <= shrunk(layer.height[10:0]);
    plan.columns_out <= shrunk(layer.width[10:0]);
  end

  // The sum of a good layer has 31 bits: 12 KiB, 16 MiB and 2^30 bytes.
  assign checked = at[6];
  always_comb begin
    if (!good) code = SLICE_STATUS_REFUSEDPARAMS;
    else if (plan.total > STORE_BYTES) code = SLICE_STATUS_TOOLARGE;
    else code = SLICE_STATUS_OK;
  end
endmodule : slice_check
