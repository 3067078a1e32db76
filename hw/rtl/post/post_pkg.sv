// What the parts of the post-process kernel have in common: sizes of the model's numbers and the
// records that travel between the parts.
package post_pkg;
  // An edge is Q8 of 0 to 8192 pixels, both inclusive.
  localparam int unsigned CoordBits = 22;
  localparam int unsigned ScoreBits = 16;
  localparam int unsigned ClassBits = 10;
  // A job has at most 2^28 bytes of heads, and an anchor takes 20 of them at least.
  localparam int unsigned IndexBits = 24;
  localparam int unsigned MaxCandidates = 4096;
  localparam int unsigned MaxDetections = 1024;
  // Candidates in suppression, kept ones, cut ones: 0 to 4096.
  localparam int unsigned CountBits = 13;
  // threshold * area: 16 bits by 2^42 inclusive.
  localparam int unsigned WeightBits = 59;

  typedef logic [CoordBits-1:0] coord_t;
  typedef logic [WeightBits-1:0] weight_t;

  typedef struct packed {
    coord_t x1;
    coord_t y1;
    coord_t x2;
    coord_t y2;
  } box_t;

  typedef struct packed {
    box_t box;
    logic [ScoreBits-1:0] score;
    logic [ClassBits-1:0] class_id;
    logic [IndexBits-1:0] index;
  } cand_t;

  localparam int unsigned MaxHeads = 4;
  localparam int unsigned MaxAnchors = 3;
  localparam int unsigned DflBins = 16;

  // Forms of fixed point: Q24 held to 16 or to 64, Q16 held to 65536 pixels.
  typedef enum logic [1:0] {
    FixedQ24,
    FixedQ24Wide,
    FixedQ16
  } fixed_form_t;

  // Decoding rules, as in the register.
  typedef enum logic [2:0] {
    YoloV3 = 3'd0,
    YoloV5 = 3'd1,
    YoloV8 = 3'd2,
    YoloX  = 3'd3,
    Boxes  = 3'd4
  } kind_t;

  typedef struct packed {
    logic [15:0] width;
    logic [15:0] height;
  } size_t;

  // A head as the registers have it, nothing checked.
  typedef struct packed {
    size_t grid;
    logic [15:0] stride;
    logic [7:0] kind;
    logic [7:0] anchor_count;
    size_t [MaxAnchors-1:0] anchors;
    logic [31:0] offset;
  } head_t;

  // A job as the registers have it, nothing checked.
  typedef struct packed {
    logic [7:0] head_count;
    logic class_agnostic;
    logic [12:0] top_k;
    logic [15:0] classes;
    logic [15:0] max_detections;
    logic [15:0] score_threshold;
    logic [15:0] iou_threshold;
    size_t size;
    head_t [MaxHeads-1:0] heads;
  } job_t;

  // What decoding needs to know of the anchor whose last numbers come: stable from the first of
  // them until all its boxes are out.
  typedef struct packed {
    kind_t kind;
    logic [10:0] stride;
    logic [13:0] anchor_width;
    logic [13:0] anchor_height;
  } rule_t;

  function automatic logic has_objectness(input kind_t kind);
    return kind != YoloV8 && kind != Boxes;
  endfunction

  // Length of a stretch; one that ends before it begins has none.
  function automatic coord_t stretch(input coord_t from, input coord_t to);
    return (to > from) ? to - from : '0;
  endfunction

  function automatic coord_t later(input coord_t a, input coord_t b);
    return (a > b) ? a : b;
  endfunction

  function automatic coord_t sooner(input coord_t a, input coord_t b);
    return (a < b) ? a : b;
  endfunction
endpackage
