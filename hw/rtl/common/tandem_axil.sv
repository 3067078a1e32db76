// AXI4-Lite subordinate in front of a register block.
//
// Handshake: address and data of a write are taken together, in one clock, when both are valid and
// the last answer was taken; `write` is high in that clock if the access may change something. A
// read likewise. READY is registered and never high without VALID, so no path runs through.
// Latency: READY one clock after VALID, the answer one clock after READY.
// Throughput: one write and one read every three clocks, which is more than a processor does.
//
// `wknown` and `rknown` say in the same clock whether a register is at `waddr` and `raddr`.

module tandem_axil (
    input  logic        aclk,
    input  logic        aresetn,
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
    input  logic        s_axil_rready,

    output logic        write,
    output logic [11:0] waddr,
    output logic [31:0] wdata,
    input  logic        wknown,
    output logic [11:0] raddr,
    input  logic        rknown,
    input  logic [31:0] rword
);
  localparam logic [1:0] OKAY = 2'b00;
  localparam logic [1:0] SLVERR = 2'b10;

  logic wtake;
  logic rtake;
  logic wgood;

  assign s_axil_awready = wtake;
  assign s_axil_wready  = wtake;
  assign s_axil_arready = rtake;

  // A register is a whole word: half of one is nobody's intention.
  assign wgood = wknown && s_axil_wstrb == '1;
  assign write = wtake && wgood;
  assign waddr = s_axil_awaddr;
  assign wdata = s_axil_wdata;
  assign raddr = s_axil_araddr;

  // While READY is high, VALID is too: the other side may not take it back.
  always_ff @(posedge aclk) begin
    if (!aresetn) begin
      wtake         <= 1'b0;
      s_axil_bvalid <= 1'b0;
      rtake         <= 1'b0;
      s_axil_rvalid <= 1'b0;
    end else begin
      wtake <= s_axil_awvalid && s_axil_wvalid && !wtake && !s_axil_bvalid;
      if (wtake) s_axil_bvalid <= 1'b1;
      else if (s_axil_bready) s_axil_bvalid <= 1'b0;
      rtake <= s_axil_arvalid && !rtake && !s_axil_rvalid;
      if (rtake) s_axil_rvalid <= 1'b1;
      else if (s_axil_rready) s_axil_rvalid <= 1'b0;
    end
  end

  always_ff @(posedge aclk) begin
    if (wtake) s_axil_bresp <= wgood ? OKAY : SLVERR;
    if (rtake) begin
      s_axil_rresp <= rknown ? OKAY : SLVERR;
      s_axil_rdata <= rword;
    end
  end
endmodule : tandem_axil
