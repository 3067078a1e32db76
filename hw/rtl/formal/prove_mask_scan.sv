// The cells that are on, counted where their group leaves the queue, are the cells of all runs and
// of the one that is open; runs lie in a row of the box; a run that is offered stays until it is
// taken; the queue has a place for every group that was asked for. Cells and box are any.

module prove_mask_scan
  import mask_pkg::*;
#(
    parameter int WORDS   = 4,
    parameter int AT_BITS = 4
) (
    input logic aclk,
    input logic enable,
    input box_t box,
    input logic [WORDS-1:0] on,
    input logic run_ready
);
  logic [AT_BITS-1:0] at;
  logic run_valid;
  run_t run;

  mask_scan #(
      .WORDS  (WORDS),
      .AT_BITS(AT_BITS)
  ) dut (
      .*
  );

  function automatic logic [11:0] ones(input logic [WORDS-1:0] cells);
    logic [11:0] count;
    count = '0;
    for (int i = 0; i < WORDS; i++) count += 12'(cells[i]);
    return count;
  endfunction

  // Counts modulo 4096.
  logic [11:0] consumed, given, seen, row_from, row_to, here;
  logic started = 1'b0;
  logic waiting, was_enabled;
  run_t offered;
  box_t box_held;
  assign row_from = box.first_group << 2;
  assign row_to = box.end_group << 2;
  assign seen = 12'(WORDS) - ones(dut.unseen);
  assign here = (dut.index << 2) + seen;

  always_ff @(posedge aclk) begin
    started <= 1'b1;
    was_enabled <= enable;
    box_held <= box;
    waiting <= enable && run_valid && !run_ready;
    offered <= run;
    if (!enable) begin
      {consumed, given} <= '0;
    end else begin
      if (dut.gone) consumed <= consumed + ones(dut.group);
      if (dut.go_on && dut.ends) given <= given + (dut.found ? dut.here : dut.behind) - dut.from;
    end
  end

  always_comb begin
    if (!started) assume (!enable);
    assume (box.first_group < box.end_group && box.end_group <= 12'd512);
    if (started && (enable || was_enabled)) assume (box == box_held);
    if (started && enable) begin
      // Induction: where it stands. What is unseen of a group are its last cells.
      for (int i = 1; i < WORDS; i++) if (dut.unseen[i-1]) assert (dut.unseen[i]);
      if (dut.unseen != '1) assert (dut.group_valid);
      assert (dut.index >= box.first_group && dut.index < box.end_group);
      assert (dut.used <= 4'd8);
      assert (dut.used == dut.unused_level + 4'(dut.coming[0]) + 4'(dut.coming[1]));
      if (dut.coming[1]) assert (dut.unused_ready);
      if (dut.open) assert (dut.from >= row_from && dut.from < here);
      // What it is for.
      assert (consumed + ones(
          dut.group & ~dut.unseen
      ) == given + (dut.open ? here - dut.from : 12'd0));
      if (waiting) assert (run_valid && run == offered);
      if (run_valid) begin
        assert (run.length != '0 && run.length <= row_to - row_from);
        assert (run.x >= row_from && run.x < row_to && run.length <= row_to - run.x);
      end
    end
  end
endmodule : prove_mask_scan
