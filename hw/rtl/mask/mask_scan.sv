// The cells of an object to runs, by row, then by column.
//
// While `enable`, groups of cells are read from address 0 on (`on` follows `at` by 2 clocks), and
// runs come out, a transition a clock and a group a clock. It does not know where the last run is:
// whoever has counted the runs lowers `enable` behind it, which forgets everything. `run_valid`
// stays, and `run` does not change, until `run_ready`.

// A box is handed over whole.
// verilator lint_off UNUSEDSIGNAL
module mask_scan
  import mask_pkg::*;
#(
    parameter int unsigned WORDS   = 4,
    parameter int unsigned AT_BITS = 11
) (
    input logic aclk,
    input logic enable,
    input box_t box,

    output logic [AT_BITS-1:0] at,
    input  logic [  WORDS-1:0] on,

    output logic run_valid,
    input  logic run_ready,
    output run_t run
);
  localparam int unsigned SHIFT = $clog2(WORDS);
  localparam int unsigned PLACES = 8;

  // Groups on their way and in the queue: there is a place for each.
  logic [$clog2(PLACES):0] used;
  logic [1:0] coming;
  logic group_valid, group_ready;
  logic [WORDS-1:0] group;
  wire fetch = enable && used != ($clog2(PLACES) + 1)'(PLACES);
  wire gone = group_valid && group_ready;
  // The queue is never full: that is what `used` is for.
  logic unused_ready;
  logic [$clog2(PLACES):0] unused_level;
  tandem_fifo #(
      .WIDTH(WORDS),
      .DEPTH(PLACES),
      .BLOCK(0)
  ) i_queue (
      .aclk,
      .aresetn(enable),
      .s_data(on),
      .s_valid(coming[1]),
      .s_ready(unused_ready),
      .m_data(group),
      .m_valid(group_valid),
      .m_ready(group_ready),
      .level(unused_level)
  );
  always_ff @(posedge aclk) begin
    if (!enable) begin
      at <= '0;
      used <= '0;
      coming <= '0;
    end else begin
      if (fetch) at <= at + 1'b1;
      coming <= {coming[0], fetch};
      used   <= used + ($clog2(PLACES) + 1)'(fetch) - ($clog2(PLACES) + 1)'(gone);
    end
  end

  // The first cell of the group, of those not seen yet, that is not as the ones before it.
  logic open;
  side_t from, y, index;
  logic [WORDS-1:0] unseen, change;
  logic [SIDE_BITS-1:0] lane;
  logic found;
  assign change = (open ? ~group : group) & unseen;
  always_comb begin
    found = 1'b0;
    lane  = '0;
    for (int unsigned i = 0; i < WORDS; i++) begin
      if (!found && change[i]) begin
        found = 1'b1;
        lane  = SIDE_BITS'(i);
      end
    end
  end
  wire go_on = group_valid && (!run_valid || run_ready);
  assign group_ready = go_on && !found;
  wire row_ends = index == box.end_group - side_t'(1);
  // A run ends before the cell that is off, or with its row's last group.
  wire side_t here = (index << SHIFT) + lane;
  wire side_t behind = (index + side_t'(1)) << SHIFT;
  wire ends = open && (found || row_ends);

  always_ff @(posedge aclk) begin
    if (run_ready) run_valid <= 1'b0;
    if (go_on) begin
      run_valid <= ends;
      if (found) begin
        open <= !open;
        from <= here;
        for (int unsigned i = 0; i < WORDS; i++) unseen[i] <= SIDE_BITS'(i) > lane;
      end else begin
        unseen <= '1;
        index  <= row_ends ? box.first_group : index + side_t'(1);
        if (row_ends) begin
          open <= 1'b0;
          y <= y + side_t'(1);
        end
      end
    end
    if (!enable) begin
      run_valid <= 1'b0;
      open <= 1'b0;
      unseen <= '1;
      index <= box.first_group;
      y <= box.top;
    end
  end
  always_ff @(posedge aclk) begin
    if (go_on && ends) run <= '{y: y, x: from, length: (found ? here : behind) - from};
  end
endmodule : mask_scan
// verilator lint_on UNUSEDSIGNAL
