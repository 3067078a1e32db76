//! Parameters for simulations and wrappers in SystemVerilog; Vivado's scripts take the same numbers
//! from `tandem-bitstream plan`.

use super::banner;
use crate::Board;
use std::fmt::Write as _;

/// `None` for a board without silicon.
pub(super) fn package(board: &Board) -> Option<String> {
    let device = board.device.as_ref()?;
    let pl = &board.pl;
    let mut text = format!("// {}\npackage tandem_board_pkg;\n", banner(board));
    for (name, range) in [
        ("DMA_PRE", pl.dma_pre),
        ("DMA_POST", pl.dma_post),
        ("PRE", pl.pre),
        ("POST", pl.post),
        ("GATE", pl.gate),
    ] {
        // A string takes all.
        let _ = writeln!(text, "  localparam logic [31:0] {name}_BASE = 32'h{:08x};", range.base);
        let _ = writeln!(text, "  localparam logic [31:0] {name}_SIZE = 32'h{:08x};", range.size);
    }
    let _ = writeln!(text, "  localparam int CLOCK_MHZ = {};", device.clock_mhz);
    let _ = writeln!(text, "  localparam int GATE_CLOCK_MHZ = {};", device.gate_clock_mhz);
    let _ = writeln!(text, "  localparam logic [63:0] GATE_STEP = 64'd{};", device.gate_step());
    let _ = writeln!(text, "  localparam int DMA_LENGTH_BITS = {};", device.dma_length_bits);
    for stream in &board.streams {
        let name = stream.name.replace(|c: char| !c.is_ascii_alphanumeric(), "_").to_uppercase();
        let _ = writeln!(text, "  localparam int {name}_BITS = {};", stream.width_bits);
        let _ = writeln!(text, "  localparam int {name}_BEATS = {};", stream.burst_beats);
        let coherent = u8::from(stream.coherent);
        let _ = writeln!(text, "  localparam bit {name}_COHERENT = 1'b{coherent};");
    }
    text.push_str("endpackage\n");
    Some(text)
}
