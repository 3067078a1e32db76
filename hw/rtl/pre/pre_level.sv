// Samples to 8 bits: through the tables of the sample lookup, or rounded; what is neither deep nor
// looked up passes.
//
// Deep samples are in the low 12 bits of a lane. Each lane has the three tables for itself, two
// entries a word. `table_*` writes them. Handshake: valid/ready, both stages move together. Latency
// two clocks, throughput one group a clock.
module pre_level
  import tandem_pre_pkg::*;
#(
    parameter int unsigned LANES = 4,
    parameter bit DEEP = 1'b1,
    parameter bit LOOKUP = 1'b1
) (
    input logic clk,
    input logic rst,
    // Of the job a module takes what it needs.
    // verilator lint_off UNUSEDSIGNAL
    input pre_job_t job,
    // verilator lint_on UNUSEDSIGNAL

    // Without tables nobody looks at what would be written to them.
    // verilator lint_off UNUSEDSIGNAL
    input logic table_write,
    input logic [1:0] table_colour,
    input logic [10:0] table_pair,
    input logic [15:0] table_entries,
    // verilator lint_on UNUSEDSIGNAL

    input logic i_valid,
    output logic i_ready,
    input logic [LANES-1:0][23:0] i_lanes,
    input logic [$clog2(LANES+1)-1:0] i_count,
    input logic i_eol,

    output logic o_valid,
    input logic o_ready,
    output logic [LANES-1:0][2:0][7:0] o_pixels,
    output logic [$clog2(LANES+1)-1:0] o_count,
    output logic o_eol
);
  localparam int unsigned NW = $clog2(LANES + 1);

  logic enable, valid, eol;
  logic [NW-1:0] count;
  logic [LANES-1:0][23:0] plain;
  assign enable = !o_valid || o_ready;
  assign i_ready = enable;

  // Place among the first two by two samples.
  logic row, row1, column, column1;
  always_ff @(posedge clk) begin
    if (enable) begin
      valid <= i_valid;
      count <= i_count;
      eol <= i_eol;
      plain <= i_lanes;
      {row1, column1} <= {row, column};
      o_valid <= valid;
      o_count <= count;
      o_eol <= eol;
      if (i_valid) begin
        column <= i_eol ? 1'b0 : column ^ (LANES == 1);
        row <= row ^ i_eol;
      end
    end
    if (rst) begin
      valid <= 1'b0;
      o_valid <= 1'b0;
      row <= 1'b0;
      column <= 1'b0;
    end
  end

  // Half up; what would round to 256 is 255.
  function automatic logic [7:0] level(logic [11:1] word, logic twelve);
    logic [8:0] sum;
    sum = twelve ? {1'b0, word[11:4]} + 9'(word[3]) : {1'b0, word[9:2]} + 9'(word[1]);
    return sum[8] ? 8'd255 : sum[7:0];
  endfunction

  for (genvar l = 0; l < int'(LANES); l++) begin : g_lane
    logic [2:0][7:0] looked_up, pixel;
    logic [1:0] colour;
    // Red 0, green 1, blue 2.
    assign colour = 2'((column1 ^ 1'(l % 2)) != job.red_x) + 2'(row1 != job.red_y);
    if (LOOKUP) begin : g_lookup
      for (genvar c = 0; c < 3; c++) begin : g_table
        logic [11:1] sample;
        logic [15:0] entries;
        always_comb begin
          sample = {4'd0, job.rgb ? i_lanes[l][8*c+1+:7] : i_lanes[l][7:1]};
          if (DEEP && job.deep) sample = {i_lanes[l][11:10] & {2{job.deep12}}, i_lanes[l][9:1]};
        end
        pre_ram #(
            .WIDTH(16),
            .DEPTH(2048)
        ) i_table (
            .clk,
            .write(table_write && table_colour == 2'(c)),
            .write_at(table_pair),
            .write_data(table_entries),
            .read(enable),
            .read_at(sample),
            .read_data(entries)
        );
        assign looked_up[c] = plain[l][job.rgb?8*c : 0] ? entries[15:8] : entries[7:0];
      end
    end else begin : g_no_lookup
      assign looked_up = '0;
    end
    always_comb begin
      pixel = plain[l];
      if (DEEP && job.deep) pixel[0] = level(plain[l][11:1], job.deep12);
      if (LOOKUP && job.lut) begin
        pixel = looked_up;
        if (job.mono) pixel = {3{looked_up[0]}};
        if (job.bayer) pixel[0] = looked_up[colour];
      end
    end
    always_ff @(posedge clk) begin
      if (enable) o_pixels[l] <= pixel;
    end
  end
endmodule
