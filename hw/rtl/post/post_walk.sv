// Walks the heads of a job beside the stream's numbers and says of each number where it belongs:
// head, anchor, plane, cell. A number a clock, 1 clock later, with its bytes as they came; `element`
// and `quant` say what those are.
//
// Numbers of the same cell are at least 8 clocks apart, however the words come, so that what the
// parts behind keep of a cell is written before it is read again: a grid of fewer than 8 cells
// pauses after each plane for the clocks that it lacks. Before a head
// that comes after a `yolov8` head it waits for `drained`, because distances are read late.
// Without `room` it takes no number.
//
// `yolov8`: the sums of the last side are made while the first 16 class planes come. If there are
// fewer than 17, the steps that are missing are put in before the last plane, whose cells become
// candidates.
//
// `start` for a clock; then up to and including the packet's last number: `ended` is high for a
// clock, `complete` with it if the packet was as long as the heads are.
module post_walk
  import post_pkg::*;
(
    input  logic                         aclk,
    input  logic                         clear,
    input  logic                         start,
    input  logic  [                 2:0] head_count,
    input  logic  [                10:0] classes,
    input  plan_t [       MAX_HEADS-1:0] plans,
    input  logic                         raw_valid,
    output logic                         raw_ready,
    input  logic  [                31:0] raw,
    input  logic  [                 2:0] raw_bytes,
    input  logic                         raw_last,
    input  logic                         room,
    input  logic                         drained,
    output logic  [                 2:0] raw_width,
    output number_t                      number,
    output element_t                     element,
    output quant_t                       quant,
    output dfl_step_t                    dfl,
    output place_t                       place,
    output rule_t                        rule,
    output logic                         ended,
    output logic                         complete
);
  // 64 numbers of a box and 1024 classes at most.
  localparam int unsigned PLANE_BITS = 11;
  localparam int unsigned SPACING = 8;

  typedef enum logic [1:0] {
    IDLE,
    HEAD,
    WALK,
    REST
  } state_t;
  state_t state;

  // `cells` is not used: `last_at` has it.
  // verilator lint_off UNUSEDSIGNAL
  plan_t plan;
  // verilator lint_on UNUSEDSIGNAL
  logic [2:0] head;
  logic [1:0] anchor;
  logic [PLANE_BITS-1:0] plane, first_class, last_plane;
  logic [CELL_BITS-1:0] at, column, last_at;
  logic [12:0] x, y;
  logic [INDEX_BITS-1:0] index;
  logic [CELL_BITS+3:0] step;
  logic [4:0] bin;  // of the side whose sums are made, or whose logits come; 16 when done
  logic [2:0] pause;
  logic wait_drained, broken;

  logic is_dfl, is_class, in_last, at_end, filling, may_go, take, go, whole;
  assign is_dfl = plan.kind == YOLOV8;
  assign is_class = plane >= first_class;
  assign in_last = plane == last_plane;
  assign at_end = at == last_at;
  // Steps without a number: none left but the last plane, and sums still to be made.
  assign filling = state == WALK && is_dfl && in_last && !bin[4];
  assign may_go = at != '0 || (pause == '0 && (!wait_drained || drained));
  // What is behind the last head is taken as fast as it can be.
  assign raw_width = (state == REST) ? 3'd4 : bytes_of(plan.element);
  assign whole = raw_bytes == raw_width;
  // A plan changes two clocks after its last number was taken at the earliest.
  assign element = plan.element;
  assign quant = plan.quant;
  assign raw_ready = (state == WALK && !filling && may_go && room) || state == REST;
  assign take = raw_valid && raw_ready;
  assign go = state == WALK && ((filling && may_go) || (take && whole));

  assign ended = take && raw_last;
  assign complete = !broken && ((state == REST) ? raw_bytes == '0 :
      whole && at_end && in_last && anchor == plan.anchor_count - 1'b1 &&
      head == head_count - 1'b1);

  always_ff @(posedge aclk) begin
    number.valid <= go && !filling;
    number.bits <= raw;
    number.at <= at;
    number.first_plane <= plane == '0;
    number.last_plane <= in_last;
    for (int unsigned i = 0; i < 5; i++) begin
      number.box_number[i] <= !is_dfl && !is_class && plane == PLANE_BITS'(i);
    end
    number.is_class <= is_class;
    number.class_id <= CLASS_BITS'(plane - first_class);
    dfl.valid <= go && is_dfl && !bin[4] && (filling || !in_last);
    dfl.phase <= is_class ? 3'd4 : 3'(plane[5:4]);
    dfl.bin <= bin[3:0];
    dfl.step <= step;
    dfl.at <= at;
    place <= '{x: x, y: y, at: at, index: index};
    if (go && in_last && !filling && at == '0) begin
      rule.kind <= plan.kind;
      rule.stride <= plan.stride;
      rule.anchor_width <= plan.anchors[anchor].width[13:0];
      rule.anchor_height <= plan.anchors[anchor].height[13:0];
    end

    if (pause != '0) pause <= pause - 1'b1;
    if (go) begin
      if (at_end && last_at < CELL_BITS'(SPACING - 1)) pause <= 3'(SPACING - 1) - last_at[2:0];
      wait_drained <= 1'b0;
      at <= at_end ? '0 : at + 1'b1;
      step <= step + 1'b1;
      if (at_end) begin
        // The bins of a phase: 16 planes, and again from 0.
        if (!is_class) bin <= {1'b0, bin[3:0] + 1'b1};
        else if (!bin[4]) bin <= bin + 1'b1;
        if (!is_class && bin[3:0] == '1) step <= '0;
      end
      if (in_last && !filling) begin
        index <= index + 1'b1;
        column <= (column == plan.grid_width - 1'b1) ? '0 : column + 1'b1;
        x <= (column == plan.grid_width - 1'b1) ? '0 : x + 1'b1;
        if (column == plan.grid_width - 1'b1) y <= y + 1'b1;
      end
      if (at_end && !filling) begin
        plane <= plane + 1'b1;
        if (in_last) begin
          {plane, column, x, y, bin, step} <= '0;
          anchor <= anchor + 1'b1;
          if (anchor == plan.anchor_count - 1'b1) begin
            wait_drained <= is_dfl;
            head <= head + 1'b1;
            state <= (head == head_count - 1'b1) ? REST : HEAD;
          end
        end
      end
    end
    if (take && raw_bytes != '0 && (state == REST || !whole)) broken <= 1'b1;
    if (state == HEAD) begin
      plan <= plans[head[1:0]];
      first_class <= PLANE_BITS'(box_numbers(plans[head[1:0]].kind));
      last_plane <= PLANE_BITS'(box_numbers(plans[head[1:0]].kind)) + classes - 1'b1;
      last_at <= plans[head[1:0]].cells - 1'b1;
      anchor <= '0;
      {plane, at, column, x, y, bin, step} <= '0;
      state <= WALK;
    end
    if (ended) state <= IDLE;
    if (start) begin
      state <= HEAD;
      head <= '0;
      index <= '0;
      pause <= '0;
      wait_drained <= 1'b0;
      broken <= 1'b0;
    end
    if (clear) begin
      state <= IDLE;
      number.valid <= 1'b0;
      dfl.valid <= 1'b0;
    end
  end
endmodule : post_walk
