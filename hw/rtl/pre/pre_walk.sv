// Walks over the tensor in the order of its packets: bands, planes, rows, and in a row the padding
// on the left, the content, and the padding on the right, in chunks of up to LANES elements.
//
// Padding needs nothing, so it goes out as soon as there is room; a row of content waits until the
// ring has it (`rows`). A planar band reads its rows once for each plane and gives their room back
// in the last one. `stop` lets the packet that has begun end, with whatever is in the ring, and no
// other begin. Throughput: one chunk a clock, one clock for an empty part and one between rows.
module pre_walk
  import tandem_pre_pkg::*;
#(
    parameter int unsigned LANES = 8,
    parameter int unsigned WORDS = 4096
) (
    input logic clk,
    input logic rst,
    input logic go,  // level: the walk may begin
    input logic stop,
    // Of the job a module takes what it needs.
    // verilator lint_off UNUSEDSIGNAL
    input pre_job_t job,
    // verilator lint_on UNUSEDSIGNAL

    input logic [13:0] rows,
    output logic free,
    output logic read,
    output logic [$clog2(WORDS)-1:0] read_at,

    output logic o_valid,
    input logic o_ready,
    output logic o_content,
    output logic [$clog2(LANES+1)-1:0] o_count,
    output logic [1:0] o_third,  // number of the chunk in its part, modulo three
    output logic [1:0] o_plane,
    output logic o_last,  // of the packet
    output logic ended
);
  localparam int unsigned AW = $clog2(WORDS);
  localparam int unsigned NW = $clog2(LANES + 1);

  typedef enum logic [2:0] {
    PACKET,
    ROW,
    LEFT,
    CONTENT,
    RIGHT,
    ENDED
  } state_e;
  state_e state;

  logic [13:0] band, row;  // first row of the band, row of the tensor
  logic [13:0] band_seen, seen;  // rows of content before them
  logic [AW-1:0] band_at, at;
  logic [1:0] plane;
  logic [15:0] left;
  logic [1:0] third;
  logic [13:0] band_end, in_band, right;
  logic has_content, waiting, last_plane, last_row, enable, chunk_last, gives;

  // Elements of a stretch of pixels.
  function automatic logic [15:0] elements(logic [13:0] pixels, logic mixed);
    return mixed ? 16'(pixels) + {1'b0, pixels, 1'b0} : 16'(pixels);
  endfunction

  assign right = job.width - job.cont_x - job.cont_w;
  assign in_band = 14'(job.band_rows);
  assign band_end = (job.height - band > in_band) ? band + in_band : job.height;
  assign has_content = row >= job.cont_y && 15'(row) < 15'(job.cont_y) + 15'(job.cont_h);
  assign last_plane = !job.three_planes || plane == 2'd2;
  assign last_row = row + 14'd1 == band_end;
  assign enable = !o_valid || o_ready;
  assign waiting = state == CONTENT && seen == rows && !stop;
  assign chunk_last = left <= 16'(LANES);
  assign gives = enable && !waiting && left != '0 &&
      (state == LEFT || state == CONTENT || state == RIGHT);

  // A word of the ring has one chunk of a plane, or three mixed ones.
  logic word_done;
  assign word_done = chunk_last || !job.three_mixed || third == 2'd2;
  assign read = gives && state == CONTENT;
  assign read_at = at;
  assign free = read && chunk_last && last_plane && !stop;
  assign ended = state == ENDED;

  always_ff @(posedge clk) begin
    if (enable) begin
      o_valid <= gives;
      o_content <= state == CONTENT;
      o_count <= chunk_last ? NW'(left) : NW'(LANES);
      o_third <= third;
      o_plane <= plane;
      o_last <= chunk_last && last_row && (state == RIGHT || (state == CONTENT && right == '0));
    end
    if (gives) begin
      left <= left - 16'(LANES);
      third <= third == 2'd2 ? 2'd0 : third + 2'd1;
      if (state == CONTENT && word_done) at <= at + 1'b1;
    end
    case (state)
      PACKET:
      if (stop) state <= ENDED;
      else if (go) state <= ROW;
      ROW: begin
        third <= '0;
        // A row without content is all on the left.
        left <= elements(has_content ? job.cont_x : 14'd0, job.three_mixed);
        state <= has_content ? LEFT : RIGHT;
        if (!has_content) left <= elements(job.width, job.three_mixed);
      end
      LEFT:
      if (enable && (left == '0 || chunk_last)) begin
        state <= CONTENT;
        third <= '0;
        left <= elements(job.cont_w, job.three_mixed);
      end
      CONTENT:
      if (gives && chunk_last) begin
        seen <= seen + 14'd1;
        state <= RIGHT;
        third <= '0;
        left <= elements(right, job.three_mixed);
      end
      RIGHT: ;
      ENDED: ;
      default: state <= PACKET;
    endcase
    if (state == RIGHT && enable && (left == '0 || chunk_last)) begin
      row <= row + 14'd1;
      state <= ROW;
      if (last_row) begin
        state <= PACKET;
        if (!last_plane) begin
          plane <= plane + 2'd1;
          row <= band;
          seen <= band_seen;
          at <= band_at;
        end else begin
          plane <= '0;
          band <= band_end;
          band_seen <= seen;
          band_at <= at;
          if (band_end == job.height) state <= ENDED;
        end
      end
    end
    if (rst) begin
      state <= PACKET;
      band <= '0;
      row <= '0;
      band_seen <= '0;
      seen <= '0;
      band_at <= '0;
      at <= '0;
      plane <= '0;
      o_valid <= 1'b0;
    end
  end
endmodule
