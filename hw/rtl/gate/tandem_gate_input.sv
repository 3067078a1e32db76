// Trigger input: synchroniser, polarity, debouncing; one clock of `trigger` for each part.
//
// A level is believed once it was there for `debounce` ns without a break; a part is a believed
// change to LEVEL. `debounce` of 0 believes what the synchroniser shows.
// Latency: from the pin's edge to `trigger` three clocks, and the clocks that `debounce` takes.
// After a reset the pin counts as idle until it is believed, so a part that stands in the beam
// then is one trigger: a part too many is rejected, not one too few.

module tandem_gate_input #(
    // Level of the pin while a part is in front of the sensor.
    parameter bit LEVEL = 1
) (
    input logic aclk,
    input logic aresetn,

    input  logic        pin,
    input  logic [31:0] now,
    input  logic [31:0] debounce,
    output logic        trigger
);
  // Two stages settle what the pin does between clocks. Neither is reset: they follow the pin.
  (* async_reg = "true" *)
  logic [1:0] settled;
  logic part;
  logic seen;
  logic [31:0] since;

  assign part = settled[1] == LEVEL;

  always_ff @(posedge aclk) settled <= {settled[0], pin};

  // `since`: the last time at which the pin was as believed. Differences of 32 bits hold 4 s.
  always_ff @(posedge aclk) begin
    if (!aresetn) begin
      seen    <= 1'b0;
      trigger <= 1'b0;
      since   <= now;
    end else begin
      trigger <= 1'b0;
      if (part == seen) begin
        since <= now;
      end else if (now - since >= debounce) begin
        seen    <= part;
        trigger <= part;
        since   <= now;
      end
    end
  end
endmodule : tandem_gate_input
