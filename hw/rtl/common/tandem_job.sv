// The job protocol of a kernel: START is a counter, DONE follows it, ACK follows DONE.
//
// A job is taken when none runs and START differs from the number of the last one taken; `begin_job`
// is high for that clock, in which the kernel samples its parameters. `run` is high from the next
// clock until the kernel ends the job with `end_job` and a code; it may do so in the first clock of
// `run`. A START that is written meanwhile waits. CTRL.RESET holds the kernel: `rst` is high, no job
// runs, and all numbers are 0; the register block holds START and ACK at 0 then.
// Latency: a write of START to `begin_job` 1 clock, `end_job` to DONE, STATUS and irq 1 clock.

module tandem_job (
    input logic aclk,
    input logic aresetn,

    input  logic [31:0] start_count,
    input  logic [31:0] ack_count,
    input  logic        ctrl_irq_en,
    input  logic        ctrl_reset,
    output logic [31:0] done_count,
    output logic [ 7:0] status_code,
    output logic        irq,

    output logic       rst,
    output logic       begin_job,
    output logic       run,
    input  logic       end_job,
    input  logic [7:0] end_code
);
  logic [31:0] job;

  assign rst = !aresetn || ctrl_reset;
  assign begin_job = !rst && !run && start_count != job;
  assign irq = ctrl_irq_en && done_count != ack_count;

  always_ff @(posedge aclk) begin
    if (rst) begin
      job         <= '0;
      run         <= 1'b0;
      done_count  <= '0;
      status_code <= '0;
    end else if (begin_job) begin
      job <= start_count;
      run <= 1'b1;
    end else if (run && end_job) begin
      run         <= 1'b0;
      done_count  <= job;
      status_code <= end_code;
    end
  end
endmodule : tandem_job
