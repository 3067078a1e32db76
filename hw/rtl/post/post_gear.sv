// The stream's words as numbers of 1, 2 or 4 bytes, each where the one before ends: heads of several
// elements follow one another without gaps, so a number may begin at any byte. A number a clock.
//
// The taker says the `width` of the number that it wants; it may be another one for each.
// `number_bytes` is how many of the number's bytes were sent: `width`, or less where the packet ends,
// 0 only if nothing is left and its end has not been said; `number_last` marks the packet's last
// number. What lies in `number` above these bytes is not the number's. While `open` is low
// everything is forgotten. Latency: one clock.
module post_gear (
    input  logic        aclk,
    input  logic        open,
    input  logic        word_valid,
    output logic        word_ready,
    input  logic [31:0] word,
    input  logic [ 2:0] word_bytes,
    input  logic        word_last,
    input  logic [ 2:0] width,
    output logic        number_valid,
    input  logic        number_ready,
    output logic [31:0] number,
    output logic [ 2:0] number_bytes,
    output logic        number_last
);
  // Three bytes that are no number yet, and a word.
  localparam int unsigned BYTES = 7;
  logic [BYTES-1:0][7:0] held, left_over, next;
  logic [2:0] have, left;
  logic ended, enough, take, put;

  assign enough = have >= width;
  assign number_valid = enough || ended;
  assign number = held[3:0];
  assign number_bytes = enough ? width : have;
  assign number_last = ended && have <= width;
  assign take = number_valid && number_ready;
  assign left = take ? have - number_bytes : have;
  assign word_ready = !ended && left <= 3'd3;
  assign put = word_valid && word_ready;
  assign left_over = take ? held >> {number_bytes, 3'b0} : held;

  // The word's bytes behind those that are left.
  always_comb begin
    for (int unsigned i = 0; i < BYTES; i++) begin
      next[i] = (3'(i) < left) ? left_over[i] : 8'(word >> {2'(3'(i) - left), 3'b0});
    end
  end

  always_ff @(posedge aclk) begin
    held <= put ? next : left_over;
    have <= put ? left + word_bytes : left;
    if (put && word_last) ended <= 1'b1;
    else if (take && number_last) ended <= 1'b0;
    if (!open) begin
      have  <= '0;
      ended <= 1'b0;
    end
  end
endmodule : post_gear
