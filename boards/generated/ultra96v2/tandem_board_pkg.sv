// Made from boards/ultra96v2.toml by `cargo xtask boards`: do not edit.
package tandem_board_pkg;
  localparam logic [31:0] DMA_PRE_BASE = 32'h80000000;
  localparam logic [31:0] DMA_PRE_SIZE = 32'h00010000;
  localparam logic [31:0] DMA_POST_BASE = 32'h80010000;
  localparam logic [31:0] DMA_POST_SIZE = 32'h00010000;
  localparam logic [31:0] PRE_BASE = 32'h80020000;
  localparam logic [31:0] PRE_SIZE = 32'h00010000;
  localparam logic [31:0] POST_BASE = 32'h80030000;
  localparam logic [31:0] POST_SIZE = 32'h00010000;
  localparam logic [31:0] GATE_BASE = 32'h80040000;
  localparam logic [31:0] GATE_SIZE = 32'h00010000;
  localparam int CLOCK_MHZ = 200;
  localparam int GATE_CLOCK_MHZ = 100;
  localparam logic [63:0] GATE_STEP = 64'd42949672960;
  localparam int DMA_LENGTH_BITS = 26;
  localparam int PRE_MM2S_BITS = 128;
  localparam int PRE_MM2S_BEATS = 8;
  localparam bit PRE_MM2S_COHERENT = 1'b1;
  localparam int PRE_S2MM_BITS = 128;
  localparam int PRE_S2MM_BEATS = 8;
  localparam bit PRE_S2MM_COHERENT = 1'b1;
  localparam int POST_MM2S_BITS = 128;
  localparam int POST_MM2S_BEATS = 8;
  localparam bit POST_MM2S_COHERENT = 1'b1;
  localparam int POST_S2MM_BITS = 128;
  localparam int POST_S2MM_BEATS = 8;
  localparam bit POST_S2MM_COHERENT = 1'b1;
endpackage
