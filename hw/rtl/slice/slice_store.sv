// The packet of a job: LANES banks of bytes, written by rows, read by LANES bytes from any place.
//
// Two reads a clock while nothing is written. Port A reads bytes `a_at + j` or, with `a_wide`,
// `a_at + 9 * j` (weights of neighbouring channels of a 3x3 layer): 9 is odd, so the LANES bytes lie
// in as many banks. Port B reads `b_at + j`. Latency: three clocks of `en`. Addresses wrap.

module slice_store #(
    parameter int unsigned LANES = 8,
    parameter int unsigned STORE_BYTES = 65536,
    localparam int unsigned ADDRESS = $clog2(STORE_BYTES),
    localparam int unsigned BANK = $clog2(LANES)
) (
    input logic aclk,
    input logic en,

    input logic write,
    input logic [ADDRESS-BANK-1:0] write_row,
    input logic [8*LANES-1:0] write_data,

    input  logic [ADDRESS-1:0] a_at,
    input  logic               a_wide,
    output logic [8*LANES-1:0] a_data,
    input  logic [ADDRESS-1:0] b_at,
    output logic [8*LANES-1:0] b_data
);
  // Place of the first byte, and the order, on the way beside the data.
  logic [BANK-1:0] a_first[2];
  logic            a_wides[2];
  logic [BANK-1:0] b_first[2];

  logic [8*LANES-1:0] a_banks;
  logic [8*LANES-1:0] b_banks;

  // Which lane a bank serves: the inverse of bank = first + 9 * lane, as 9 * 9 is 1 modulo 16.
  function automatic logic [BANK-1:0] lane_of(input logic [BANK-1:0] bank,
                                              input logic [BANK-1:0] first, input logic wide);
    automatic logic [BANK-1:0] distance = bank - first;
    return wide ? BANK'(9 * 32'(distance)) : distance;
  endfunction

  function automatic logic [ADDRESS-BANK-1:0] row_of(input logic [ADDRESS-1:0] at);
    return (ADDRESS - BANK)'(at >> BANK);
  endfunction

  for (genvar bank = 0; bank < int'(LANES); bank++) begin : gen_bank
    (* ram_style = "block" *) logic [7:0] cells[STORE_BYTES/LANES];
    logic [ADDRESS-BANK-1:0] a_row;
    logic [ADDRESS-BANK-1:0] b_row;
    wire [BANK-1:0] a_lane = lane_of(BANK'(bank), a_at[BANK-1:0], a_wide);
    wire [BANK-1:0] b_lane = lane_of(BANK'(bank), b_at[BANK-1:0], 1'b0);
    wire [ADDRESS-1:0] a_step = a_wide ? ADDRESS'(9 * 32'(a_lane)) : ADDRESS'(a_lane);

    // Writes and reads of a job do not meet: the address of port A serves both.
    wire [ADDRESS-BANK-1:0] a_used = write ? write_row : a_row;
    always_ff @(posedge aclk) begin
      if (write) cells[a_used] <= write_data[8*bank+:8];
      else if (en) a_banks[8*bank+:8] <= cells[a_used];
    end
    always_ff @(posedge aclk) begin
      if (en) b_banks[8*bank+:8] <= cells[b_row];
    end
    always_ff @(posedge aclk) begin
      if (en) begin
        a_row <= row_of(a_at + a_step);
        b_row <= row_of(b_at + ADDRESS'(b_lane));
      end
    end
  end

  always_ff @(posedge aclk) begin
    if (en) begin
      a_first <= '{a_at[BANK-1:0], a_first[0]};
      a_wides <= '{a_wide, a_wides[0]};
      b_first <= '{b_at[BANK-1:0], b_first[0]};
    end
  end

  // Into the order of lanes.
  for (genvar lane = 0; lane < int'(LANES); lane++) begin : gen_lane
    wire [BANK-1:0] step = a_wides[1] ? BANK'(9 * lane) : BANK'(lane);
    wire [BANK-1:0] a_bank = a_first[1] + step;
    wire [BANK-1:0] b_bank = b_first[1] + BANK'(lane);
    always_ff @(posedge aclk) begin
      if (en) begin
        a_data[8*lane+:8] <= a_banks[8*32'(a_bank)+:8];
        b_data[8*lane+:8] <= b_banks[8*32'(b_bank)+:8];
      end
    end
  end
endmodule : slice_store
