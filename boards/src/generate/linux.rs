//! The part of the device tree that must be there when Linux starts: reserved memory cannot be an
//! overlay.

use super::banner;
use crate::soc::{Ipi, IpiAgent, Linux, PoolDriver, Rpu, RpuMode};
use crate::{Board, Loop, Range};
use std::fmt::Write as _;

/// The driver of the looped DMAs wants one.
const LOOP_CLOCK: &str = "\ttandem_loop_clock: tandem-loop-clock {
\t\tcompatible = \"fixed-clock\";
\t\t#clock-cells = <0>;
\t\tclock-frequency = <100000000>;
\t};
";

/// Fragment for a board's own tree, which must have the label `gic` and two cells for addresses and
/// sizes; with an R5F of silicon also `zynqmp_firmware`.
pub(super) fn base(board: &Board) -> Option<String> {
    let (linux, rpu, ipi) = (board.linux.as_ref()?, board.rpu.as_ref()?, board.ipi?);
    let mut bus = vec![link(board, ipi)];
    let mut nodes = vec![
        format!("\tchosen {{\n\t\tbootargs = \"{}\";\n\t}};\n", linux.bootargs),
        reserved(board, linux, rpu),
    ];
    match linux.pool_driver {
        PoolDriver::TandemPool => bus.push(pool(board)),
        PoolDriver::UDmaBuf => nodes.push(u_dma_buf(board)),
    }
    if board.device.is_some() {
        bus.push(uio("tandem-ipi", ipi.linux.registers()));
        nodes.push(cores(rpu, ipi.rpu));
    } else {
        bus.push(uio("tandem-tcm", whole(rpu)));
    }
    bus.extend(board.pl.loops().map(|(field, found)| looped(board, field, found)));
    if board.pl.loops().next().is_some() {
        nodes.push(LOOP_CLOCK.to_owned());
    }
    nodes.extend(board.pl.loops().map(|(field, _)| loop_client(field)));
    nodes.push(format!(
        "\ttandem {{\n\t\tcompatible = \"simple-bus\";\n\t\t#address-cells = <2>;\n\
         \t\t#size-cells = <2>;\n\t\tranges;\n\n{}\t}};\n",
        bus.join("\n")
    ));
    Some(format!("/* {} */\n/ {{\n{}}};\n", banner(board), nodes.join("\n")))
}

/// `reg` cells of a range.
pub(super) fn cells(range: Range) -> String {
    format!("<0x0 {:#010x} 0x0 {:#010x}>", range.base, range.size)
}

/// What no allocator of Linux may touch.
fn reserved(board: &Board, linux: &Linux, rpu: &Rpu) -> String {
    let regions = &board.regions;
    let mut list = vec![
        ("link", regions.link),
        ("log", regions.log),
        ("crash", regions.crash),
        ("descriptors", regions.descriptors),
        ("pool", regions.pool),
    ];
    if board.device.is_none() {
        // QEMU: DDR stands for the logic's registers and for TCM.
        list.push(("logic", crate::mpu::logic(board)));
        list.push(("tcm", whole(rpu)));
    }
    let mut text = String::from(
        "\treserved-memory {\n\t\t#address-cells = <2>;\n\t\t#size-cells = <2>;\n\t\tranges;\n",
    );
    for (name, range) in list {
        let (at, reg) = (range.base, cells(range));
        // A string takes all.
        let _ = write!(
            text,
            "\n\t\ttandem_{name}_memory: tandem-{name}@{at:x} {{\n\t\t\treg = {reg};\n\t\t\tno-map;\n\t\t}};\n"
        );
    }
    let size = linux.cma;
    let _ = write!(
        text,
        "\n\t\t/* The kernel copies a whole image for the logic into it. */\n\
         \t\tlinux,cma {{\n\t\t\tcompatible = \"shared-dma-pool\";\n\t\t\treusable;\n\
         \t\t\tsize = <0x0 {size:#010x}>;\n\t\t\tlinux,cma-default;\n\t\t}};\n\t}};\n"
    );
    text
}

