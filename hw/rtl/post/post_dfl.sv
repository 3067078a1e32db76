// Sums of the distributions of a `yolov8` head: for each cell and side the 16 weights
// w = W(greatest logit - logit) as their sum and their moment, the sum of bin * w.
//
// The greatest of 16 logits is known when the last of their planes has come. So a plane's logits
// are stored, and while the same plane of the next side comes they are read out of the place where
// its own are put, and weighed: one store of 16 planes is enough. A step a clock; what it changes
// is written 15 clocks later at most. No handshake. Steps of a cell are at least 8 clocks apart.
//
// `read_at` asks for a cell's sums, 2 clocks later, while no steps come.
module post_dfl
  import post_pkg::*;
#(
    parameter int unsigned DFL_CELLS = 6400,
    parameter int unsigned ULTRA = 0
) (
    input  logic                              aclk,
    input  logic                              clear,
    input  dfl_step_t                         in,
    // The number that comes with it.
    input  logic      [                 31:0] bits,
    input  logic                              read,
    input  logic      [$clog2(DFL_CELLS)-1:0] read_at,
    output logic      [          3:0][34:0]   sum,
    output logic      [          3:0][37:0]   moment
);
  localparam int unsigned AT_BITS = $clog2(DFL_CELLS);
  localparam int unsigned STEP_BITS = $clog2(16 * DFL_CELLS);
  localparam int unsigned SUM_AT = 14;
  typedef logic [AT_BITS-1:0] at_t;

  // What belongs to the number of n clocks ago.
  typedef struct packed {
    logic store;    // a logit comes
    logic weigh;    // a logit of the side before is weighed
    logic odd;      // the side that comes
    logic [1:0] side;  // the side that is weighed
    logic [3:0] bin;
    at_t at;
  } tag_t;
  tag_t tag[1:SUM_AT+1];
  logic [STEP_BITS-1:0] step[1:4];
  always_ff @(posedge aclk) begin
    tag[1] <= '{
        store: in.valid && in.phase != 3'd4,
        weigh: in.valid && in.phase != '0,
        odd: in.phase[0],
        side: 2'(in.phase - 3'd1),
        bin: in.bin,
        at: at_t'(in.at)
    };
    step[1] <= STEP_BITS'(in.step);
    for (int unsigned i = 2; i <= SUM_AT + 1; i++) tag[i] <= tag[i-1];
    for (int unsigned i = 2; i <= 4; i++) step[i] <= step[i-1];
    if (clear) for (int unsigned i = 1; i <= SUM_AT + 1; i++) {tag[i].store, tag[i].weigh} <= '0;
  end

  // 4: the logit that comes, and the one of the side before from the same place.
  // Held to 64, so the upper bit is 0.
  // verilator lint_off UNUSEDSIGNAL
  logic [32:0] magnitude_3;
  // verilator lint_on UNUSEDSIGNAL
  logic negative_3;
  logic signed [31:0] logit_4, old_4;
  post_to_fixed fixed (
      .aclk,
      .bits,
      .form(FIXED_Q24_WIDE),
      .magnitude(magnitude_3),
      .negative(negative_3)
  );
  post_ram #(
      .WIDTH(32),
      .DEPTH(16 * DFL_CELLS),
      .ULTRA(ULTRA)
  ) logits (
      .aclk,
      .write(tag[4].store),
      .write_at(step[4]),
      .write_data(logit_4),
      .read_at(step[2]),
      .read_data(old_4)
  );
  always_ff @(posedge aclk) begin
    logit_4 <= negative_3 ? -signed'(magnitude_3[31:0]) : signed'(magnitude_3[31:0]);
  end

  // The greatest logits of the sides with even and with odd numbers: one grows, one is final.
  logic [1:0] greater;
  logic signed [31:0] greatest_4[2];
  for (genvar odd = 0; odd < 2; odd++) begin : gen_greatest
    logic signed [31:0] new_5;
    post_ram #(
        .WIDTH(32),
        .DEPTH(DFL_CELLS),
        .ULTRA(ULTRA)
    ) ram (
        .aclk,
        .write(tag[5].store && tag[5].odd == 1'(odd)),
        .write_at(tag[5].at),
        .write_data(new_5),
        .read_at(tag[2].at),
        .read_data(greatest_4[odd])
    );
    assign greater[odd] = tag[4].bin == '0 || logit_4 > greatest_4[odd];
    always_ff @(posedge aclk) new_5 <= greater[odd] ? logit_4 : greatest_4[odd];
  end

  // 13: the weight. The power is at most 0 and its whole part reaches to -370.
  localparam logic [30:0] LOG2E_Q30 = 31'd1549082005;
  logic [31:0] below_5;
  logic [62:0] product_6, product_7;
  logic signed [33:0] power_8;
  logic [9:0] down[9:12];
  logic [30:0] mantissa_12, weight_13;
  post_power power (
      .aclk,
      .fraction(power_8[23:0]),
      .mantissa(mantissa_12)
  );
  always_ff @(posedge aclk) begin
    below_5 <= 32'(greatest_4[!tag[4].odd] - old_4);
    product_6 <= 63'(below_5) * 63'(LOG2E_Q30);
    product_7 <= product_6;
    power_8 <= 34'(((64'sd1 <<< 29) - signed'({1'b0, product_7})) >>> 30);
    down[9] <= 10'(-power_8[33:24]);
    for (int unsigned i = 10; i <= 12; i++) down[i] <= down[i-1];
    weight_13 <= (down[12] > 10'd30) ? '0 : mantissa_12 >> down[12][4:0];
  end

  // 15: the sums. What is stored is a sum less 1, which has 34 bits: it is 2^34 at most in the end.
  logic [30:0] weight_14;
  logic [34:0] share_14;
  always_ff @(posedge aclk) begin
    weight_14 <= weight_13;
    share_14 <= 35'(weight_13) * 35'(tag[13].bin);
  end
  typedef struct packed {
    logic [33:0] sum_less;
    logic [37:0] moment;
  } sums_t;
  for (genvar side = 0; side < 4; side++) begin : gen_side
    sums_t sums_14, sums_15;
    post_ram #(
        .WIDTH($bits(sums_t)),
        .DEPTH(DFL_CELLS),
        .ULTRA(ULTRA)
    ) ram (
        .aclk,
        .write(tag[15].weigh && tag[15].side == 2'(side)),
        .write_at(tag[15].at),
        .write_data(sums_15),
        .read_at(read ? read_at : tag[12].at),
        .read_data(sums_14)
    );
    assign sum[side] = 35'(sums_14.sum_less) + 35'd1;
    assign moment[side] = sums_14.moment;
    always_ff @(posedge aclk) begin
      if (tag[14].bin == '0) sums_15 <= '{sum_less: 34'(weight_14) - 34'd1, moment: '0};
      else begin
        sums_15.sum_less <= sums_14.sum_less + 34'(weight_14);
        sums_15.moment <= sums_14.moment + 38'(share_14);
      end
    end
  end
endmodule : post_dfl
