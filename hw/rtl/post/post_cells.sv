// From the numbers to candidates: post_track, post_decode, and for `yolov8` post_dfl and post_reach.
//
// Numbers come without a handshake, one a clock; `room` says that what is on the way before and in here
// still fits the FIFO behind decode. Candidates go with valid and ready, one a clock, those of
// `yolov8` one in 42. `drained` when none is left and no number is in here; `not_finite` counts the
// cells that were dropped for a number.
module post_cells
  import post_pkg::*;
#(
    parameter int unsigned CELLS = 8400,
    parameter int unsigned DFL_CELLS = 6400,
    parameter int unsigned ULTRA = 0
) (
    input  logic             aclk,
    input  logic             clear,
    input  logic      [15:0] score_threshold,
    input  logic      [13:0] width,
    input  logic      [13:0] height,
    input  number_t          number,
    // Nobody wants it in a build without `yolov8`.
    // verilator lint_off UNUSEDSIGNAL
    input  dfl_step_t        dfl_step,
    // verilator lint_on UNUSEDSIGNAL
    input  place_t           place,
    input  rule_t            rule,
    output logic             room,
    output logic             drained,
    output logic      [31:0] not_finite,
    output logic             cand_valid,
    input  logic             cand_ready,
    output cand_t            cand
);
  localparam int unsigned TRACK_LATENCY = 3;
  logic cell_valid, cell_broken;
  logic [31:0] best;
  logic [CLASS_BITS-1:0] best_class;
  logic [4:0][31:0] numbers;
  place_t places[TRACK_LATENCY];
  logic [TRACK_LATENCY:0] recent;
  post_track #(
      .CELLS(CELLS),
      .ULTRA(ULTRA)
  ) track (
      .aclk,
      .clear,
      .in(number),
      .out_valid(cell_valid),
      .out_broken(cell_broken),
      .out_best(best),
      .out_class(best_class),
      .out_numbers(numbers)
  );
  always_ff @(posedge aclk) begin
    places <= '{place, places[0], places[1]};
    recent <= {recent[TRACK_LATENCY-1:0], number.valid};
    if (cell_valid && cell_broken) not_finite <= not_finite + 1'b1;
    if (clear) begin
      recent <= '0;
      not_finite <= '0;
    end
  end

  typedef struct packed {
    logic reach;
    place_t place;
    cand_t cand;
  } entry_t;
  entry_t found, entry;
  logic fifo_ready;
  logic found_valid, entry_valid, entry_ready, decode_busy;
  post_decode decode (
      .aclk,
      .clear,
      .rule,
      .score_threshold,
      .width,
      .height,
      .in_valid(cell_valid && !cell_broken),
      .in_best(best),
      .in_class(best_class),
      .in_numbers(numbers),
      .in_place(places[TRACK_LATENCY-1]),
      .out_valid(found_valid),
      .out_cand(found.cand),
      .out_place(found.place),
      .busy(decode_busy)
  );
  assign found.reach = rule.kind == YOLOV8;

  // On the way are at most the numbers in walk (1), post_number (5), track (3) and decode (16).
  localparam int unsigned FIFO_DEPTH = 64;
  localparam int unsigned ON_THE_WAY = 30;
  logic [$clog2(FIFO_DEPTH):0] level;
  tandem_fifo #(
      .WIDTH($bits(entry_t)),
      .DEPTH(FIFO_DEPTH),
      .BLOCK(0)
  ) fifo (
      .aclk,
      .aresetn(!clear),
      .s_data(found),
      .s_valid(found_valid),
      .s_ready(fifo_ready),
      .m_data(entry),
      .m_valid(entry_valid),
      .m_ready(entry_ready),
      .level
  );
  always_ff @(posedge aclk)
    if (!clear)
      assert (!found_valid || fifo_ready)
      else $error("a candidate is lost");
  assign room = level <= ($clog2(FIFO_DEPTH) + 1)'(FIFO_DEPTH - ON_THE_WAY);
  assign drained = !number.valid && recent == '0 && !decode_busy && level == '0;

  // ---- Boxes that need the distributions ----
  logic reached;
  box_t reach_box;
  if (DFL_CELLS > 0) begin : gen_dfl
    logic reach_ready, reach_take;
    logic [3:0][34:0] sum;
    logic [3:0][37:0] moment;
    assign reach_take = entry_valid && entry.reach && reach_ready;
    post_dfl #(
        .DFL_CELLS(DFL_CELLS),
        .ULTRA(ULTRA)
    ) dfl (
        .aclk,
        .clear,
        .in(dfl_step),
        .bits(number.bits),
        .read(reach_take),
        .read_at(($clog2(DFL_CELLS))'(entry.place.at)),
        .sum,
        .moment
    );
    post_reach reach (
        .aclk,
        .clear,
        .stride(rule.stride),
        .width,
        .height,
        .in_valid(entry_valid && entry.reach),
        .in_ready(reach_ready),
        .in_x(entry.place.x),
        .in_y(entry.place.y),
        .sum,
        .moment,
        .out_valid(reached),
        .out_ready(cand_ready),
        .out_box(reach_box)
    );
  end else begin : gen_no_dfl
    assign reached = 1'b0;
    assign reach_box = '0;
  end
  always_comb begin
    cand = entry.cand;
    if (entry.reach) cand.box = reach_box;
    cand.index = entry.place.index;
  end
  assign cand_valid = entry_valid && (!entry.reach || reached);
  assign entry_ready = cand_valid && cand_ready;
endmodule : post_cells