/// From the first byte of TCM to the last, as other masters see it.
fn whole(rpu: &Rpu) -> Range {
    let base = rpu.atcm.global.min(rpu.btcm.global);
    let end = (rpu.atcm.global + rpu.atcm.size).max(rpu.btcm.global + rpu.btcm.size);
    // Bank B of QEMU's core ends at 0x30000; what a lockstep image adds to it comes behind.
    Range { base, size: (end - base).next_power_of_two() }
}

/// What the agent shares with the firmware, and the doorbell's interrupt.
fn link(board: &Board, ipi: Ipi) -> String {
    let regions = &board.regions;
    let mut maps = vec![("link", regions.link), ("log", regions.log), ("crash", regions.crash)];
    maps.extend(board.pl.glue.map(|glue| ("glue", glue)));
    let reg: Vec<_> = maps.iter().map(|(_, range)| cells(*range)).collect();
    let names: Vec<_> = maps.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let (at, agent, spi) = (regions.link.base, ipi.linux.name(), ipi.linux.spi());
    format!(
        "\t\ttandem-link@{at:x} {{\n\t\t\tcompatible = \"generic-uio\";\n\t\t\treg = {};\n\
         \t\t\treg-names = {};\n\t\t\t/* IPI {agent}, level high */\n\
         \t\t\tinterrupt-parent = <&gic>;\n\t\t\tinterrupts = <0 {spi} 4>;\n\t\t}};\n",
        reg.join(",\n\t\t\t      "),
        names.join(", "),
    )
}

/// Registers or memory for user space, without an interrupt.
fn uio(name: &str, range: Range) -> String {
    let (at, reg) = (range.base, cells(range));
    let map = name.trim_start_matches("tandem-");
    format!(
        "\t\t{name}@{at:x} {{\n\t\t\tcompatible = \"generic-uio\";\n\t\t\treg = {reg};\n\
         \t\t\treg-names = \"{map}\";\n\t\t}};\n"
    )
}

/// Label and name of the node of a looped DMA.
fn loop_name(field: &str) -> (String, String) {
    let label = field.replace("pl.", "tandem_");
    let name = label.replace('_', "-");
    (label, name)
}

/// The client that drives a looped DMA.
fn loop_client(field: &str) -> String {
    let (label, name) = loop_name(field);
    format!(
        "\t{name}-client {{
\t\tcompatible = \"tandem,dma-client\";
\t\tdmas = <&{label} 0>, <&{label} 1>;
\t\tdma-names = \"mm2s\", \"s2mm\";
\t}};
"
    )
}

/// A looped DMA as the kernel's binding `xlnx,xilinx_dma` has it.
fn looped(board: &Board, field: &str, found: Loop) -> String {
    let (label, name) = loop_name(field);
    let (at, reg, coherent) = (found.base, cells(found.range()), coherence(board));
    let (length, address) = (found.length_bits, found.address_bits);
    let realign = if found.realign { "\t\t\t\txlnx,include-dre;\n" } else { "" };
    let channel = |direction: &str, spi: u32| {
        format!(
            "\n\t\t\tdma-channel-{direction} {{
\t\t\t\tcompatible = \"xlnx,axi-dma-{direction}-channel\";
\t\t\t\tinterrupt-parent = <&gic>;
\t\t\t\tinterrupts = <0 {spi} 4>;
\t\t\t\txlnx,datawidth = <128>;
{realign}\t\t\t}};
"
        )
    };
    format!(
        "\t\t{label}: {name}@{at:x} {{
\t\t\tcompatible = \"xlnx,axi-dma-1.00.a\";
\t\t\treg = {reg};
\t\t\t#dma-cells = <1>;
\t\t\tclocks = <&tandem_loop_clock>;
\t\t\tclock-names = \"s_axi_lite_aclk\";
\t\t\txlnx,addrwidth = <{address}>;
\t\t\txlnx,sg-length-width = <{length}>;
{coherent}{}{}\t\t}};
",
        channel("mm2s", found.mm2s),
        channel("s2mm", found.s2mm),
    )
}

