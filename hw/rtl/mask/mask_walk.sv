// The order of a job: the objects' records word by word, then the prototypes group by group, then
// the packet's end.
//
// `go` starts. An edge of a box is handed out while `box_ready`; a coefficient and a group of
// numbers are in `numbers` with `coefficient` and `place` in the clock after they were taken.
// Nothing behind ever waits, so this module alone stops the stream. `done` is high for one clock
// when the packet has ended and everything has passed through; `wrong`, valid with it, is whether
// it had another length. A group comes back in the next prototype at least SPACING clocks later: a
// grid of fewer groups pauses after each prototype. So do the prototypes as a whole until
// `bound_known`. Throughput: a group a clock, so ceil(grid_width / WORDS) clocks a row.

// The job is handed over whole.
// verilator lint_off UNUSEDSIGNAL
module mask_walk
  import mask_pkg::*;
#(
    parameter int unsigned WORDS = 4,
    localparam int unsigned LEVEL = $clog2(2 * WORDS + 1)
) (
    input logic aclk,
    input logic rst,

    input  logic go,
    input  job_t job,
    output logic done,
    output logic wrong,

    output logic open,
    output logic take,
    output logic [LEVEL-1:0] want,
    output logic drop,
    input logic [WORDS-1:0][31:0] words,
    input logic [LEVEL-1:0] level,
    input logic ended,
    input logic ragged,

    output logic box_valid,
    output logic [1:0] box_edge,
    input logic box_ready,
    input logic bound_known,

    output logic [3:0] object,
    output logic coefficient,
    output logic [3:0] coefficient_object,
    output logic [5:0] coefficient_at,
    output place_t place,
    output logic [WORDS-1:0][31:0] numbers
);
  typedef enum logic [2:0] {
    IDLE,
    RECORDS,
    PLANES,
    TAIL,
    SETTLE
  } state_t;
  state_t state;

  logic [6:0] entry;  // of a record: four edges, then coefficients
  logic [5:0] plane;
  side_t y, group, row_left;
  logic [3:0] since;  // clocks since the last word, at most SPACING
  logic [3:0] settled;

  wire last_object = 8'(object) == job.objects - 8'd1;
  wire last_entry = 8'(entry) == job.prototypes + 8'd3;
  wire is_edge = entry < 7'd4;
  wire last_group = row_left <= side_t'(WORDS);
  wire last_row = 16'(y) == job.grid_height - 16'd1;
  wire last_plane = 8'(plane) == job.prototypes - 8'd1;
  wire begins = y == '0 && group == '0;
  // Fewer than SPACING rows of fewer than SPACING groups; more of either are enough groups.
  wire narrow = job.grid_height < 16'(SPACING) && job.grid_width < 16'(SPACING * WORDS);
  wire first = begins && plane == '0;
  wire rested = since == 4'(SPACING);
  wire waits = begins && ((narrow || first) && !rested) || first && !(bound_known && box_ready);

  assign open = state != IDLE;
  assign drop = state == TAIL;
  assign want = (state == PLANES && !last_group) ? LEVEL'(WORDS) :
      (state == PLANES) ? LEVEL'(row_left) : LEVEL'(1);
  always_comb begin
    case (state)
      RECORDS: take = level >= want && (!is_edge || box_ready);
      PLANES:  take = level >= want && !waits;
      default: take = 1'b0;
    endcase
  end
  assign box_valid = state == RECORDS && take && is_edge;
  assign box_edge = entry[1:0];
  wire short_packet = (state == RECORDS || state == PLANES) && ended && level < want;

  always_ff @(posedge aclk) begin
    done <= 1'b0;
    case (state)
      IDLE: if (go) state <= RECORDS;
      RECORDS: if (take && last_entry && last_object) state <= PLANES;
      PLANES: if (take && last_group && last_row && last_plane) state <= TAIL;
      TAIL: if (ended && level == '0) state <= SETTLE;
      default:
      if (settled == 4'd15) begin
        state <= IDLE;
        done  <= 1'b1;
      end
    endcase
    if (short_packet) state <= TAIL;
    if (rst) begin
      state <= IDLE;
      done  <= 1'b0;
    end
  end

  always_ff @(posedge aclk) begin
    if (state == IDLE) wrong <= 1'b0;
    else if (short_packet || ragged || (state == TAIL && level != '0)) wrong <= 1'b1;
    settled <= (state == SETTLE) ? settled + 4'd1 : '0;
    if (take) since <= 4'd1;
    else if (!rested) since <= since + 4'd1;
  end

  // Records.
  always_ff @(posedge aclk) begin
    if (state == IDLE) begin
      entry  <= '0;
      object <= '0;
    end else if (state == RECORDS && take) begin
      entry <= last_entry ? '0 : entry + 7'd1;
      if (last_entry) object <= object + 4'd1;
    end
    coefficient <= !rst && state == RECORDS && take && !is_edge;
    coefficient_object <= object;
    coefficient_at <= 6'(entry - 7'd4);
  end

  // Prototypes.
  always_ff @(posedge aclk) begin
    if (state == IDLE) begin
      {plane, y, group} <= '0;
      row_left <= job.grid_width[SIDE_BITS-1:0];
    end else if (state == PLANES && take) begin
      row_left <= last_group ? job.grid_width[SIDE_BITS-1:0] : row_left - side_t'(WORDS);
      group <= last_group ? '0 : group + side_t'(1);
      if (last_group) y <= last_row ? '0 : y + side_t'(1);
      if (last_group && last_row) plane <= plane + 6'd1;
    end
    place <= '{
        valid: !rst && state == PLANES && take,
        begins: begins,
        plane: plane,
        first_plane: plane == '0,
        last_plane: last_plane,
        y: y,
        group: group
    };
    numbers <= words;
  end
endmodule : mask_walk
// verilator lint_on UNUSEDSIGNAL
