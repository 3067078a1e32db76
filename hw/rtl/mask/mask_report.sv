// The result as 32-bit words: four an object (runs, cells, cells that were not finite, the number
// of its first run), then two a run (y and x, length).
//
// `start` for a clock; the counts are stable from then on, until `word_last` is taken. For each
// object that has runs, `scan` is high with its number in `object` until all of them have come; it
// is low for a clock between two objects. Words follow each other without pauses but for those of
// the scan.

module mask_report
  import mask_pkg::*;
#(
    parameter int unsigned OBJECTS = 4
) (
    input logic aclk,
    input logic rst,

    input logic start,
    input logic [3:0] last_object,
    input count_t [OBJECTS-1:0] counts,
    input logic [26:0] total,

    output logic       scan,
    output logic [3:0] object,
    input  logic       run_valid,
    output logic       run_ready,
    input  run_t       run,

    output logic        word_valid,
    input  logic        word_ready,
    output logic [31:0] word,
    output logic        word_last
);
  typedef enum logic [1:0] {
    IDLE,
    HEADERS,
    CHOOSE,
    RUNS
  } state_t;
  state_t state;
  logic [1:0] part;
  logic [26:0] first;  // the object's first run
  logic [26:0] left;  // runs that have not gone, of all objects
  cells_t object_left;
  count_t count;

  always_comb begin
    count = '0;
    for (int unsigned i = 0; i < OBJECTS; i++) if (object == 4'(i)) count = counts[i];
  end

  assign scan = state == RUNS;
  assign word_valid = state == HEADERS || (state == RUNS && run_valid);
  assign run_ready = state == RUNS && word_ready && part[0];
  assign word_last = (state == HEADERS) ? part == 2'd3 && object == last_object && total == '0 :
      part[0] && left == 27'd1;
  always_comb begin
    if (state == HEADERS) begin
      case (part)
        2'd0: word = 32'(count.runs);
        2'd1: word = 32'(count.area);
        2'd2: word = 32'(count.not_finite);
        default: word = 32'(first);
      endcase
    end else word = part[0] ? 32'(run.length) : {16'(run.x), 16'(run.y)};
  end
  wire gives = word_valid && word_ready;

  always_ff @(posedge aclk) begin
    case (state)
      IDLE: if (start) state <= HEADERS;
      HEADERS:
      if (gives && part == 2'd3 && object == last_object) state <= (total == '0) ? IDLE : CHOOSE;
      CHOOSE: if (count.runs != '0) state <= RUNS;
      default:
      if (gives && part[0] && object_left == cells_t'(1)) begin
        state <= (left == 27'd1) ? IDLE : CHOOSE;
      end
    endcase
    if (rst) state <= IDLE;
  end

  always_ff @(posedge aclk) begin
    case (state)
      IDLE: begin
        {part, object, first} <= '0;
        left <= total;
      end
      HEADERS:
      if (gives) begin
        part <= part + 2'd1;
        if (part == 2'd3) begin
          object <= (object == last_object) ? '0 : object + 4'd1;
          first  <= first + 27'(count.runs);
        end
      end
      CHOOSE: begin
        object_left <= count.runs;
        if (count.runs == '0) object <= object + 4'd1;
      end
      default:
      if (gives) begin
        part[0] <= !part[0];
        if (part[0]) begin
          left <= left - 27'd1;
          object_left <= object_left - cells_t'(1);
          if (object_left == cells_t'(1)) object <= object + 4'd1;
        end
      end
    endcase
  end
endmodule : mask_report
