// Counts what became of parts and cancels, and keeps the last cancel's outcome.
// Everything shows one clock later; `clear` holds all at 0.

module tandem_gate_tally
  import tandem_gate_pkg::*;
#(
    // Width of what passes the gate in one clock.
    parameter int STEP  = 6,
    parameter int COUNT = 32
) (
    input logic aclk,
    input logic aresetn,
    input logic clear,

    input logic [STEP-1:0] rejecting,
    input logic [STEP-1:0] passing,
    input logic            overruns,
    input logic            comes_unready,
    input logic            slips_now,
    input logic            doubts_now,

    // A cancel is executed: under the epoch in force, of a tag that was given, of a part that waits,
    // and that was not cancelled before.
    input logic cancel,
    input logic cancel_epoch_matches,
    input logic cancel_known,
    input logic cancel_waits,
    input logic cancel_first,

    output logic [      7:0] outcome,
    output logic [COUNT-1:0] passed,
    output logic [COUNT-1:0] rejected,
    output logic [COUNT-1:0] cancelled,
    output logic [COUNT-1:0] late,
    output logic [COUNT-1:0] wrong_epoch,
    output logic [COUNT-1:0] unknown,
    output logic [COUNT-1:0] overrun,
    output logic [COUNT-1:0] unready,
    output logic [COUNT-1:0] slips,
    output logic [COUNT-1:0] doubts
);
  always_ff @(posedge aclk) begin
    if (!aresetn || clear) begin
      passed   <= '0;
      rejected <= '0;
      overrun  <= '0;
      unready  <= '0;
      slips    <= '0;
      doubts   <= '0;
    end else begin
      passed   <= passed + COUNT'(passing);
      rejected <= rejected + COUNT'(rejecting);
      if (overruns) overrun <= overrun + 1'b1;
      if (comes_unready) unready <= unready + 1'b1;
      if (slips_now) slips <= slips + 1'b1;
      if (doubts_now) doubts <= doubts + 1'b1;
    end
  end

  always_ff @(posedge aclk) begin
    if (!aresetn || clear) begin
      outcome     <= CANCEL_NOTHING;
      cancelled   <= '0;
      late        <= '0;
      wrong_epoch <= '0;
      unknown     <= '0;
    end else if (cancel) begin
      if (!cancel_epoch_matches) begin
        outcome     <= CANCEL_WRONG_EPOCH;
        wrong_epoch <= wrong_epoch + 1'b1;
      end else if (!cancel_known) begin
        outcome <= CANCEL_UNKNOWN_TAG;
        unknown <= unknown + 1'b1;
      end else if (!cancel_waits) begin
        outcome <= CANCEL_TOO_LATE;
        late    <= late + 1'b1;
      end else begin
        outcome <= CANCEL_CANCELLED;
        if (cancel_first) cancelled <= cancelled + 1'b1;
      end
    end
  end
endmodule : tandem_gate_tally
