// From what a cell's numbers came to, a candidate: score, threshold, box.
//
// A cell a clock, 16 clocks later; no handshake. `out_cand.box` of a `yolov8` head is not known
// here: its distances follow (post_reach). `rule`, the threshold and the size are stable while a
// cell is inside.
module post_decode
  import post_pkg::*;
(
    input  logic                        aclk,
    input  logic                        clear,
    input  rule_t                       rule,
    input  logic        [         15:0] score_threshold,
    input  logic        [         13:0] width,
    input  logic        [         13:0] height,
    input  logic                        in_valid,
    input  logic        [         31:0] in_best,
    input  logic        [CLASS_BITS-1:0] in_class,
    input  logic [ 4:0] [         31:0] in_numbers,
    input  place_t                      in_place,
    output logic                        out_valid,
    output cand_t                       out_cand,
    output place_t                      out_place,
    output logic                        busy
);
  localparam int unsigned LATENCY = 16;
  localparam int unsigned SCORE_AT = 11;

  logic [15:0] score_11;
  post_score score_unit (
      .aclk,
      .kind(rule.kind),
      .objectness_bits(in_numbers[4]),
      .class_bits(in_best),
      .score(score_11)
  );
  box_t box;
  post_axis across (
      .aclk,
      .kind(rule.kind),
      .stride(rule.stride),
      .anchor(rule.anchor_width),
      .limit(width),
      .centre_bits(in_numbers[0]),
      .side_bits(in_numbers[2]),
      .cell_place(in_place.x),
      .low_edge(box.x1),
      .high_edge(box.x2)
  );
  post_axis down (
      .aclk,
      .kind(rule.kind),
      .stride(rule.stride),
      .anchor(rule.anchor_height),
      .limit(height),
      .centre_bits(in_numbers[1]),
      .side_bits(in_numbers[3]),
      .cell_place(in_place.y),
      .low_edge(box.y1),
      .high_edge(box.y2)
  );

  typedef struct packed {
    logic [CLASS_BITS-1:0] class_id;
    place_t place;
  } beside_t;
  beside_t beside[1:LATENCY];
  logic [LATENCY:1] valid;
  logic [15:0] score[SCORE_AT+1:LATENCY];
  always_ff @(posedge aclk) begin
    beside[1] <= '{class_id: in_class, place: in_place};
    for (int unsigned i = 2; i <= LATENCY; i++) beside[i] <= beside[i-1];
    valid <= {valid[LATENCY-1:1], in_valid};
    // Here a cell becomes a candidate or nothing.
    valid[SCORE_AT+1] <= valid[SCORE_AT] && score_11 >= score_threshold;
    score[SCORE_AT+1] <= score_11;
    for (int unsigned i = SCORE_AT + 2; i <= LATENCY; i++) score[i] <= score[i-1];
    if (clear) valid <= '0;
  end
  assign out_valid = valid[LATENCY];
  assign out_cand.box = box;
  assign out_cand.score = score[LATENCY];
  assign out_cand.class_id = beside[LATENCY].class_id;
  assign out_cand.index = beside[LATENCY].place.index;
  assign out_place = beside[LATENCY].place;
  assign busy = |valid;
endmodule : post_decode
