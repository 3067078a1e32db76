// Joins chunks of 1 to BYTES bytes to full beats; the last beat of a packet has what is left.
//
// Handshake: valid/ready. Latency one clock, throughput one chunk a clock, one more where the last
// chunk of a packet does not fit into the beat that it fills. `o_*` hold while they wait.
module pre_pack #(
    parameter int unsigned BYTES = 8
) (
    input logic clk,
    input logic rst,

    input logic i_valid,
    output logic i_ready,
    input logic [BYTES*8-1:0] i_data,
    input logic [$clog2(BYTES+1)-1:0] i_count,
    input logic i_last,

    output logic o_valid,
    input logic o_ready,
    output logic [BYTES*8-1:0] o_data,
    output logic [BYTES-1:0] o_keep,
    output logic o_last,
    output logic idle
);
  localparam int unsigned BW = $clog2(BYTES);
  localparam int unsigned CW = $clog2(BYTES + 1);

  logic [BYTES-1:0][7:0] held, turned, joined;
  logic [2*BYTES*8-1:0] twice;
  logic [BW-1:0] have, back;
  logic flush, enable, take;
  logic [CW:0] total;

  assign enable = !o_valid || o_ready;
  assign i_ready = enable && !flush;
  assign take = i_valid && i_ready;
  assign back = BW'(0) - have;
  assign total = (CW + 1)'(have) + (CW + 1)'(i_count);
  assign idle = !flush && !o_valid;

  // Turned so that the chunk's first byte comes behind those that are held.
  always_comb begin
    twice = {i_data, i_data} >> {back, 3'd0};
    turned = twice[BYTES*8-1:0];
    for (int b = 0; b < int'(BYTES); b++) joined[b] = BW'(b) < have ? held[b] : turned[b];
  end

  function automatic logic [BYTES-1:0] keep_of(logic [CW:0] count);
    logic [BYTES-1:0] keep;
    for (int b = 0; b < int'(BYTES); b++) keep[b] = (CW + 1)'(b) < count;
    return keep;
  endfunction

  always_ff @(posedge clk) begin
    if (enable) begin
      o_valid <= flush || (take && (i_last || total >= (CW + 1)'(BYTES)));
      o_data <= flush ? held : joined;
      o_keep <= keep_of(flush ? (CW + 1)'(have) : total);
      o_last <= flush || (i_last && total <= (CW + 1)'(BYTES));
      flush <= 1'b0;
      if (flush) have <= '0;
    end
    if (take) begin
      held <= total >= (CW + 1)'(BYTES) ? turned : joined;
      have <= (i_last && total <= (CW + 1)'(BYTES)) ? '0 : BW'(total);
      flush <= i_last && total > (CW + 1)'(BYTES);
    end
    if (rst) begin
      have <= '0;
      flush <= 1'b0;
      o_valid <= 1'b0;
    end
  end
endmodule
