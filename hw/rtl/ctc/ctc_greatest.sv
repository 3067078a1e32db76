// The greatest class of each step, and whether it begins a symbol: the collapse of CTC.
//
// A number a clock, no handshake. A step's `reading` is there 5 clocks behind its last number and
// stays until 5 clocks behind the last number of the next one. Its numbers as Q24 held to 64 come
// out 3 clocks behind them, magnitude and sign.
//
// A step with a number that is NaN or infinite is counted and passed over: `last_read` stays.
module ctc_greatest
  import ctc_pkg::*;
(
    input  logic            aclk,
    // Before the first number, with `blank` stable from here on.
    input  logic            start,
    input  class_t          blank,
    // The places of 3 and 4 clocks ago; `bits` are those of now.
    // verilator lint_off UNUSEDSIGNAL
    input  place_t          place_3,
    input  place_t          place_4,
    // verilator lint_on UNUSEDSIGNAL
    input  logic     [31:0] bits,
    output logic            negative_3,
    output logic     [30:0] magnitude_3,
    output reading_t        reading,
    output count_t          not_finite
);
  // Held to 64, so the upper bits are 0.
  // verilator lint_off UNUSEDSIGNAL
  logic [32:0] fixed_3;
  // verilator lint_on UNUSEDSIGNAL
  post_to_fixed fixed (
      .aclk,
      .bits,
      .form(post_pkg::FIXED_Q24_WIDE),
      .magnitude(fixed_3),
      .negative(negative_3)
  );
  assign magnitude_3 = fixed_3[30:0];

  // The order of floats, which knows more differences than Q24 does.
  logic signed [31:0] key[1:3];
  logic [3:1] sick;
  always_ff @(posedge aclk) begin
    key  <= '{order(bits), key[1], key[2]};
    sick <= {sick[2:1], bits[30:23] == '1};
  end

  // What is known of the step whose numbers come. Of equal ones the first stays.
  logic signed [31:0] best, best_value;
  class_t best_class, last_read;
  logic broken, greater, step_ends, reads;
  assign greater = place_3.first || key[3] > best;
  assign step_ends = place_4.valid && place_4.fresh && place_4.last;
  assign reads = !broken && best_class != last_read && best_class != blank;
  always_ff @(posedge aclk) begin
    if (place_3.valid && place_3.fresh) begin
      broken <= sick[3] || (broken && !place_3.first);
      if (greater) begin
        best <= key[3];
        best_class <= place_3.class_id;
        best_value <= negative_3 ? -signed'({1'b0, magnitude_3}) : signed'({1'b0, magnitude_3});
      end
    end
    if (step_ends) begin
      reading <= '{
          symbol: reads,
          class_id: best_class,
          step: place_4.step,
          greatest: best_value
      };
      if (broken) not_finite <= not_finite + 1'b1;
      else last_read <= best_class;
    end
    if (start) begin
      last_read <= blank;
      not_finite <= '0;
    end
  end
endmodule : ctc_greatest
