// An input pin: synchroniser, polarity, filter.
//
// A level is believed once it was there for `debounce` ns without a break; `debounce` of 0 believes
// what the synchroniser shows. Latency: from the pin's edge to `level` three clocks, and the clocks
// that `debounce` takes.

module tandem_gate_input #(
    // Level of the pin that is shown as 1.
    parameter bit LEVEL = 1,
    // In a reset `level` follows the pin; else it is 0 then, until another one is believed.
    parameter bit FOLLOW = 0
) (
    input logic aclk,
    input logic aresetn,

    input  logic        pin,
    input  logic [31:0] now,
    input  logic [31:0] debounce,
    output logic        level
);
  // Two stages settle what the pin does between clocks. Neither is reset: they follow the pin.
  (* async_reg = "true" *)
  logic [1:0] settled;
  logic shown;
  logic [31:0] since;

  assign shown = settled[1] == LEVEL;

  always_ff @(posedge aclk) settled <= {settled[0], pin};

  // `since`: the last time at which the pin was as believed. Differences of 32 bits hold 4 s.
  always_ff @(posedge aclk) begin
    if (!aresetn) begin
      level <= FOLLOW && shown;
      since <= now;
    end else if (shown == level) begin
      since <= now;
    end else if (now - since >= debounce) begin
      level <= shown;
      since <= now;
    end
  end
endmodule : tandem_gate_input
