// Watches the encoder while parts are pending, in counts.
//
// `mark` is the highest position since nobody was pending, so one input that toggles alone is no belt
// that comes on. `loses` is 1 in the clock in which nothing came for `limit`; `lost` stays until the
// position passes the mark, or a reset. `lost_now` is what `lost` will be but for this clock's loss.

module tandem_gate_watch #(
    parameter int TIME = 64
) (
    input logic aclk,
    input logic aresetn,
    input logic hold,

    input logic [TIME-1:0] now,
    input logic [TIME-1:0] position,
    // 0: not watched.
    input logic [TIME-1:0] limit,
    input logic            watched,
    input logic            pending,

    output logic loses,
    output logic lost_now,
    output logic lost
);
  logic came_on;
  logic [TIME-1:0] mark;
  logic [TIME-1:0] marked_at;
  assign came_on  = position > mark;
  assign lost_now = lost && !came_on;
  assign loses    = watched && pending && !came_on && limit != '0 && now - marked_at >= limit;

  always_ff @(posedge aclk) begin
    if (!aresetn || hold) lost <= 1'b0;
    else lost <= lost_now || loses;
    if (!aresetn || came_on || !pending && !lost) begin
      mark      <= position;
      marked_at <= now;
    end
  end
endmodule : tandem_gate_watch
