// The manager may do anything that AXI4-Lite allows it.

module prove_axil (
    input logic aclk,
    input logic aresetn,
    input logic [11:0] s_axil_awaddr,
    input logic s_axil_awvalid,
    input logic [31:0] s_axil_wdata,
    input logic [3:0] s_axil_wstrb,
    input logic s_axil_wvalid,
    input logic s_axil_bready,
    input logic [11:0] s_axil_araddr,
    input logic s_axil_arvalid,
    input logic s_axil_rready,
    input logic wknown,
    input logic rknown,
    input logic [31:0] rword
);
  logic s_axil_awready;
  logic s_axil_wready;
  logic [1:0] s_axil_bresp;
  logic s_axil_bvalid;
  logic s_axil_arready;
  logic [31:0] s_axil_rdata;
  logic [1:0] s_axil_rresp;
  logic s_axil_rvalid;
  logic write;
  logic [11:0] waddr;
  logic [31:0] wdata;
  logic [11:0] raddr;

  tandem_axil dut (.*);

  logic started = 1'b0;
  logic [47:0] awas;
  logic aw_held;
  logic w_held;
  logic [35:0] wwas;
  logic ar_held;
  logic [11:0] arwas;
  logic b_held;
  logic [1:0] bwas;
  logic r_held;
  logic [33:0] rwas;
  // Accesses that were taken and not answered, and what their answers must be.
  logic writing;
  logic write_good;
  logic reading;
  logic [33:0] read_answer;

  always_ff @(posedge aclk) begin
    started <= 1'b1;
    aw_held <= aresetn && s_axil_awvalid && !s_axil_awready;
    awas    <= 48'(s_axil_awaddr);
    w_held  <= aresetn && s_axil_wvalid && !s_axil_wready;
    wwas    <= {s_axil_wstrb, s_axil_wdata};
    ar_held <= aresetn && s_axil_arvalid && !s_axil_arready;
    arwas   <= s_axil_araddr;
    b_held  <= aresetn && s_axil_bvalid && !s_axil_bready;
    bwas    <= s_axil_bresp;
    r_held  <= aresetn && s_axil_rvalid && !s_axil_rready;
    rwas    <= {s_axil_rresp, s_axil_rdata};
    if (!aresetn) begin
      writing <= 1'b0;
      reading <= 1'b0;
    end else begin
      if (s_axil_awvalid && s_axil_awready) writing <= 1'b1;
      else if (s_axil_bvalid && s_axil_bready) writing <= 1'b0;
      if (s_axil_arvalid && s_axil_arready) reading <= 1'b1;
      else if (s_axil_rvalid && s_axil_rready) reading <= 1'b0;
    end
    write_good <= s_axil_awready ? wknown && s_axil_wstrb == 4'hf : write_good;
    if (s_axil_arready) read_answer <= {rknown ? 2'b00 : 2'b10, rword};
  end

  always_comb begin
    if (!started) assume (!aresetn);
    if (started && aw_held) assume (s_axil_awvalid && s_axil_awaddr == awas[11:0]);
    if (started && w_held) assume (s_axil_wvalid && {s_axil_wstrb, s_axil_wdata} == wwas);
    if (started && ar_held) assume (s_axil_arvalid && s_axil_araddr == arwas);
    if (started && aresetn) begin
      // Address and data are taken in one clock, and only when both are there.
      assert (s_axil_awready == s_axil_wready);
      if (s_axil_awready) assert (s_axil_awvalid && s_axil_wvalid && !writing);
      if (s_axil_arready) assert (s_axil_arvalid && !reading);
      // A register changes once an access, with the access's word, if it may.
      assert (write == (s_axil_awready && wknown && s_axil_wstrb == 4'hf));
      if (write) assert (waddr == s_axil_awaddr && wdata == s_axil_wdata);
      // One answer an access, and none without.
      assert (s_axil_bvalid == writing);
      if (writing) assert (s_axil_bresp == (write_good ? 2'b00 : 2'b10));
      assert (s_axil_rvalid == reading);
      if (reading) assert ({s_axil_rresp, s_axil_rdata} == read_answer);
      if (b_held) assert (s_axil_bvalid && s_axil_bresp == bwas);
      if (r_held) assert (s_axil_rvalid && {s_axil_rresp, s_axil_rdata} == rwas);
      // The induction: READY was raised for a VALID that stays.
      if (dut.wtake) assert (aw_held && w_held);
      if (dut.rtake) assert (ar_held);
    end
  end
endmodule : prove_axil
