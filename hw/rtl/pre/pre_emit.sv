// From chunks of the walk to bytes: picks pixels of the ring or of the padding, looks up their
// elements, and packs them into beats.
//
// An element of two bytes takes a chunk in two halves. Each lane has a table of its own, so that all
// look up at once. Handshake: valid/ready, the stages move together. Latency three clocks and the
// packer's. `write_*` fills the tables, while nothing goes through.
module pre_emit
  import tandem_pre_pkg::*;
#(
    parameter int unsigned LANES = 8,  // bytes of a beat, and pixels of a word of the ring
    parameter bit HALF = 1'b1,
    parameter bit MIXED = 1'b1  // interleaved tensors
) (
    input logic clk,
    input logic rst,
    input logic three_mixed,
    input logic [1:0] element,
    input logic [2:0][7:0] pad,

    input logic write,
    input logic [9:0] write_at,
    // Without binary16 an element is the low byte.
    // verilator lint_off UNUSEDSIGNAL
    input logic [15:0] write_data,
    // verilator lint_on UNUSEDSIGNAL

    input logic i_valid,
    output logic i_ready,
    input logic i_content,
    input logic [$clog2(LANES+1)-1:0] i_count,
    input logic [1:0] i_third,
    input logic [1:0] i_plane,
    input logic i_last,
    input logic [2:0][LANES-1:0][7:0] i_word,

    output logic o_valid,
    input logic o_ready,
    output logic [LANES*8-1:0] o_data,
    output logic [LANES-1:0] o_keep,
    output logic o_last,
    output logic idle
);
  localparam int unsigned NW = $clog2(LANES + 1);
  localparam int unsigned TABLE_BITS = HALF ? 16 : 8;

  logic enable, ready, half;
  logic [1:0] valid;

  // The chunk's values and channels.
  logic [LANES-1:0][7:0] values;
  logic [LANES-1:0][1:0] channels;
  logic [NW-1:0] count;
  logic last, upper, both;

  assign half = HALF && element == ELEMENT_F16;
  assign both = half && !upper && count > NW'(LANES / 2);
  assign i_ready = enable && !(valid[0] && both);

  for (genvar l = 0; l < int'(LANES); l++) begin : g_lane
    logic [7:0] value;
    logic [1:0] channel;
    always_comb begin
      channel = i_plane;
      value = i_word[i_plane][l];
      if (MIXED && three_mixed) begin
        case (i_third)
          2'd0: {channel, value} = {2'(l % 3), i_word[l%3][l/3]};
          2'd1: {channel, value} = {2'((LANES + l) % 3), i_word[(LANES+l)%3][(LANES+l)/3]};
          default: {channel, value} = {2'((2*LANES+l) % 3), i_word[(2*LANES+l)%3][(2*LANES+l)/3]};
        endcase
      end
      if (!i_content) value = pad[channel];
    end
    always_ff @(posedge clk) begin
      if (i_valid && i_ready) begin
        values[l] <= value;
        channels[l] <= channel;
      end
    end
  end

  logic chunk_last;
  logic [NW-1:0] bytes;
  always_ff @(posedge clk) begin
    if (i_valid && i_ready) begin
      count <= i_count;
      last <= i_last;
    end
    if (enable) begin
      valid[0] <= (i_valid && i_ready) || (valid[0] && both);
      upper <= valid[0] && both;
      valid[1] <= valid[0];
      chunk_last <= last && !both;
      // An element of two bytes: of the first half or of the second.
      bytes <= !half ? count : both ? NW'(LANES) : upper ?
          NW'({count - NW'(LANES / 2), 1'b0}) : NW'({count, 1'b0});
    end
    if (rst) begin
      valid <= '0;
      upper <= 1'b0;
    end
  end

  logic [LANES-1:0][TABLE_BITS-1:0] looked_up;
  for (genvar l = 0; l < int'(LANES); l++) begin : g_table
    logic [9:0] look_at;
    if (HALF && l < int'(LANES / 2)) begin : g_halves
      assign look_at = upper ? {channels[l+LANES/2], values[l+LANES/2]} : {channels[l], values[l]};
    end else begin : g_whole
      assign look_at = {channels[l], values[l]};
    end
    pre_ram #(
        .WIDTH(TABLE_BITS),
        .DEPTH(1024)
    ) i_table (
        .clk,
        .write,
        .write_at,
        .write_data(write_data[TABLE_BITS-1:0]),
        .read(enable),
        .read_at(look_at),
        .read_data(looked_up[l])
    );
  end

  logic [LANES-1:0][7:0] chunk;
  for (genvar l = 0; l < int'(LANES); l++) begin : g_byte
    if (HALF) begin : g_half
      assign chunk[l] = half ? looked_up[l/2][(l%2)*8+:8] : looked_up[l][7:0];
    end else begin : g_byte_only
      assign chunk[l] = looked_up[l][7:0];
    end
  end

  assign enable = !valid[1] || ready;
  tandem_packer #(
      .S_BYTES(LANES),
      .M_BYTES(LANES)
  ) i_pack (
      .aclk(clk),
      .aresetn(!rst),
      .s_data(chunk),
      .s_count(bytes),
      .s_last(chunk_last),
      .s_valid(valid[1]),
      .s_ready(ready),
      .m_data(o_data),
      .m_keep(o_keep),
      .m_last(o_last),
      .m_valid(o_valid),
      .m_ready(o_ready)
  );
  // Behind the end of a packet the packer has whole beats only.
  assign idle = valid == '0 && !o_valid;
endmodule
