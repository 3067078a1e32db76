// What the gate's modules share.

package tandem_gate_pkg;
  // How far the oldest place of the ring has got.
  typedef enum logic [1:0] {
    // Its part is not due yet.
    WAITING,
    // Its part has passed the gate; untracked ones are still to come.
    PASSED,
    // The line is held for its untracked parts.
    HOLDING
  } stage_t;

  import tandem_regs_gate_pkg::*;
  localparam logic [7:0] CANCEL_NOTHING = CANCEL_CODE_NOTHING;
  localparam logic [7:0] CANCEL_CANCELLED = CANCEL_CODE_CANCELLED;
  localparam logic [7:0] CANCEL_TOO_LATE = CANCEL_CODE_TOOLATE;
  localparam logic [7:0] CANCEL_WRONG_EPOCH = CANCEL_CODE_WRONGEPOCH;
  localparam logic [7:0] CANCEL_UNKNOWN_TAG = CANCEL_CODE_UNKNOWNTAG;
endpackage : tandem_gate_pkg
