// Decides row by row of the source whether an output row looks at it, and what is done with it.
//
// Two queues come out. `need_*`: one bit for every row of the crop, for whoever drops rows.
// `plan_*`, bilinear: one entry for every output row, with the new source rows that must come before
// it (0 to 2) and the weight of the newest one. Area: one entry for every row that is needed, with
// what of it belongs to the output row that is being summed up, whether that one ends here, and
// what belongs to the next. Throughput: one row or entry a clock, ahead of the data.
module pre_sched #(
    parameter bit AREA = 1'b1
) (
    input logic clk,
    input logic rst,
    input logic area,
    input logic [13:0] rows,
    input logic [24:0] shortest,  // the lesser length of a span

    input logic place_valid,
    input logic [24:0] place,
    input logic place_last,
    output logic place_take,

    output logic need_valid,
    input logic need_ready,
    output logic need,

    output logic plan_valid,
    input logic plan_ready,
    output logic [25:0] plan
);
  logic [13:0] row;
  logic [1:0] fresh;
  logic finished;  // no output row is left
  logic [24:0] from, begun;

  logic more, decide, ends, longer;
  logic [13:0] first_tap, last_tap;
  logic [24:0] bottom;
  logic [11:0] part, rest;

  assign more = row != rows;
  assign first_tap = place[24:11];
  assign last_tap = place[24:11] + 14'(place[10:0] != 11'd0);
  assign bottom = {row + 14'd1, 11'd0};
  assign ends = place <= bottom;
  assign part = 12'((ends ? place : bottom) - from);
  assign rest = ends ? 12'(bottom - place) : 12'd0;
  assign longer = (place - begun) != shortest;

  always_comb begin
    need_valid = 1'b0;
    need = 1'b0;
    plan_valid = 1'b0;
    plan = {13'd0, fresh, place[10:0]};
    place_take = 1'b0;
    if (finished) begin
      need_valid = more;
    end else if (place_valid) begin
      if (AREA && area) begin
        // Both queues move together: a needed row has exactly one entry.
        need = 1'b1;
        need_valid = plan_ready;
        plan_valid = need_ready;
        plan = {ends, longer, part, rest};
        place_take = need_ready && plan_ready && ends;
      end else if (row < first_tap) begin
        need_valid = 1'b1;
      end else if (row <= last_tap) begin
        need_valid = 1'b1;
        need = 1'b1;
      end else begin
        plan_valid = 1'b1;
        place_take = plan_ready;
      end
    end
  end
  assign decide = need_valid && need_ready;

  always_ff @(posedge clk) begin
    if (decide) row <= row + 14'd1;
    if (plan_valid && plan_ready) fresh <= 2'd0;
    else if (decide && need) fresh <= fresh + 2'd1;
    if (place_take && place_last) finished <= 1'b1;
    if (AREA && decide) from <= bottom;
    if (AREA && place_take) begun <= place;
    if (rst) begin
      row <= '0;
      fresh <= '0;
      finished <= 1'b0;
      from <= '0;
      begun <= '0;
    end
  end
endmodule
