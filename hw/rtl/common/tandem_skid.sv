// Skid buffer: cuts every path of a handshake.
//
// Both sides are registered: neither `s_ready` nor `m_valid` and `m_data` depend on an input of the
// same clock. `m_valid` stays and `m_data` does not change until `m_ready`.
// Latency: one clock. Throughput: one word a clock. Holds two words.

module tandem_skid #(
    parameter int WIDTH = 8
) (
    input logic aclk,
    input logic aresetn,

    input  logic [WIDTH-1:0] s_data,
    input  logic             s_valid,
    output logic             s_ready,

    output logic [WIDTH-1:0] m_data,
    output logic             m_valid,
    input  logic             m_ready
);
  // The second word. It is only in use while the first one waits, which is when `s_ready` is low.
  logic [WIDTH-1:0] spare;

  always_ff @(posedge aclk) begin
    if (!aresetn) begin
      m_valid <= 1'b0;
      s_ready <= 1'b0;
    end else begin
      if (m_ready || !m_valid) m_valid <= !s_ready && m_valid || s_valid && s_ready;
      // A word that finds the first place taken goes into the second, and no other is let in.
      s_ready <= m_ready || !m_valid || (s_ready && !s_valid);
    end
  end

  always_ff @(posedge aclk) begin
    if (s_ready) spare <= s_data;
    if (m_ready || !m_valid) m_data <= s_ready ? s_data : spare;
  end
endmodule : tandem_skid
