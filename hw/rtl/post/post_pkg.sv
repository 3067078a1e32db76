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
