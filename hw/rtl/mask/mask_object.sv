// One object: its box, its coefficients, the sums of its cells, and what was found.
//
// `clear` forgets; `box_write` and `coefficient_write` fill in. The numbers of a group come 4
// clocks behind its `place`. A group that the box touches is read, added to, and written back 8
// clocks behind its place, so it may come again SPACING clocks later at the earliest. Its address
// counts the groups of the box that a prototype has brought: no multiplication. The last prototype
// leaves whether each cell is on in the place of its sum, and `count` is complete 10 clocks behind
// its last group. While `scanning`, `on` is what lies at `scan_at` 2 clocks later. A group a clock;
// nothing ever waits.

// A box is handed over whole.
// verilator lint_off UNUSEDSIGNAL
module mask_object
  import mask_pkg::*;
#(
    parameter int unsigned WORDS = 4,
    // Groups of the store.
    parameter int unsigned DEPTH = 2048,
    parameter int unsigned ULTRA = 0,
    localparam int unsigned AT_BITS = $clog2(DEPTH)
) (
    input logic aclk,
    input logic rst,
    input logic clear,

    input logic box_write,
    input box_t box_in,
    input logic coefficient_write,
    input logic [5:0] coefficient_at,
    input fixed_t coefficient_in,
    input logic coefficient_broken,

    input place_t place,
    input fixed_t [WORDS-1:0] numbers,
    input logic [WORDS-1:0] broken,
    input logic signed [38:0] bound,
    input logic any_sum,

    output box_t   box,
    output count_t count,

    input logic scanning,
    input logic [AT_BITS-1:0] scan_at,
    output logic [WORDS-1:0] on
);
  localparam int unsigned SHIFT = $clog2(WORDS);

  typedef struct packed {
    logic broken;
    sum_t total;
  } entry_t;

  // What travels beside a group.
  typedef struct packed {
    logic hit;
    logic row_begins;  // the first group of the box in its row
    logic [WORDS-1:0] in_box;
    logic [5:0] plane;
    logic first_plane;
    logic last_plane;
    logic [AT_BITS-1:0] at;
  } step_t;

  // A coefficient that is not finite leaves no mask.
  logic dead;
  (* ram_style = "distributed" *) fixed_t coefficients[64];
  always_ff @(posedge aclk) begin
    if (clear) dead <= 1'b0;
    else if (coefficient_write && coefficient_broken) dead <= 1'b1;
    if (clear) box <= '0;
    else if (box_write) box <= box_in;
    if (coefficient_write) coefficients[coefficient_at] <= coefficient_in;
  end

  // Clocks 1 and 2: does the box touch the group, and where is it?
  step_t [8:1] steps;
  logic begins;
  logic [AT_BITS-1:0] next;
  logic [WORDS-1:0] in_box;
  always_comb begin
    for (int unsigned i = 0; i < WORDS; i++) begin
      automatic side_t x = (place.group << SHIFT) + side_t'(i);
      in_box[i] = x >= box.left && x < box.right;
    end
  end
  wire touched = place.y >= box.top && place.y < box.bottom &&
      place.group >= box.first_group && place.group < box.end_group;
  wire [AT_BITS-1:0] at = begins ? '0 : next;

  always_ff @(posedge aclk) begin
    begins <= place.valid && place.begins;
    if (steps[1].hit) next <= at + 1'b1;
    else next <= at;
    steps[1] <= '{
        hit: place.valid && touched,
        row_begins: place.group == box.first_group,
        in_box: in_box,
        plane: place.plane,
        first_plane: place.first_plane,
        last_plane: place.last_plane,
        at: '0
    };
    for (int unsigned i = 2; i <= 8; i++) steps[i] <= steps[i-1];
    steps[2].at <= at;
    if (rst) for (int unsigned i = 1; i <= 8; i++) steps[i].hit <= 1'b0;
  end

  entry_t [WORDS-1:0] stored, stored_5, stored_6, added, kept;
  logic write;
  post_ram #(
      .WIDTH($bits(stored)),
      .DEPTH(DEPTH),
      .ULTRA(ULTRA)
  ) i_sums (
      .aclk,
      .write,
      .write_at(steps[8].at),
      .write_data(kept),
      .read_at(scanning ? scan_at : steps[2].at),
      .read_data(stored)
  );
  always_comb begin
    for (int unsigned i = 0; i < WORDS; i++) on[i] = stored[i].total[0];
  end

  // Clocks 4 to 6: products, beside what is stored.
  fixed_t coefficient;
  logic signed [WORDS-1:0][2*FIXED_BITS-1:0] product_5, product_6;
  logic [WORDS-1:0] broken_5, broken_6;
  always_ff @(posedge aclk) begin
    coefficient <= coefficients[steps[3].plane];
    for (int unsigned i = 0; i < WORDS; i++) begin
      product_5[i] <= (2 * FIXED_BITS)'(coefficient * $signed(numbers[i]));
    end
    product_6 <= product_5;
    {stored_6, stored_5} <= {stored_5, stored};
    {broken_6, broken_5} <= {broken_5, broken};
  end

  // Clocks 7 and 8: the sum, and in the last prototype what it says.
  logic [WORDS-1:0] over, found, lost;
  always_comb begin
    for (int unsigned i = 0; i < WORDS; i++)
    over[i] = any_sum || $signed(added[i].total) >= SUM_BITS'(bound);
  end
  always_ff @(posedge aclk) begin
    for (int unsigned i = 0; i < WORDS; i++) begin
      added[i].total <= (steps[6].first_plane ? sum_t'(0) : stored_6[i].total) +
          sum_t'($signed(product_6[i]));
      added[i].broken <= broken_6[i] || (!steps[6].first_plane && stored_6[i].broken);
      found[i] <= steps[7].in_box[i] && !added[i].broken && over[i];
      lost[i] <= steps[7].in_box[i] && added[i].broken;
      kept[i] <= added[i];
      if (steps[7].last_plane) begin
        kept[i].total[0] <= steps[7].in_box[i] && !added[i].broken && over[i];
      end
    end
  end
  assign write = steps[8].hit;

  // Clock 9: counted.
  count_t counted;
  logic carried;
  cells_t area, lost_area, begun;
  wire [WORDS-1:0] neighbours = (found << 1) | WORDS'(carried && !steps[8].row_begins);
  always_comb begin
    {area, lost_area, begun} = '0;
    for (int unsigned i = 0; i < WORDS; i++) begin
      area += cells_t'(found[i]);
      lost_area += cells_t'(lost[i]);
      begun += cells_t'(found[i] && !neighbours[i]);
    end
  end
  always_ff @(posedge aclk) begin
    if (clear) counted <= '0;
    else if (steps[8].hit && steps[8].last_plane) begin
      counted.runs <= counted.runs + begun;
      counted.area <= counted.area + area;
      counted.not_finite <= counted.not_finite + lost_area;
      carried <= found[WORDS-1];
    end
  end
  assign count = dead ? '{runs: '0, area: '0, not_finite: box.cells} : counted;
endmodule : mask_object
// verilator lint_on UNUSEDSIGNAL
