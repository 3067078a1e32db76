// Quadrature encoder: two filtered inputs to a position.
//
// Each change of one input is a count: up while A leads B (00, 10, 11, 01), down the other way, and
// the other way round with `reverse`. A change of both at once is a `slip` of one clock: counts were
// lost, and the position stays.
// Latency: from a pin's edge to `position` four clocks, and the clocks that `filter` takes.
// Throughput: a count every clock.
// After a reset the position is 2^63, and the inputs are as the pins are: no count is made up.

module tandem_gate_encoder (
    input logic aclk,
    input logic aresetn,

    input logic        pin_a,
    input logic        pin_b,
    input logic [31:0] now,
    // ns for which an input keeps a level until it is believed.
    input logic [31:0] filter,
    input logic        reverse,

    output logic [63:0] position,
    output logic        slip
);
  logic a;
  logic b;
  logic was_a;
  logic was_b;
  logic turns;
  logic back;

  tandem_gate_input #(
      .FOLLOW(1)
  ) input_a (
      .aclk,
      .aresetn,
      .pin(pin_a),
      .now,
      .debounce(filter),
      .level(a)
  );

  tandem_gate_input #(
      .FOLLOW(1)
  ) input_b (
      .aclk,
      .aresetn,
      .pin(pin_b),
      .now,
      .debounce(filter),
      .level(b)
  );

  assign turns = (a ^ was_a) ^ (b ^ was_b);
  assign back = a ^ was_b ^ !reverse;

  always_ff @(posedge aclk) begin
    was_a <= a;
    was_b <= b;
    if (!aresetn) begin
      position <= {1'b1, 63'b0};
      slip     <= 1'b0;
    end else begin
      if (turns) position <= back ? position - 1'b1 : position + 1'b1;
      slip <= (a ^ was_a) && (b ^ was_b);
    end
  end
endmodule : tandem_gate_encoder
