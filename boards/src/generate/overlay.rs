//! The part of the device tree that comes and goes with the programmable logic.

use super::{Output, banner, linux::cells};
use crate::ports::{Port, Stream};
use crate::{Board, BoardError};

/// Clock numbers of the processing system (`xlnx-zynqmp-clk.h`).
const PL0_REF: u32 = 71;
const PL1_REF: u32 = 72;
/// Reset number of `pl_resetn0` (`xlnx-zynqmp-resets.h`).
const PL0_RESET: u32 = 116;

/// What the loader of a Kria board, dfx-mgr (`xmutil`), wants in `/lib/firmware/xilinx/APP/`, but for
/// the image: `APP.dtso`, which dtc makes `APP.dtbo` of, and `shell.json`. The image is
/// `APP.bit.bin`, a bitstream as `tandem-bitstream pack` writes it, which takes Vivado to make.
///
/// # Errors
/// [`BoardError::Value`] for a name that is none of a folder, or a board without silicon.
pub fn package(board: &Board, app: &str) -> Result<Vec<Output>, BoardError> {
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    let bad = |field: &str, value: &str, rule| BoardError::Value {
        file: format!("board {}", board.name),
        field: field.into(),
        value: value.into(),
        rule,
    };
    if app.is_empty() || !app.bytes().all(plain) {
        return Err(bad("package", app, "must be letters, digits, '-', '_'"));
    }
    let text = logic(board, &format!("{app}.bit.bin"));
    let text = text.ok_or_else(|| bad("device", "none", "a bitstream needs a board of silicon"))?;
    // Nothing is swapped while it runs: one design, no slots in it.
    let shell = "{\n    \"shell_type\": \"PL_FLAT\",\n    \"num_pl_slots\": 0\n}\n";
    Ok(vec![
        Output { name: format!("{app}.dtso"), text },
        Output { name: "shell.json".into(), text: shell.into() },
    ])
}

/// Overlay for the region `fpga_full` of the vendor's kernels: the image, the clocks that the logic
/// runs on, and its registers for diagnosis. No driver of Linux takes the DMA engines and their
/// interrupts: they are the R5F's. `None` for a board without silicon.
pub(super) fn logic(board: &Board, image: &str) -> Option<String> {
    let device = board.device.as_ref()?;
    board.linux.as_ref()?;
    let mut maps = board.pl.windows();
    maps.sort_by_key(|(_, range)| range.base);
    // The node's address is that of its first entry.
    let first = maps[0].1.base;
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
	firmware-name = \"{image}\";
	resets = <&zynqmp_reset {PL0_RESET}>;

	/* Width of the ports in use, reading and writing: 0 128 bits, 1 64, 2 32. */
	tandem-ports {{
		compatible = \"xlnx,afi-fpga\";
		config-afi = {};
	}};
{}{}
	tandem-pl@{first:x} {{
		compatible = \"generic-uio\";
		reg = {};
		reg-names = {};
	}};
}};
",
        banner(board),
        ports(&board.streams).join(", "),
        clock("clock", PL0_REF, device.clock_mhz),
        clock("gate-clock", PL1_REF, device.gate_clock_mhz),
        reg.join(",\n\t\t      "),
        names.join(", "),
    ))
}

/// Settings of the ports that streams use; the port of the registers keeps its 32 bits.
fn ports(streams: &[Stream]) -> Vec<String> {
    let mut settings = Vec::new();
    for port in Port::ALL {
        let Some(stream) = streams.iter().find(|stream| stream.port == port) else { continue };
        let first = match port {
            Port::Hpc0 => 0,
            Port::Hpc1 => 2,
            Port::Hp0 => 4,
            Port::Hp1 => 6,
            Port::Hp2 => 8,
            Port::Hp3 => 10,
        };
        let width = match stream.width_bits {
            128 => 0,
            64 => 1,
            _ => 2,
        };
        settings.extend([first, first + 1].map(|number| format!("<{number} {width}>")));
    }
    settings.extend(["<14 0x0>", "<15 0x0>"].map(String::from));
    settings
}
