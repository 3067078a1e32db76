// 32-bit words to the beats of a stream, byte 0 first; the last beat of a packet may be shorter.
//
// A word a clock; a beat comes out one clock behind its last word and stays until it is taken.
module post_pack #(
    parameter int unsigned M_BYTES = 4
) (
    input  logic                 aclk,
    input  logic                 clear,
    input  logic                 word_valid,
    output logic                 word_ready,
    input  logic [         31:0] word,
    input  logic                 word_last,
    output logic [8*M_BYTES-1:0] m_axis_tdata,
    output logic [  M_BYTES-1:0] m_axis_tkeep,
    output logic                 m_axis_tlast,
    output logic                 m_axis_tvalid,
    input  logic                 m_axis_tready
);
  localparam int unsigned WORDS = M_BYTES / 4;
  localparam int unsigned LANE_BITS = (WORDS > 1) ? $clog2(WORDS) : 1;

  logic [WORDS-1:0][31:0] data;
  logic [WORDS-1:0][3:0] keep;
  logic [LANE_BITS-1:0] lane;
  logic full;
  assign full = lane == LANE_BITS'(WORDS - 1);
  assign word_ready = !m_axis_tvalid || m_axis_tready;
  assign m_axis_tdata = data;
  assign m_axis_tkeep = keep;

  always_ff @(posedge aclk) begin
    if (m_axis_tready) m_axis_tvalid <= 1'b0;
    if (word_valid && word_ready) begin
      data[lane] <= word;
      for (int unsigned i = 0; i < WORDS; i++) keep[i] <= {4{LANE_BITS'(i) <= lane}};
      m_axis_tlast <= word_last;
      m_axis_tvalid <= full || word_last;
      lane <= (full || word_last) ? '0 : lane + 1'b1;
    end
    if (clear) begin
      m_axis_tvalid <= 1'b0;
      lane <= '0;
    end
  end
endmodule : post_pack
