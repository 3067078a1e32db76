// What the parts of the post-process kernel have in common: sizes of the model's numbers and the
// records that travel between the parts.
// Not every part uses all of it.
// verilator lint_off UNUSEDPARAM

package post_pkg;
  // An edge is Q8 of 0 to 8192 pixels, both inclusive.
  localparam int unsigned COORD_BITS = 22;
  localparam int unsigned SCORE_BITS = 16;
  localparam int unsigned CLASS_BITS = 10;
  // 4 heads of 3 anchors of at most 65535 cells.
  localparam int unsigned INDEX_BITS = 24;
  localparam int unsigned MAX_CANDIDATES = 4096;
  localparam int unsigned MAX_DETECTIONS = 1024;
  // Candidates in suppression, kept ones, cut ones: 0 to 4096.
  localparam int unsigned COUNT_BITS = 13;
  // threshold * area: 16 bits by 2^42 inclusive.
  localparam int unsigned WEIGHT_BITS = 59;

  // Most cells of a head that any build takes.
  localparam int unsigned CELL_BITS = 16;

  typedef logic [COORD_BITS-1:0] coord_t;
  typedef logic [WEIGHT_BITS-1:0] weight_t;

  typedef struct packed {
    coord_t x1;
    coord_t y1;
    coord_t x2;
    coord_t y2;
  } box_t;

  typedef struct packed {
    box_t box;
    logic [SCORE_BITS-1:0] score;
    logic [CLASS_BITS-1:0] class_id;
    logic [INDEX_BITS-1:0] index;
  } cand_t;

  localparam int unsigned MAX_HEADS = 4;
  localparam int unsigned MAX_ANCHORS = 3;

  // Forms of fixed point: Q24 held to 16 or to 64, Q16 held to 65536 pixels.
  typedef enum logic [1:0] {
    FIXED_Q24,
    FIXED_Q24_WIDE,
    FIXED_Q16
  } fixed_form_t;

  // Decoding rules, as in the register.
  typedef enum logic [2:0] {
    YOLOV3 = 3'd0,
    YOLOV5 = 3'd1,
    YOLOV8 = 3'd2,
    YOLOX  = 3'd3,
    BOXES  = 3'd4
  } kind_t;

  // What a head's numbers are, as in the register.
  typedef enum logic [1:0] {
    F32 = 2'd0,
    F16 = 2'd1,
    I8  = 2'd2
  } element_t;

  // Bits 30 to 8 of an f32.
  typedef struct packed {
    logic [7:0]  exponent;
    logic [14:0] fraction;
  } scale_t;

  // An i8 is scale * (byte - zero).
  typedef struct packed {
    scale_t scale;
    logic [7:0] zero;
  } quant_t;

  typedef struct packed {
    logic [15:0] width;
    logic [15:0] height;
  } size_t;

  // A head as the registers have it, nothing checked.
  typedef struct packed {
    size_t grid;
    logic [15:0] stride;
    logic [3:0] kind;
    logic [3:0] element;
    quant_t quant;
    logic [7:0] anchor_count;
    size_t [MAX_ANCHORS-1:0] anchors;
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
    head_t [MAX_HEADS-1:0] heads;
  } job_t;

  // A head that was found good.
  typedef struct packed {
    kind_t kind;
    element_t element;
    quant_t quant;
    logic [CELL_BITS-1:0] cells;
    logic [CELL_BITS-1:0] grid_width;
    logic [10:0] stride;
    logic [1:0] anchor_count;
    size_t [MAX_ANCHORS-1:0] anchors;
  } plan_t;

  // One number of the stream and where it belongs.
  typedef struct packed {
    logic valid;
    logic [31:0] bits;
    logic [CELL_BITS-1:0] at;
    logic first_plane;
    logic last_plane;
    logic [4:0] box_number;
    logic is_class;
    logic [CLASS_BITS-1:0] class_id;
  } number_t;

  // A step of the distributions of a `yolov8` head, with the number that comes: phase 0 to 3 brings the logits of a side, 1 to
  // 4 sums up those of the side before. `step` counts through the 16 planes of a phase.
  typedef struct packed {
    logic valid;
    logic [2:0] phase;
    logic [3:0] bin;
    logic [CELL_BITS+3:0] step;
    logic [CELL_BITS-1:0] at;
  } dfl_step_t;

  // Where a cell is: of its grid, and of all anchors.
  typedef struct packed {
    logic [12:0] x;
    logic [12:0] y;
    logic [CELL_BITS-1:0] at;
    logic [INDEX_BITS-1:0] index;
  } place_t;

  // What decoding needs to know of the anchor whose last numbers come: stable from the first of
  // them until all its boxes are out.
  typedef struct packed {
    kind_t kind;
    logic [10:0] stride;
    logic [13:0] anchor_width;
    logic [13:0] anchor_height;
  } rule_t;

  function automatic logic has_objectness(input kind_t kind);
    return kind != YOLOV8 && kind != BOXES;
  endfunction

  function automatic logic has_anchors(input kind_t kind);
    return kind == YOLOV3 || kind == YOLOV5;
  endfunction

  // Bytes of a number.
  function automatic logic [2:0] bytes_of(input element_t element);
    return (element == I8) ? 3'd1 : (element == F16) ? 3'd2 : 3'd4;
  endfunction

  // Numbers of an anchor before its classes.
  function automatic logic [6:0] box_numbers(input kind_t kind);
    return (kind == YOLOV8) ? 7'd64 : (kind == BOXES) ? 7'd4 : 7'd5;
  endfunction

  // Length of a stretch; one that ends before it begins has none.
  function automatic coord_t stretch(input coord_t from, input coord_t to);
    logic [COORD_BITS:0] difference;
    difference = {1'b0, to} - {1'b0, from};
    return difference[COORD_BITS] ? '0 : difference[COORD_BITS-1:0];
  endfunction

  function automatic coord_t later(input coord_t a, input coord_t b);
    return (a > b) ? a : b;
  endfunction

  function automatic coord_t sooner(input coord_t a, input coord_t b);
    return (a < b) ? a : b;
  endfunction
endpackage : post_pkg
// verilator lint_on UNUSEDPARAM
