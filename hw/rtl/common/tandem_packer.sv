// Byte packer and width converter: beats of 1 to S_BYTES bytes become full beats of M_BYTES.
//
// Input: `s_count` bytes from byte 0 on, `s_last` with a packet's last ones; there is at least one.
// Output: an AXI4-Stream whose `m_keep` is full but on a packet's last beat. A packet begins in a
// new beat. `s_ready` depends on registers and on `s_last` only; `m_*` are registers.
// Latency: one clock from the input that fills or ends a beat. Throughput: whichever side is the
// narrower one is never kept waiting by the packer, but for a packet that ends before the end of
// the packet ahead of it has left (packets of one beat: every second clock).

module tandem_packer #(
    parameter int S_BYTES = 8,
    parameter int M_BYTES = 8,
    localparam int COUNT = $clog2(S_BYTES + 1)
) (
    input logic aclk,
    input logic aresetn,

    input  logic [8*S_BYTES-1:0] s_data,
    input  logic [    COUNT-1:0] s_count,
    input  logic                 s_last,
    input  logic                 s_valid,
    output logic                 s_ready,

    output logic [8*M_BYTES-1:0] m_data,
    output logic [  M_BYTES-1:0] m_keep,
    output logic                 m_last,
    output logic                 m_valid,
    input  logic                 m_ready
);
  // Room for a full beat and whatever an input adds to it, rounded up to beats.
  localparam int BEATS = (M_BYTES + S_BYTES + M_BYTES - 1) / M_BYTES;
  localparam int ROOM = BEATS * M_BYTES;
  localparam int LEVEL = $clog2(ROOM + 1);

  // The lowest bytes are the oldest. `level` counts them; behind a packet's end up to the next
  // beat, where the next packet begins.
  logic [8*ROOM-1:0] bytes;
  logic [ LEVEL-1:0] level;

  // A packet ends in the buffer: with byte `end_at - 1`.
  logic              ending;
  logic [ LEVEL-1:0] end_at;

  logic              take;
  logic              give;
  logic [ LEVEL-1:0] base;
  logic [ LEVEL-1:0] fill;
  logic [8*ROOM-1:0] kept;
  logic [8*ROOM-1:0] added;

  assign m_data  = bytes[8*M_BYTES-1:0];
  assign m_last  = ending && end_at <= LEVEL'(M_BYTES);
  assign m_valid = level >= LEVEL'(M_BYTES);
  assign s_ready = level <= LEVEL'(ROOM - S_BYTES) && !(ending && s_last);
  assign take    = s_valid && s_ready;
  assign give    = m_valid && m_ready;

  always_comb begin
    for (int i = 0; i < M_BYTES; i++) m_keep[i] = !m_last || LEVEL'(i) < end_at;
  end

  // What is left when a beat has gone, and where it ends.
  assign base = give ? level - LEVEL'(M_BYTES) : level;
  assign kept = give ? bytes >> (8 * M_BYTES) : bytes;
  assign added = (8 * ROOM)'(s_data) << {base, 3'b000};
  assign fill = base + LEVEL'(s_count);

  function automatic logic [LEVEL-1:0] beats_up(input logic [LEVEL-1:0] count);
    return (count + LEVEL'(M_BYTES - 1)) & ~LEVEL'(M_BYTES - 1);
  endfunction

  always_ff @(posedge aclk) begin
    if (!aresetn) begin
      level  <= '0;
      ending <= 1'b0;
    end else begin
      if (take) level <= s_last ? beats_up(fill) : fill;
      else level <= base;
      if (take && s_last) ending <= 1'b1;
      else if (give && m_last) ending <= 1'b0;
    end
  end

  // Bytes at and above `base` are overwritten, so they need not be cleared.
  always_ff @(posedge aclk) begin
    for (int i = 0; i < ROOM; i++) begin
      if (take && LEVEL'(i) >= base) bytes[8*i+:8] <= added[8*i+:8];
      else bytes[8*i+:8] <= kept[8*i+:8];
    end
    if (take && s_last) end_at <= fill;
    else if (give) end_at <= end_at - LEVEL'(M_BYTES);
  end

  if ((M_BYTES & (M_BYTES - 1)) != 0) begin : gen_width
    $error("M_BYTES must be a power of two");
  end
endmodule : tandem_packer
