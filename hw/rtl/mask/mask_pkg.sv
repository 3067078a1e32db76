// `mask`: what its modules share.
//
// A cell is a place of the prototypes' grid. A group is WORDS neighbouring cells of a row whose
// first one has a number that WORDS divides: the unit of the multipliers and of the sums' store.

// Not every module uses all of it.
// verilator lint_off UNUSEDPARAM

package mask_pkg;
  // 0 to 2048 cells of a side.
  localparam int unsigned SIDE_BITS = 12;
  typedef logic [SIDE_BITS-1:0] side_t;
  // 0 to 2048 * 2048 cells.
  localparam int unsigned CELL_BITS = 23;
  typedef logic [CELL_BITS-1:0] cells_t;

  // Numbers are held to 256 in magnitude, Q16. A product reaches 2^48, and 64 of them 2^54.
  localparam int unsigned FIXED_BITS = 26;
  localparam int unsigned SUM_BITS = 56;
  typedef logic signed [FIXED_BITS-1:0] fixed_t;
  typedef logic signed [SUM_BITS-1:0] sum_t;

  // Clocks from the place of a group until its sums can be read again, rounded up.
  localparam int unsigned SPACING = 8;

  // The parameters as the registers have them, nothing checked.
  typedef struct packed {
    logic [7:0] prototypes;
    logic [7:0] objects;
    logic [15:0] grid_width;
    logic [15:0] grid_height;
    logic [15:0] stride;
    logic [15:0] threshold;
    logic [31:0] max_runs;
  } job_t;

  // A box in cells, `right` and `bottom` behind its last ones; without a cell all of it is 0.
  typedef struct packed {
    side_t  left;
    side_t  right;
    side_t  top;
    side_t  bottom;
    side_t  first_group;
    side_t  end_group;
    cells_t cells;
  } box_t;

  // Where a group of numbers is.
  typedef struct packed {
    logic valid;
    logic begins;  // the first one of its prototype
    logic [5:0] plane;
    logic first_plane;
    logic last_plane;
    side_t y;
    side_t group;
  } place_t;

  // What was found of an object.
  typedef struct packed {
    cells_t runs;
    cells_t area;
    cells_t not_finite;
  } count_t;

  typedef struct packed {
    side_t y;
    side_t x;
    side_t length;
  } run_t;
endpackage : mask_pkg
// verilator lint_on UNUSEDPARAM
