// ONE comparator of suppression: does `box` overlap `held` by more than the threshold?
//
// The model asks shared * 65536 > t * (area_held + area_box - shared). With the shared area on one
// side this is shared * (65536 + t) > t * area_held + t * area_box, which needs no division and no
// difference; `scale` is 65536 + t and a weight is t * area. All of it is exact: 60 bits.
//
// No handshake: takes a box every clock, `hit` belongs to the box of LATENCY clocks before.
// `held` and `enable` are taken with the box, the weights WEIGHT_AT clocks later.
module nms_pair
  import post_pkg::*;
(
    input  logic        aclk,
    input  box_t        held,
    input  box_t        box,
    input  logic        enable,
    input  logic [16:0] scale,
    input  weight_t     held_weight,
    input  weight_t     box_weight,
    output logic        hit
);
  coord_t width, height;
  logic [42:0] product, shared, shared_in;
  logic [59:0] scaled_product, scaled, limit;
  logic [5:0] enabled;

  always_ff @(posedge aclk) begin
    // 1: the common rectangle.
    width <= stretch(later(held.x1, box.x1), sooner(held.x2, box.x2));
    height <= stretch(later(held.y1, box.y1), sooner(held.y2, box.y2));
    // 2, 3, 4: its area, with a register before, in and behind the DSP slices.
    product <= 43'(width) * 43'(height);
    shared <= product;
    shared_in <= shared;
    // 5, 6: times the scale; the weights join.
    scaled_product <= 60'(shared_in) * 60'(scale);
    scaled <= scaled_product;
    limit <= 60'(held_weight) + 60'(box_weight);
    // 7
    enabled <= {enabled[4:0], enable};
    hit <= enabled[5] && scaled > limit;
  end
endmodule : nms_pair