/// `dma-coherent;` where the processors' caches see all that the logic reads and writes.
fn coherence(board: &Board) -> &'static str {
    if board.streams.iter().all(|stream| stream.coherent) { "\t\t\tdma-coherent;\n" } else { "" }
}

fn pool(board: &Board) -> String {
    let range = board.regions.pool;
    format!(
        "\t\ttandem-pool@{:x} {{\n\t\t\tcompatible = \"tandem,pool\";\n\t\t\treg = {};\n\
         \t\t\tmemory-region = <&tandem_pool_memory>;\n{}\t\t}};\n",
        range.base,
        cells(range),
        coherence(board),
    )
}

fn u_dma_buf(board: &Board) -> String {
    format!(
        "\ttandem-pool {{\n\t\tcompatible = \"ikwzm,u-dma-buf\";\n\t\tdevice-name = \"udmabuf0\";\n\
         \t\tsize = <{:#010x}>;\n\t\tmemory-region = <&tandem_pool_memory>;\n{}\t}};\n",
        board.regions.pool.size,
        coherence(board).replace("\t\t\t", "\t\t"),
    )
}

/// A core for the kernel's driver zynqmp_r5_remoteproc, as the binding `xlnx,zynqmp-r5fss` has it
/// since Linux 6.10, with TCM and its power domains (`xlnx-zynqmp-power.h`).
fn cores(rpu: &Rpu, core: IpiAgent) -> String {
    const POWER: [[u32; 3]; 2] = [[7, 15, 16], [8, 17, 18]];
    let number = usize::from(core == IpiAgent::Rpu1);
    let lockstep = rpu.mode == RpuMode::Lockstep;
    // Bank by bank, in the driver's order: A and B of core 0, then A and B of core 1.
    let mut banks = vec![("atcm0", 0x0_u32, 0_u32), ("btcm0", 0x2_0000, 0x2_0000)];
    let mut power = POWER[number].to_vec();
    if lockstep {
        banks.extend([("atcm1", 0x1_0000, 0x1_0000), ("btcm1", 0x3_0000, 0x3_0000)]);
        power.extend(&POWER[1][1..]);
    }
    let [first, _] = Rpu::chip(rpu.mode, core);
    let (global, mode) = (first.global, u32::from(lockstep));
    let list = |entry: &dyn Fn(u32, u32) -> String| {
        let entries: Vec<_> =
            banks.iter().map(|(_, local, offset)| entry(*local, *offset)).collect();
        entries.join(",\n\t\t\t")
    };
    let ranges = list(&|local, offset| {
        format!("<{number:#x} {local:#07x} 0x0 {:#010x} 0x0 0x10000>", global + offset)
    });
    let reg = list(&|local, _| format!("<{number:#x} {local:#07x} 0x0 0x10000>"));
    let names: Vec<_> = banks.iter().map(|(name, ..)| format!("\"{name}\"")).collect();
    let power: Vec<_> = power.iter().map(|id| format!("<&zynqmp_firmware {id}>")).collect();
    format!(
        "	/* Linux 6.10 and the vendor's 6.6; older vendor kernels know it without reg and ranges. */
	remoteproc@{global:x} {{
		compatible = \"xlnx,zynqmp-r5fss\";
		xlnx,cluster-mode = <{mode}>;
		xlnx,tcm-mode = <{mode}>;
		#address-cells = <2>;
		#size-cells = <2>;
		ranges = {ranges};

		r5f@{number} {{
			compatible = \"xlnx,zynqmp-r5f\";
			reg = {reg};
			reg-names = {names};
			power-domains = {power};
		}};
	}};
",
        names = names.join(", "),
        power = power.join(",\n\t\t\t\t"),
    )
}
