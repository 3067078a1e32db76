// Area, across: means of the source pixels that an output covers, Q8, one output a clock.
//
// With F(q) the integral of a group's pixels from its begin to q, an output is what was gathered in
// the groups before plus F(its end), and what is gathered begins anew with minus that. So one
// product a channel suffices, of the pixel on the edge. A group stays while another output ends in
// it: a clock for each output, and one for a group without any end. Latency seven clocks.
// Handshake: valid/ready, all stages move together; `place_*` are the far edges of the outputs.
module pre_across_area #(
    parameter int unsigned PPC = 4
) (
    input logic clk,
    input logic rst,
    input logic [24:0] shortest,  // the lesser length of a span
    input logic [1:0][29:0] inverse,  // of the lesser and of the greater length

    input logic [1:0] place_valid,
    input logic [1:0][24:0] place,
    input logic place_last,
    output logic place_take,

    input logic i_valid,
    output logic i_ready,
    input logic [PPC-1:0][2:0][7:0] i_pixels,
    input logic [$clog2(PPC+1)-1:0] i_count,
    input logic i_eol,

    output logic o_valid,
    input logic o_ready,
    output logic [2:0][15:0] o_means
);
  localparam int unsigned IW = $clog2(PPC + 1);
  localparam int unsigned SW = 8 + IW;  // a sum of a group

  logic enable;
  assign enable = !o_valid || o_ready;

  logic [13:0] base, past;
  logic [24:0] past_at, begun, at;  // `at` is at most PPC * 2048
  logic row_done, ends, ends1, work, release_group;

  logic unused_at;
  assign unused_at = ^at[24:11+IW];
  assign past = base + 14'(i_count);
  assign past_at = {past, 11'd0};
  assign ends = place[0] <= past_at;
  assign ends1 = !place_valid[1] || place[1] <= past_at;
  assign work = enable && i_valid && place_valid[0] && !row_done;
  assign place_take = work && ends;
  assign release_group = enable && i_valid &&
      (row_done || (place_valid[0] && (!ends || place_last || !ends1)));
  assign i_ready = release_group;
  assign at = (ends ? place[0] : past_at) - {base, 11'd0};

  always_ff @(posedge clk) begin
    if (release_group) begin
      base <= i_eol ? '0 : past;
      row_done <= !i_eol && (row_done || (ends && place_last));
    end else if (place_take && place_last) begin
      row_done <= 1'b1;
    end
    if (place_take) begun <= place_last ? '0 : place[0];
    if (rst) begin
      base <= '0;
      row_done <= 1'b0;
      begun <= '0;
    end
  end

  // Stages 1 and 2: the whole pixels and the part of the one on the edge.
  logic [3:0] valid;  // of outputs, from stage 3 on
  logic [1:0] working, ending, leaving, closing, longer;
  logic [2:0][SW-1:0] whole, all, whole2, all2;
  logic [2:0][7:0] edge_pixel;
  logic [10:0] edge_part;
  logic [2:0][18:0] part2;

  logic [IW-1:0] lane;
  assign lane = at[11+:IW];
  logic [2:0][SW-1:0] sum_whole, sum_all;
  always_comb begin
    sum_whole = '0;
    sum_all = '0;
    for (int l = 0; l < int'(PPC); l++) begin
      for (int c = 0; c < 3; c++) begin
        if (IW'(l) < lane) sum_whole[c] += SW'(i_pixels[l][c]);
        if (IW'(l) < i_count) sum_all[c] += SW'(i_pixels[l][c]);
      end
    end
  end
  logic [PPC:0][2:0][7:0] pixels;
  assign pixels = {24'd0, i_pixels};

  // Stage 3: what is gathered, and the outputs. Modulo 2^32, which no output reaches.
  logic [2:0][31:0] gathered, gathered_next, sums3, until_edge;
  logic [29:0] inverse3;
  always_comb begin
    for (int c = 0; c < 3; c++) begin
      until_edge[c] = {(21 - SW)'(0), whole2[c], 11'd0} + 32'(part2[c]);
      gathered_next[c] = ending[1] ? -until_edge[c] : gathered[c];
      if (leaving[1]) gathered_next[c] = gathered_next[c] + {(21 - SW)'(0), all2[c], 11'd0};
      if (closing[1]) gathered_next[c] = '0;
    end
  end

  always_ff @(posedge clk) begin
    if (enable) begin
      working <= {working[0], work};
      ending <= {ending[0], ends};
      leaving <= {leaving[0], release_group};
      closing <= {closing[0], ends && place_last};
      longer <= {longer[0], (place[0] - begun) != shortest};
      whole <= sum_whole;
      all <= sum_all;
      edge_pixel <= pixels[lane];
      edge_part <= at[10:0];
      whole2 <= whole;
      all2 <= all;
      for (int c = 0; c < 3; c++) begin
        part2[c] <= 19'(edge_pixel[c]) * 19'(edge_part);
        sums3[c] <= gathered[c] + until_edge[c];
      end
      if (working[1]) gathered <= gathered_next;
      inverse3 <= inverse[longer[1]];
      valid <= {valid[2:0], working[1] && ending[1]};
    end
    if (rst) begin
      valid <= '0;
      working <= '0;
      gathered <= '0;
    end
  end

  for (genvar c = 0; c < 3; c++) begin : g_mean
    pre_scale #(
        .WIDTH(32),
        .SHIFT(32),
        .OUT  (16)
    ) i_scale (
        .clk,
        .enable,
        .a(sums3[c]),
        .b(inverse3),
        .y(o_means[c])
    );
  end
  assign o_valid = valid[3];
endmodule
