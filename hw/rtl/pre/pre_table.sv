// Writes the table of elements of a job: scale, offset and number format of all 256 values of each
// channel, by adding the scale 255 times.
//
// Begins when `rst` falls, one entry a clock, 256 for a grey tensor, else 768; `ready` rises when
// the last one is written. A value has 34 bits as a Q16 number, 41 as a Q24 one; see the model's
// `element`. Latency of an entry: three clocks.
module pre_table
  import tandem_pre_pkg::*;
#(
    parameter bit HALF = 1'b1  // binary16 is built in
) (
    input logic clk,
    input logic rst,
    input logic grey,
    input logic [1:0] element,
    input logic [2:0][31:0] scale,
    input logic [2:0][31:0] offset,

    output logic ready,
    output logic write,
    output logic [9:0] write_at,  // channel and value
    output logic [15:0] write_data
);
  logic [9:0] at;
  logic running;
  logic signed [40:0] sum;
  logic [1:0] channel;
  logic [31:0] first_offset, this_scale;

  assign channel = at[9] ? 2'd0 : at[9:8] + 2'd1;  // the next one
  assign first_offset = offset[channel];
  assign this_scale = scale[at[9:8]];

  // One stage for the sum, one to find the leading one, one to round.
  logic [2:0] valid;
  logic [1:0][9:0] ats;
  logic negative, negative2;
  logic [39:0] magnitude, moved, norm;
  logic [5:0] zeros, zeros2;
  logic small2;
  logic [9:0] low2;
  logic signed [24:0] whole;
  logic [7:0] clamped;

  assign whole = $signed(sum[40:16]) + 25'(sum[15]);

  // The leading one to bit 39.
  always_comb begin
    moved = magnitude;
    zeros = '0;
    for (int b = 5; b >= 0; b--) begin
      if ((moved >> (40 - (1 << b))) == '0) begin
        moved = moved << (1 << b);
        zeros = zeros | 6'(1 << b);
      end
    end
  end

  logic [14:0] code;
  logic up;
  always_comb begin
    // Eleven bits stay; the leading one counts as one more in the exponent's field.
    up = norm[28] && (norm[27:0] != '0 || norm[29]);
    code = {5'(6'd29 - zeros2), 10'd0} + 15'(norm[39:29]) + 15'(up);
    if (small2) code = 15'(low2);
  end

  logic [7:0] clamped2;
  always_ff @(posedge clk) begin
    if (running) begin
      at <= at + 10'd1;
      sum <= (at[7:0] == 8'd255) ? 41'($signed(first_offset)) :
          sum + 41'($signed(this_scale));
      if (at[7:0] == 8'd255 && (grey || at[9:8] == 2'd2)) running <= 1'b0;
    end
    valid <= {valid[1:0], running};
    ats <= {ats[0], at};
    negative <= sum[40];
    magnitude <= sum[40] ? 40'(-sum) : 40'(sum);
    clamped <= element == ELEMENT_I8 ?
        (whole > 25'sd127 ? 8'd127 : whole < -25'sd128 ? 8'h80 : whole[7:0]) :
        (whole > 25'sd255 ? 8'd255 : whole < 25'sd0 ? 8'd0 : whole[7:0]);
    negative2 <= negative;
    norm <= moved;
    zeros2 <= zeros;
    small2 <= magnitude[39:10] == '0;
    low2 <= magnitude[9:0];
    clamped2 <= clamped;
    write_at <= ats[1];
    write_data <= (HALF && element == ELEMENT_F16) ? {negative2, code} : {8'd0, clamped2};
    if (!running && valid == '0) ready <= 1'b1;
    if (rst) begin
      running <= 1'b1;
      ready <= 1'b0;
      at <= '0;
      sum <= 41'($signed(offset[0]));
      valid <= '0;
    end
  end
  assign write = valid[2];
endmodule
