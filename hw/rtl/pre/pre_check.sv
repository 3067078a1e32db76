// Refuses what `PreParams::validate` of the model refuses, and what this build cannot do; works out
// the products and reciprocals that a job needs.
//
// `go` for one clock begins; `done` is high from the clock in which the results hold until the next
// `go`. Takes about 60 clocks, with area about 240. Comparisons are made side by side (each is a
// carry chain), products and quotients one bit a clock: nobody waits for them.
module pre_check
  import tandem_pre_pkg::*;
#(
    parameter logic [14:0] FEATURES = 15'h7F7F,
    parameter int unsigned MAX_SIDE = 8192,
    parameter int unsigned RING_WORDS = 4096,
    parameter int unsigned RING_PIXELS = 8  // pixels of a word of the band ring
) (
    input logic clk,
    input logic rst,
    input logic go,
    // Not all of it is checked: any padding, offset and coefficient is good.
    // verilator lint_off UNUSEDSIGNAL
    input pre_regs_t regs,
    // verilator lint_on UNUSEDSIGNAL
    output logic done,
    output logic good,

    output logic [27:0] frame_bytes,  // what the input packet carries
    output logic [13:0] row_words,  // words of the band ring that one row of content takes
    output logic [3:0][29:0] inverse  // area: for the lesser and the greater span of x, then of y
);
  localparam int unsigned RB = $clog2(RING_PIXELS);

  function automatic logic no_side(logic [15:0] v);
    return v == 16'd0 || v > 16'd8192;
  endfunction

  function automatic logic outside(logic [15:0] at, logic [15:0] len, logic [15:0] of);
    return len == 16'd0 || {1'b0, at} + {1'b0, len} > {1'b0, of};
  endfunction

  function automatic logic no_step(logic [63:0] v);
    return v == 64'd0 || v > 64'd1 << 45;
  endfunction

  function automatic logic wide(logic [31:0] v);
    return $signed(v) > 32'sd16777216 || $signed(v) < -32'sd16777216;
  endfunction

  logic bayer, deep, even_x, even_y;
  logic [1:0] pixel_bytes;
  logic [17:0] line_bytes, crop_bytes;
  logic known, planar3;
  always_comb begin
    bayer = regs.pixel >= 8'd16 && regs.pixel < 8'd28;
    deep = bayer && regs.pixel >= 8'd20;
    even_x = bayer || regs.pixel == 8'd1 || regs.pixel == 8'd3;
    even_y = bayer || regs.pixel == 8'd1;
    pixel_bytes = (regs.pixel == 8'd0) ? 2'd3 : (regs.pixel == 8'd3 || deep) ? 2'd2 : 2'd1;
    line_bytes = 18'(pixel_bytes) * 18'(regs.frame_w);
    crop_bytes = 18'(pixel_bytes) * 18'(regs.crop_w);
    planar3 = regs.layout == 8'd0 && regs.channels == 8'd0;
    case (regs.pixel)
      8'd0: known = FEATURES[F_RGB8];
      8'd1: known = FEATURES[F_NV12];
      8'd2: known = FEATURES[F_MONO8];
      8'd3: known = FEATURES[F_YUYV];
      default: known = bayer && (deep ? FEATURES[F_BAYER16] : FEATURES[F_BAYER8]);
    endcase
  end

  // One bit a rule, so that the reason can be seen in a waveform.
  logic [19:0] bad;
  always_ff @(posedge clk) begin
    bad[0] <= !known;
    bad[1] <= regs.layout > 8'd1 ||
        !(regs.layout[0] ? FEATURES[F_INTERLEAVED] : FEATURES[F_PLANAR]);
    bad[2] <= regs.resize > 8'd1 || (regs.resize[0] && !FEATURES[F_AREA]);
    bad[3] <= regs.channels > 8'd1 || (regs.channels[0] && !FEATURES[F_GREY]);
    bad[4] <= regs.element > 8'd2 || (regs.element == 8'd1 && !FEATURES[F_I8]) ||
        (regs.element == 8'd2 && !FEATURES[F_F16]);
    bad[5] <= (regs.kernel3 && !FEATURES[F_KERNEL3]) || regs.flat ||
        (regs.lut && (!FEATURES[F_LUT] || regs.pixel == 8'd1 || regs.pixel == 8'd3));
    bad[6] <= no_side(regs.frame_w) || (even_x && regs.frame_w[0]);
    bad[7] <= no_side(regs.frame_h) || (even_y && regs.frame_h[0]);
    bad[8] <= regs.stride < 32'(line_bytes) || regs.stride > 32'd65536;
    bad[9] <= outside(regs.crop_x, regs.crop_w, regs.frame_w);
    bad[10] <= outside(regs.crop_y, regs.crop_h, regs.frame_h);
    bad[11] <= (even_x && (regs.crop_x[0] || regs.crop_w[0])) ||
        (even_y && (regs.crop_y[0] || regs.crop_h[0]));
    bad[12] <= no_side(regs.width) || no_side(regs.height);
    bad[13] <= outside(regs.cont_x, regs.cont_w, regs.width);
    bad[14] <= outside(regs.cont_y, regs.cont_h, regs.height);
    bad[15] <= no_step(regs.step_x) || no_step(regs.step_y);
    bad[16] <= regs.resize == 8'd1 && (regs.step_x[63:32] == '0 || regs.step_y[63:32] == '0);
    bad[17] <= regs.element != 8'd2 &&
        (wide(regs.scale[0]) || wide(regs.scale[1]) || wide(regs.scale[2]));
    // A tensor has at most 255 packets: bands times planes.
    bad[18] <= regs.band_rows == 8'd0 || regs.band_rows > 8'd32 ||
        regs.height > 16'(regs.band_rows) * (planar3 ? 16'd85 : 16'd255);
    // Rows that the line buffers do not hold.
    bad[19] <= regs.crop_w > 16'(MAX_SIDE) || regs.cont_w > 16'(MAX_SIDE);
  end

  typedef enum logic [2:0] {
    IDLE,
    LOOK,
    MULTIPLY,
    JUDGE,
    DIVIDE,
    KEEP,
    ENDED
  } state_e;
  state_e state;

  // Products: 0 bytes of the crop, 1 and 2 the area's reach, 3 words of a band.
  logic [1:0] which;
  logic [5:0] count;
  logic [59:0] product, a;
  logic [13:0] b;
  // Quotients: (2^40 + n/2) / n, one bit of the dividend a clock.
  logic [40:0] dividend;
  logic [24:0] divisor;
  logic [24:0] rest;
  logic [29:0] quotient;
  logic [25:0] tried;
  logic [24:0] shortest, span;
  logic [27:0] more_bytes;

  assign row_words = 14'(regs.cont_w[15:RB]) + 14'(regs.cont_w[RB-1:0] != '0);
  assign more_bytes = product[27:0] + product[28:1];
  assign span = shortest + 25'(which[0]);
  assign tried = {rest, dividend[40]};
  assign shortest = which[1] ? regs.step_y[45:21] : regs.step_x[45:21];
  assign done = state == ENDED;

  logic [59:0] next_a;
  logic [13:0] next_b;
  always_comb begin
    unique case (which)
      2'd0: {next_a, next_b} = {60'(crop_bytes), regs.crop_h[13:0]};
      2'd1: {next_a, next_b} = {60'(regs.step_x[45:0]), regs.cont_w[13:0]};
      2'd2: {next_a, next_b} = {60'(regs.step_y[45:0]), regs.cont_h[13:0]};
      2'd3: {next_a, next_b} = {60'(row_words), 14'(regs.band_rows)};
    endcase
  end

  always_ff @(posedge clk) begin
    case (state)
      IDLE: ;
      LOOK: begin
        product <= '0;
        a <= next_a;
        b <= next_b;
        count <= 6'd14;
        state <= MULTIPLY;
      end
      MULTIPLY: begin
        if (b[0]) product <= product + a;
        a <= a << 1;
        b <= b >> 1;
        count <= count - 6'd1;
        if (count == 6'd1) state <= JUDGE;
      end
      JUDGE: begin
        unique case (which)
          2'd0: begin
            good <= bad == '0;
            frame_bytes <= regs.pixel == 8'd1 ? more_bytes : product[27:0];
          end
          2'd1: if (regs.resize[0] && product > {14'd0, regs.crop_w[13:0], 32'd0}) good <= 1'b0;
          2'd2: if (regs.resize[0] && product > {14'd0, regs.crop_h[13:0], 32'd0}) good <= 1'b0;
          // Three planes of a band are gathered, one plane flows through.
          2'd3: if (planar3 && product > 60'(RING_WORDS)) good <= 1'b0;
        endcase
        which <= which + 2'd1;
        state <= which != 2'd3 ? LOOK : (FEATURES[F_AREA] && regs.resize[0]) ? DIVIDE : ENDED;
        count <= 6'd0;
      end
      DIVIDE: begin
        // A span has one of two lengths, which differ by one: step is no multiple of 2^21.
        if (count == 6'd0) begin
          divisor <= span;
          dividend <= 41'h100_0000_0000 + 41'(span[24:1]);
          rest <= '0;
        end else begin
          rest <= tried >= {1'b0, divisor} ? tried[24:0] - divisor : tried[24:0];
          quotient <= {quotient[28:0], tried >= {1'b0, divisor}};
          dividend <= dividend << 1;
        end
        count <= count + 6'd1;
        if (count == 6'd41) state <= KEEP;
      end
      KEEP: begin
        inverse[which] <= quotient;
        which <= which + 2'd1;
        count <= '0;
        state <= which == 2'd3 ? ENDED : DIVIDE;
      end
      ENDED: ;
      default: state <= IDLE;
    endcase
    if (go) begin
      state <= LOOK;
      which <= '0;
    end
    if (rst) state <= IDLE;
  end
endmodule
