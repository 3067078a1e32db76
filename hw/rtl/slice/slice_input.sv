// Takes the packet of a job into the store, a beat a clock, and holds its length against `total`.
//
// `open` lets one packet through, to its end whatever its length; then `done` is high for one clock
// with `good`. Bytes beyond `total` are dropped.

module slice_input #(
    parameter int unsigned LANES = 8,
    parameter int unsigned ROW   = 13
) (
    input logic aclk,
    input logic rst,

    input  logic        open,
    input  logic [31:0] total,
    output logic        done,
    output logic        good,

    input logic [8*LANES-1:0] s_axis_tdata,
    input logic [LANES-1:0] s_axis_tkeep,
    input logic s_axis_tlast,
    input logic s_axis_tvalid,
    output logic s_axis_tready,

    output logic write,
    output logic [ROW-1:0] write_row,
    output logic [8*LANES-1:0] write_data
);
  logic busy;
  // Bytes before this beat; it stays where it is once it is beyond `total`.
  logic [31:0] taken;

  logic [31:0] bytes;
  always_comb begin
    bytes = '0;
    for (int i = 0; i < int'(LANES); i++) bytes = bytes + 32'(s_axis_tkeep[i]);
  end

  wire take = s_axis_tvalid && s_axis_tready;
  assign s_axis_tready = busy;
  assign write = take && taken < total;
  assign write_row = taken[ROW+$clog2(LANES)-1:$clog2(LANES)];
  assign write_data = s_axis_tdata;

  always_ff @(posedge aclk) begin
    if (rst) begin
      busy <= 1'b0;
      done <= 1'b0;
    end else begin
      busy <= open || (busy && !(take && s_axis_tlast));
      done <= take && s_axis_tlast;
    end
  end

  always_ff @(posedge aclk) begin
    if (open) taken <= '0;
    else if (take && taken <= total) taken <= taken + 32'(LANES);
    if (take && s_axis_tlast) good <= taken + bytes == total;
  end
endmodule : slice_input
