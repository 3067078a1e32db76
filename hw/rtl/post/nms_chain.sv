// Suppression of boxes that come in order of their rank: LANES comparators hold the first survivors,
// and each box is compared with all of them at once.
//
// A comparison takes LATENCY clocks, so a box also meets the LATENCY boxes right before it, of
// which nobody knows yet whether they survive: LATENCY more comparators look at those, and their hits count
// only once the box before has been kept. So one box a clock goes in, gaps are allowed, and the
// verdict is out LATENCY clocks later, however many lanes there are.
//
// A survivor takes a free lane and is `kept`. When no lane is free, a survivor has been compared
// with the lanes only: it is `passed` and must come again, in order, after `clear`, behind nobody
// but other passed ones. A passed box suppresses nobody, because it may yet fall itself.
//
// `threshold` and `class_agnostic` are stable while boxes are inside. `clear` forgets lanes and
// boxes.
module nms_chain
  import post_pkg::*;
#(
    parameter int unsigned LANES = 16,
    parameter int unsigned SLOT_BITS = 13
) (
    input  logic                 aclk,
    input  logic                 clear,
    input  logic          [15:0] threshold,
    input  logic                 class_agnostic,
    input  logic                 in_valid,
    input  box_t                 in_box,
    input  logic [CLASS_BITS-1:0] in_class,
    input  logic [SLOT_BITS-1:0] in_slot,
    output logic                 kept_valid,
    output logic                 pass_valid,
    output logic [SLOT_BITS-1:0] out_slot,
    output logic                 busy
);
  localparam int unsigned LATENCY = 7;
  localparam int unsigned WEIGHT_AT = 5;
  // Clocks between a weight and the verdict on its box.
  localparam int unsigned WEIGHT_LEAD = LATENCY - WEIGHT_AT;

  typedef struct packed {
    box_t box;
    logic [CLASS_BITS-1:0] class_id;
    logic [SLOT_BITS-1:0] slot;
  } item_t;

  // line[q] is the box of q clocks ago; line[LATENCY] is the one on which the verdict falls.
  item_t line[LATENCY+1];
  logic [LATENCY:0] line_valid;
  always_ff @(posedge aclk) begin
    line[0] <= '{box: in_box, class_id: in_class, slot: in_slot};
    for (int unsigned q = 1; q <= LATENCY; q++) line[q] <= line[q-1];
    line_valid <= {line_valid[LATENCY-1:0], in_valid};
    if (clear) line_valid <= '0;
  end
  assign busy = |line_valid;

  // The box's own weight, beside the comparators; weights[q] is that of the box before by q.
  coord_t width, height;
  logic [42:0] area_product, area;
  weight_t weight_product;
  weight_t weights[LATENCY+1];
  logic [16:0] scale;
  always_ff @(posedge aclk) begin
    scale <= 17'h10000 + 17'(threshold);
    width <= stretch(line[0].box.x1, line[0].box.x2);
    height <= stretch(line[0].box.y1, line[0].box.y2);
    area_product <= 43'(width) * 43'(height);
    area <= area_product;
    weight_product <= WEIGHT_BITS'(area) * WEIGHT_BITS'(threshold);
    weights[0] <= weight_product;
    for (int unsigned q = 1; q <= LATENCY; q++) weights[q] <= weights[q-1];
  end

  // Lanes fill from 0 on and are never freed before `clear`.
  logic [LANES-1:0] taken, take, lane_hit;
  item_t held[LANES];
  weight_t held_weight[LANES];
  assign take = ~taken & {taken[LANES-2:0], 1'b1} & {LANES{kept_valid}};
  for (genvar lane = 0; lane < LANES; lane++) begin : gen_lane
    always_ff @(posedge aclk) begin
      if (take[lane]) begin
        held[lane] <= line[LATENCY];
        held_weight[lane] <= weights[WEIGHT_LEAD];
      end
      taken[lane] <= !clear && (taken[lane] || take[lane]);
    end
    nms_pair pair (
        .aclk,
        .held(held[lane].box),
        .box(line[0].box),
        .enable(taken[lane] && (class_agnostic || held[lane].class_id == line[0].class_id)),
        .scale,
        .held_weight(held_weight[lane]),
        .box_weight(weights[0]),
        .hit(lane_hit[lane])
    );
  end

  logic [LATENCY:1] near_hit;
  for (genvar q = 1; q <= LATENCY; q++) begin : gen_near
    nms_pair pair (
        .aclk,
        .held(line[q].box),
        .box(line[0].box),
        .enable(line_valid[q] && (class_agnostic || line[q].class_id == line[0].class_id)),
        .scale,
        .held_weight(weights[q]),
        .box_weight(weights[0]),
        .hit(near_hit[q])
    );
  end

  // kept_before[q]: the box of q clocks before was kept. A lane that is taken now belongs to
  // boxes that enter from the next clock on; those before it are the near ones.
  logic [LATENCY:1] kept_before;
  logic survives;
  assign survives = line_valid[LATENCY] && lane_hit == '0 && (near_hit & kept_before) == '0;
  assign kept_valid = survives && !taken[LANES-1];
  assign pass_valid = survives && taken[LANES-1];
  assign out_slot = line[LATENCY].slot;
  always_ff @(posedge aclk) begin
    kept_before <= {kept_before[LATENCY-1:1], kept_valid};
    if (clear) kept_before <= '0;
  end
endmodule : nms_chain
