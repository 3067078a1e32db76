// Joins beats of the input stream until a group of pixels fits into one.
//
// Handshake: valid/ready. The last beat of a job goes on at once, filled up with whatever was there:
// the unpacker counts pixels and never looks at it. Latency one clock, throughput one narrow beat.
module pre_widen #(
    parameter int unsigned I_BYTES = 8,
    parameter int unsigned O_BYTES = 16  // I_BYTES times a power of two, more than one
) (
    input logic clk,
    input logic rst,
    input logic i_valid,
    output logic i_ready,
    input logic i_last,
    input logic [I_BYTES*8-1:0] i_data,
    output logic o_valid,
    input logic o_ready,
    output logic [O_BYTES*8-1:0] o_data
);
  localparam int unsigned RATIO = O_BYTES / I_BYTES;
  localparam int unsigned RW = $clog2(RATIO);

  logic [RW-1:0] place;
  assign i_ready = !o_valid || o_ready;

  always_ff @(posedge clk) begin
    if (i_valid && i_ready) o_data[32'(place)*I_BYTES*8+:I_BYTES*8] <= i_data;
    if (rst) begin
      place <= '0;
      o_valid <= 1'b0;
    end else begin
      if (o_ready) o_valid <= 1'b0;
      if (i_valid && i_ready) begin
        place <= place + 1'b1;
        if (i_last || 32'(place) == RATIO - 1) begin
          place <= '0;
          o_valid <= 1'b1;
        end
      end
    end
  end
endmodule
