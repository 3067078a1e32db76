//! What the R5F image is built from: the linker's memory map and the addresses.

use super::banner;
use crate::soc::{Interrupts, Ipi, Rpu, gic_id};
use crate::{Board, GateUnit, Range, mpu};

/// Bytes of the stacks at the top of bank B. The main stack is the highest; the four below it belong
/// to modes that the image never lets run and are its guard; crashes run on the supervisor's.
const MAIN_STACK: u32 = 20480;
const CRASH_STACK: u32 = 1536;
const GUARD: u32 = 2048;
/// Bytes at the end of bank A that no image has: the parking loop of QEMU's build runs there, while
/// Linux overwrites the image.
const PARKING: u32 = 256;

/// Linker script with the two banks: code in A; constants, data and stacks in B, since A is full
/// with the constants that aarch32-rt's own script would put beside the code. That script includes
/// this one before its own rules, so that this one takes them.
///
/// The stacks lie in the order und, svc, abt, hyp, irq, fiq, sys, at the bank's top.
///
/// `None` for a board without an R5F.
#[must_use]
pub fn memory_x(board: &Board) -> Option<String> {
    let rpu = board.rpu.as_ref()?;
    let (atcm, btcm) = (rpu.atcm, rpu.btcm);
    let main = btcm.base + btcm.size - MAIN_STACK;
    let guard = main - GUARD;
    let (banner, quarter) = (banner(board), GUARD / 4);
    Some(format!(
        "/* {banner} */
MEMORY {{
    ATCM : ORIGIN = {:#010x}, LENGTH = {}
    BTCM : ORIGIN = {:#010x}, LENGTH = {}K
}}
REGION_ALIAS(\"VECTORS\", ATCM);
REGION_ALIAS(\"CODE\", ATCM);
REGION_ALIAS(\"DATA\", BTCM);
REGION_ALIAS(\"STACKS\", BTCM);
PROVIDE(_sys_stack_size = {MAIN_STACK});
PROVIDE(_svc_stack_size = {CRASH_STACK});
PROVIDE(_und_stack_size = 256);
PROVIDE(_abt_stack_size = {quarter});
PROVIDE(_irq_stack_size = {quarter});
PROVIDE(_fiq_stack_size = {quarter});
_hyp_stack_size = {quarter};
ASSERT(_abt_stack_low_end == {guard:#x} && _sys_stack_low_end == {main:#x}, \"the guard moved\");
SECTIONS {{
    .constants : ALIGN(4) {{ *(.rodata .rodata.*) }} > BTCM
}}
",
        atcm.base,
        atcm.size - PARKING,
        btcm.base,
        btcm.size >> 10,
    ))
}

/// Rust constants for `firmware/rpu`: addresses, numbers, periods, and the regions of the MPU as
/// `aarch32_cpu` names them. `None` for a board without an R5F.
#[must_use]
pub fn constants(board: &Board) -> Option<String> {
    let rpu = board.rpu.as_ref()?;
    let mut list = addresses(board);
    let guard = rpu.btcm.base + rpu.btcm.size - MAIN_STACK - GUARD;
    list.extend([
        ("CODE_BANK_SIZE", rpu.atcm.size, "Bytes of ATCM, which begins at 0."),
        ("DATA_BANK", rpu.btcm.base, "BTCM."),
        ("DATA_BANK_SIZE", rpu.btcm.size, "Its size in bytes."),
        ("PARK", rpu.atcm.base + rpu.atcm.size - PARKING, "Where QEMU's parking loop runs."),
        ("GUARD", guard, "First byte of the guard below the main stack."),
    ]);
    let looped = board.pl.loop_plain.map_or(0, |found| found.base);
    list.push(("LOOP", looped, "AXI DMA whose streams are tied together; 0: none."));
    list.extend(board.pl.glue.map(|glue| ("GLUE", glue.base, "Wires that QEMU lacks.")));
    list.extend(gate(board));
    if let (Some(ipi), Some(interrupts)) = (board.ipi, board.interrupts) {
        list.extend(doorbells(board, ipi, interrupts));
    }
    let lines = list
        .iter()
        .map(|(name, value, doc)| format!("/// {doc}\npub const {name}: u32 = {value:#010x};\n"));
    let name = format!("/// Name of the board.\npub const NAME: &str = {:?};\n", board.name);
    let lines = lines.collect::<String>();
    Some(format!("// {}\n{name}{lines}{}", banner(board), regions(board, rpu)))
}

type Constant = (&'static str, u32, &'static str);

fn addresses(board: &Board) -> Vec<Constant> {
    let (regions, pl) = (&board.regions, &board.pl);
    vec![
        ("LINK", regions.link.base, "Link block."),
        ("LINK_SIZE", regions.link.size, "Its size in bytes."),
        ("LOG", regions.log.base, "Log ring."),
        ("LOG_SIZE", regions.log.size, "Its size in bytes."),
        ("CRASH", regions.crash.base, "Crash records."),
        ("CRASH_SIZE", regions.crash.size, "Their size in bytes."),
        ("DESCRIPTORS", regions.descriptors.base, "DMA descriptors."),
        ("DESCRIPTORS_SIZE", regions.descriptors.size, "Their size in bytes."),
        ("POOL", regions.pool.base, "Payload memory."),
        ("DMA_PRE", pl.dma_pre.base, "AXI DMA of the `pre` lane."),
        ("DMA_POST", pl.dma_post.base, "AXI DMA of the `post` lane."),
        ("PRE", pl.pre.base, "`pre` kernel."),
        ("POST", pl.post.base, "`post` kernel."),
        ("GATE", pl.gate.base, "Gate."),
        ("HEARTBEAT_US", board.firmware.heartbeat_us, "Period of the heartbeat."),
        ("POLL_US", board.firmware.poll_us, "Period of the poll for lost interrupts."),
        ("KERNEL_TIMEOUT_US", board.firmware.kernel_timeout_us, "Longest run of a kernel."),
    ]
}

fn gate(board: &Board) -> [Constant; 6] {
    let gate = &board.gate;
    [
        ("GATE_COUNTS", (gate.unit == GateUnit::Counts).into(), "The gate counts the belt."),
        ("GATE_REVERSE", gate.reverse.into(), "The encoder is the other way round."),
        ("GATE_DEBOUNCE", gate.debounce_us * 1000, "Filter of the trigger, ns."),
        ("GATE_ENCODER_FILTER", gate.encoder_filter_ns, "Filter of the encoder, ns."),
        ("GATE_ENCODER_LIMIT", gate.encoder_limit_us * 1000, "Longest stop, ns."),
        ("GATE_HEARTBEAT_LIMIT", gate.heartbeat_limit_us * 1000, "Longest silence, ns."),
    ]
}

/// Interrupts carry the numbers of the R5F's interrupt controller.
fn doorbells(board: &Board, ipi: Ipi, interrupts: Interrupts) -> Vec<Constant> {
    let id = gic_id;
    let mut list = vec![
        ("IPI", ipi.rpu.registers().base, "Own agent of the inter-processor interrupts."),
        ("IPI_IRQ", id(ipi.rpu.spi()), "Its interrupt."),
        ("IPI_LINUX", 1 << ipi.linux.bit(), "Bit of Linux's agent."),
        ("IRQ_PRE_MM2S", id(interrupts.pre_mm2s), "DMA of the `pre` lane, memory to stream."),
        ("IRQ_PRE_S2MM", id(interrupts.pre_s2mm), "DMA of the `pre` lane, stream to memory."),
        ("IRQ_POST_MM2S", id(interrupts.post_mm2s), "DMA of the `post` lane, memory to stream."),
        ("IRQ_POST_S2MM", id(interrupts.post_s2mm), "DMA of the `post` lane, stream to memory."),
        ("IRQ_PRE", id(interrupts.pre), "`pre` kernel."),
        ("IRQ_POST", id(interrupts.post), "`post` kernel."),
        ("IRQ_GATE", id(interrupts.gate), "Gate."),
    ];
    // 0: the board leads no port out for the R5F.
    let uart = board.console.and_then(|console| console.rpu);
    let place = uart.map_or(0, |uart| uart.registers().base);
    list.push(("UART", place, "Maintenance console; 0: none."));
    list.push(("UART_IRQ", uart.map_or(0, |uart| id(uart.spi())), "Its interrupt; 0: none."));
    list
}

/// The MPU's regions but for the chip's own peripherals.
fn regions(board: &Board, rpu: &Rpu) -> String {
    let shared = mpu::shared(board).map(region).join(", ");
    format!(
        "use aarch32_cpu::pmsav7::RegionSize;\n\
         /// Memory that others share: link, log, crash records, descriptors.\n\
         pub const SHARED: [(u32, RegionSize); 4] = [{shared}];\n\
         /// The blocks of the logic.\n\
         pub const PL: (u32, RegionSize) = {};\n\
         /// Bank A: code.\n\
         pub const ATCM: (u32, RegionSize) = {};\n\
         /// Bank B: data.\n\
         pub const BTCM: (u32, RegionSize) = {};\n",
        region(mpu::logic(board)),
        region(rpu.atcm.local()),
        region(rpu.btcm.local()),
    )
}

fn region(range: Range) -> String {
    let (number, unit) = match range.size {
        size if size >= 1 << 20 => (size >> 20, 'M'),
        size => (size >> 10, 'K'),
    };
    format!("({:#010x}, RegionSize::_{number}{unit})", range.base)
}
