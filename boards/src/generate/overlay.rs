//! The part of the device tree that comes and goes with the programmable logic.

use super::{banner, linux::cells};
use crate::Board;

/// Clock numbers of the processing system (`xlnx-zynqmp-clk.h`).
const PL0_REF: u32 = 71;
const PL1_REF: u32 = 72;

/// Overlay for the region `fpga_full` of the vendor's kernels: the image, the clocks that the logic
/// runs on, and its registers for diagnosis. No driver of Linux takes the DMA engines and their
/// interrupts: they are the R5F's. `None` for a board without silicon.
pub(super) fn logic(board: &Board) -> Option<String> {
    let device = board.device.as_ref()?;
    board.linux.as_ref()?;
    let pl = &board.pl;
    let maps = [
        ("dma_pre", pl.dma_pre),
        ("dma_post", pl.dma_post),
        ("pre", pl.pre),
        ("post", pl.post),
        ("gate", pl.gate),
    ];
    let first = maps.iter().map(|(_, range)| range.base).min().unwrap_or_default();
    // The node's address is that of its first entry.
    let mut maps = maps;
    maps.sort_by_key(|(_, range)| range.base);
    let reg: Vec<_> = maps.iter().map(|(_, range)| cells(*range)).collect();
    let names: Vec<_> = maps.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let clock = |name: &str, id: u32, mhz: u32| {
        format!(
            "\n\ttandem-{name} {{\n\t\tcompatible = \"xlnx,fclk\";\n\t\tclocks = <&zynqmp_clk {id}>;\n\
             \t\tassigned-clocks = <&zynqmp_clk {id}>;\n\t\tassigned-clock-rates = <{}>;\n\t}};\n",
            mhz * 1_000_000
        )
    };
    Some(format!(
        "/dts-v1/;
/plugin/;
/* {} */

&fpga_full {{
	#address-cells = <2>;
	#size-cells = <2>;
	firmware-name = \"tandem-{}.bit.bin\";
{}{}
	tandem-pl@{first:x} {{
		compatible = \"generic-uio\";
		reg = {};
		reg-names = {};
	}};
}};
",
        banner(board),
        board.name,
        clock("clock", PL0_REF, device.clock_mhz),
        clock("gate-clock", PL1_REF, device.gate_clock_mhz),
        reg.join(",\n\t\t      "),
        names.join(", "),
    ))
}
