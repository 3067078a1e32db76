// Reject gate: a reject is scheduled when the trigger fires; a verdict can only cancel it.
//
// Registers: hw/regs/gate.rdl, behind AXI4-Lite. `time_ns` are nanoseconds since the logic was
// loaded; it advances by the period of `aclk` in each clock and never goes back. What a time means in
// clocks: something due at D happens in the first clock whose `time_ns` is at or behind D. Due in
// counts of the encoder it happens in the clock in which the position comes there.
//
// `reject_pin` is REJECT_LEVEL for "reject", also before and in a reset; the board pulls it there
// while the logic is not configured or has no power, so only a working gate lets a part pass. The
// levels are parameters, not registers: no software can turn them round.
// Latency: a part's edge at `trigger_pin` to its stamp three clocks and the debouncing;
// `time_ns` at the due time to `reject_pin` two clocks; an encoder's edge to `reject_pin` six clocks
// and its filter; a register write to its effect one clock,
// as the register block says. Throughput: a part every clock, a cancel every register write.

module tandem_gate #(
    parameter bit TRIGGER_LEVEL = 1,
    parameter bit REJECT_LEVEL = 1
) (
    input logic aclk,
    input logic aresetn,
    output logic irq,

    input logic [63:0] time_ns,
    input logic        trigger_pin,
    input logic        encoder_a_pin,
    input logic        encoder_b_pin,
    output logic       reject_pin,
    output logic       line_ready_pin,

    input  logic [11:0] s_axil_awaddr,
    input  logic        s_axil_awvalid,
    output logic        s_axil_awready,
    input  logic [31:0] s_axil_wdata,
    input  logic [ 3:0] s_axil_wstrb,
    input  logic        s_axil_wvalid,
    output logic        s_axil_wready,
    output logic [ 1:0] s_axil_bresp,
    output logic        s_axil_bvalid,
    input  logic        s_axil_bready,
    input  logic [11:0] s_axil_araddr,
    input  logic        s_axil_arvalid,
    output logic        s_axil_arready,
    output logic [31:0] s_axil_rdata,
    output logic [ 1:0] s_axil_rresp,
    output logic        s_axil_rvalid,
    input  logic        s_axil_rready
);
  import tandem_regs_gate_pkg::*;

  localparam int DEPTH = CAPS_DEPTH;

  q_t q;
  w_t w;
  d_t d;
  logic [31:0] wdata;

  tandem_regs_gate regs (
      .aclk,
      .aresetn,
      .s_axil_awaddr,
      .s_axil_awvalid,
      .s_axil_awready,
      .s_axil_wdata,
      .s_axil_wstrb,
      .s_axil_wvalid,
      .s_axil_wready,
      .s_axil_bresp,
      .s_axil_bvalid,
      .s_axil_bready,
      .s_axil_araddr,
      .s_axil_arvalid,
      .s_axil_arready,
      .s_axil_rdata,
      .s_axil_rresp,
      .s_axil_rvalid,
      .s_axil_rready,
      .q,
      .w,
      .wdata,
      .d
  );

  // --- Settings with rules of their own: an epoch only where there is none, no delay and no pulse
  // of 0, and both words of a pair at once. -----------------------------------------------------
  logic hold;
  logic [31:0] epoch;
  logic [31:0] delay_low;
  logic [31:0] pulse_low;
  logic [63:0] delay;
  logic [63:0] pulse;
  logic counts;
  logic reverse;
  logic turns_unit;
  assign hold = q.ctrl_reset;
  // Parts keep their unit: it stays as it is while there is an epoch.
  assign turns_unit = w.encoder && epoch == '0;

  always_ff @(posedge aclk) begin
    if (!aresetn || hold) epoch <= '0;
    else if (w.epoch && epoch == '0) epoch <= wdata;
  end

  always_ff @(posedge aclk) begin
    if (!aresetn) begin
      delay_low <= '0;
      pulse_low <= '0;
      delay     <= '0;
      pulse     <= '0;
      counts    <= 1'b0;
      reverse   <= 1'b0;
    end else begin
      if (turns_unit) begin
        counts  <= wdata[0];
        reverse <= wdata[1];
        // So many nanoseconds are not so many counts.
        if (wdata[0] != counts) delay <= '0;
      end
      if (w.delay_lo) delay_low <= wdata;
      if (w.pulse_lo) pulse_low <= wdata;
      if (w.delay_hi && {wdata, delay_low} != '0) delay <= {wdata, delay_low};
      if (w.pulse_hi && {wdata, pulse_low} != '0) pulse <= {wdata, pulse_low};
    end
  end

  // --- A cancel is a new value of CANCEL_GO; the register is held at 0 with the gate. -----------
  logic [31:0] last_go;
  always_ff @(posedge aclk) begin
    if (!aresetn || hold) last_go <= '0;
    else last_go <= q.cancel_go;
  end

  // --- The heartbeat is alive while it changes often enough. -----------------------------------
  logic [31:0] last_beat;
  logic [63:0] beat_at;
  logic alive;
  always_ff @(posedge aclk) begin
    if (!aresetn) begin
      last_beat <= '0;
      beat_at   <= '0;
      alive     <= 1'b0;
    end else begin
      last_beat <= q.heartbeat;
      if (q.heartbeat != last_beat) beat_at <= time_ns;
      alive <= q.heartbeat_limit == '0 || q.heartbeat != last_beat ||
          time_ns - beat_at < 64'(q.heartbeat_limit);
    end
  end

  // --- The time and the position of one clock, for who keeps another clock. ---------------------
  logic [31:0] last_sample;
  logic [63:0] sample_time;
  logic [63:0] sample_position;
  logic [63:0] position;
  logic slip;
  always_ff @(posedge aclk) begin
    if (!aresetn) begin
      last_sample     <= '0;
      sample_time     <= '0;
      sample_position <= '0;
    end else begin
      last_sample <= q.sample;
      if (q.sample != last_sample) begin
        sample_time     <= time_ns;
        sample_position <= position;
      end
    end
  end

  tandem_gate_encoder encoder (
      .aclk,
      .aresetn,
      .pin_a(encoder_a_pin),
      .pin_b(encoder_b_pin),
      .now(time_ns[31:0]),
      .filter(q.encoder_filter),
      .reverse,
      .position,
      .slip
  );

  // --- The scheduler. A part is a believed change to TRIGGER_LEVEL. After a reset the pin counts as
  // idle, so a part that stands in the beam then is one trigger: a part too many is rejected, not one
  // too few. ------------------------------------------------------------------------------------
  logic part;
  logic was_part;
  logic trigger;
  logic reject;
  logic line_ready;
  logic [31:0] count;
  logic [$clog2(DEPTH):0] pending;
  logic [63:0] show_at;
  logic [63:0] show_due;
  logic [63:0] show_position;

  tandem_gate_input #(
      .LEVEL(TRIGGER_LEVEL)
  ) trigger_input (
      .aclk,
      .aresetn,
      .pin(trigger_pin),
      .now(time_ns[31:0]),
      .debounce(q.debounce),
      .level(part)
  );
  always_ff @(posedge aclk) was_part <= part;
  assign trigger = part && !was_part;

  tandem_gate_core #(
      .DEPTH(DEPTH),
      .TIME (64),
      .TAG  (32),
      .COUNT(32)
  ) core (
      .aclk,
      .aresetn,
      .hold,
      .now(time_ns),
      .counts,
      .position,
      .slip,
      .limit(64'(q.encoder_limit)),
      .delay,
      .pulse,
      .configured(epoch != '0 && delay != '0 && pulse != '0),
      .trigger,
      .cancel(q.cancel_go != last_go && !hold),
      .cancel_epoch_matches(q.cancel_epoch == epoch && epoch != '0),
      .cancel_tag(q.cancel_tag),
      .reject,
      .line_ready,
      .lost(d.status_encoder_lost),
      .count,
      .pending,
      .show(q.trig_ack[$clog2(DEPTH)-1:0]),
      .show_at,
      .show_position,
      .show_due,
      .outcome(d.cancel_result_code),
      .passed(d.passed),
      .rejected(d.rejected),
      .cancelled(d.cancelled),
      .late(d.late),
      .wrong_epoch(d.wrong_epoch),
      .unknown(d.unknown),
      .overrun(d.overrun),
      .unready(d.unready),
      .slips(d.slips),
      .doubts(d.doubts)
  );

  // --- What is read, and the pins. -------------------------------------------------------------
  logic [31:0] unread;
  logic shows;
  logic filled;
  assign unread = count - q.trig_ack;
  // Else there is nothing to show: no such trigger yet, or overwritten, or, with an acknowledge
  // that is ahead, none before the first. Numbers wrap once the ring was filled.
  assign shows = unread != '0 && unread <= 32'(DEPTH) && (filled || q.trig_ack < count);
  always_ff @(posedge aclk) begin
    if (!aresetn || hold) filled <= 1'b0;
    else if (count >= 32'(DEPTH)) filled <= 1'b1;
  end
  always_comb begin
    d.epoch             = epoch;
    d.trig_count        = count;
    d.status_line_ready = line_ready && alive;
    d.status_pending    = 8'(pending);
    d.delay             = {delay[63:32], delay_low};
    d.pulse             = {pulse[63:32], pulse_low};
    // Tags begin at 1 with each epoch, as the count of triggers does.
    d.trig_tag          = shows ? q.trig_ack + 1'b1 : '0;
    d.trig_at           = shows ? show_at : '0;
    d.trig_due          = shows ? show_due : '0;
    d.trig_position     = shows ? show_position : '0;
    d.encoder_unit      = counts;
    d.encoder_reverse   = reverse;
    d.sample_time       = sample_time;
    d.sample_position   = sample_position;
  end

  always_ff @(posedge aclk) begin
    if (!aresetn) irq <= 1'b0;
    else irq <= q.ctrl_irq_en && unread != '0;
  end

  // Configured to REJECT_LEVEL, and from there on by flip-flops: no glitch is a pulse or a gap.
  logic reject_q = REJECT_LEVEL;
  logic ready_q = 1'b0;
  always_ff @(posedge aclk) begin
    if (!aresetn) begin
      reject_q <= REJECT_LEVEL;
      ready_q  <= 1'b0;
    end else begin
      reject_q <= reject ? REJECT_LEVEL : !REJECT_LEVEL;
      ready_q  <= line_ready && alive;
    end
  end
  assign reject_pin = reject_q;
  assign line_ready_pin = ready_q;
endmodule : tandem_gate
