//! Turns the board description into addresses and a linker memory map.

use std::{env, fs, path::PathBuf};
use tandem_boards::{Board, GateUnit, Range};

/// Split mode (UG1085): each core has two banks of 64 KiB; code in ATCM, data, constants and
/// stacks in BTCM. aarch32-rt's script would put the constants beside the code, whose bank is full;
/// it includes this one before its own rules, so that this one takes them.
///
/// The stacks lie in the order und, svc, abt, hyp, irq, fiq, sys, at the bank's top. Interrupts are
/// masked and no handler returns (`src/crash.rs`), so the four below the main stack are never used: they
/// are its guard of 2 KiB. Crashes run on the supervisor's.
///
/// The last 256 bytes of ATCM are free of any image: QEMU's parking loop runs there.
const MEMORY: &str = "MEMORY {
    ATCM : ORIGIN = 0x00000000, LENGTH = 65280
    BTCM : ORIGIN = 0x00020000, LENGTH = 64K
}
REGION_ALIAS(\"VECTORS\", ATCM);
REGION_ALIAS(\"CODE\", ATCM);
REGION_ALIAS(\"DATA\", BTCM);
REGION_ALIAS(\"STACKS\", BTCM);
PROVIDE(_sys_stack_size = 22528);
PROVIDE(_svc_stack_size = 1536);
PROVIDE(_und_stack_size = 256);
PROVIDE(_abt_stack_size = 512);
PROVIDE(_irq_stack_size = 512);
PROVIDE(_fiq_stack_size = 512);
_hyp_stack_size = 512;
ASSERT(_abt_stack_low_end == 0x2A000 && _sys_stack_low_end == 0x2A800, \"the guard moved\");
SECTIONS {
    .constants : ALIGN(4) { *(.rodata .rodata.*) } > BTCM
}
";

fn main() {
    let name = env::var("TANDEM_BOARD").unwrap_or_else(|_| "qemu".into());
    let path = PathBuf::from(format!("../../boards/{name}.toml"));
    println!("cargo:rustc-check-cfg=cfg(tandem_qemu)");
    println!("cargo:rerun-if-env-changed=TANDEM_BOARD");
    println!("cargo:rerun-if-changed={}", path.display());
    let board = Board::load(&path).unwrap_or_else(|error| panic!("{error}"));
    if board.name == "qemu" {
        println!("cargo:rustc-cfg=tandem_qemu");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let constants = [
        ("LINK", board.regions.link.base, "Link block."),
        ("LINK_SIZE", board.regions.link.size, "Its size in bytes."),
        ("LOG", board.regions.log.base, "Log ring."),
        ("LOG_SIZE", board.regions.log.size, "Its size in bytes."),
        ("DATA_BANK", 0x0002_0000, "BTCM."),
        ("GUARD", 0x0002_A000, "First byte of the guard below the main stack."),
        ("PARK", 0xFF00, "Where the parking loop of QEMU's build runs."),
        ("CRASH", board.regions.crash.base, "Crash records."),
        ("CRASH_SIZE", board.regions.crash.size, "Their size in bytes."),
        ("DESCRIPTORS", board.regions.descriptors.base, "DMA descriptors."),
        ("DESCRIPTORS_SIZE", board.regions.descriptors.size, "Their size in bytes."),
        ("POOL", board.regions.pool.base, "Payload memory."),
        ("DMA_PRE", board.pl.dma_pre.base, "AXI DMA of the `pre` lane."),
        ("DMA_POST", board.pl.dma_post.base, "AXI DMA of the `post` lane."),
        ("PRE", board.pl.pre.base, "`pre` kernel."),
        ("POST", board.pl.post.base, "`post` kernel."),
        ("GATE", board.pl.gate.base, "Gate."),
        ("GATE_COUNTS", (board.gate.unit == GateUnit::Counts).into(), "The gate counts the belt."),
        ("GATE_REVERSE", board.gate.reverse.into(), "The encoder is the other way round."),
        ("GATE_DEBOUNCE", board.gate.debounce_us * 1000, "Filter of the trigger, ns."),
        ("GATE_ENCODER_FILTER", board.gate.encoder_filter_ns, "Filter of the encoder, ns."),
        ("GATE_ENCODER_LIMIT", board.gate.encoder_limit_us * 1000, "Longest stop, ns."),
        ("GATE_HEARTBEAT_LIMIT", board.gate.heartbeat_limit_us * 1000, "Longest silence, ns."),
        ("HEARTBEAT_US", board.firmware.heartbeat_us, "Period of the heartbeat."),
        ("POLL_US", board.firmware.poll_us, "Period of the poll for lost interrupts."),
        ("KERNEL_TIMEOUT_US", board.firmware.kernel_timeout_us, "Longest run of a kernel."),
    ];
    let source: String = constants
        .iter()
        .map(|(name, value, doc)| format!("/// {doc}\npub const {name}: u32 = {value:#010x};\n"))
        .collect();
    let name = format!("/// Name of the board.\npub const NAME: &str = {:?};\n", board.name);
    let source = source + &name + &regions(&board);
    fs::write(out.join("board.rs"), source).expect("OUT_DIR is writable");
    fs::write(out.join("memory.x"), MEMORY).expect("OUT_DIR is writable");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg=-Tlink.x");
    println!("cargo:rustc-link-arg=-Tdefmt.x");
    println!("cargo:rerun-if-changed=build.rs");
}

/// The MPU's regions outside TCM.
fn regions(board: &Board) -> String {
    let shared =
        [board.regions.link, board.regions.log, board.regions.crash, board.regions.descriptors];
    let list = shared.map(|range| {
        let whole = range.size.is_power_of_two() && range.base % range.size == 0;
        assert!(whole, "{range}: the MPU needs a power of two, aligned to itself");
        region(range)
    });
    // Blocks lie together; the page of wires that QEMU has instead of a GIC comes behind them.
    let blocks = [
        board.pl.dma_pre,
        board.pl.dma_post,
        board.pl.pre,
        board.pl.post,
        board.pl.gate,
        Range { base: board.pl.dma_pre.base + 0x5_0000, size: 0x1000 },
    ];
    let first = blocks.map(|block| block.base).into_iter().min().expect("six");
    let end = blocks.map(|block| block.end()).into_iter().max().expect("six");
    let mut pl = Range { base: first, size: 0x1000 };
    while pl.end() < end {
        let size = pl.size * 2;
        pl = Range { base: first / size * size, size };
    }
    assert!(shared.iter().all(|range| !range.overlaps(pl)), "{pl}: device memory covers DDR");
    format!(
        "use aarch32_cpu::pmsav7::RegionSize;\n\
         /// Memory that others share: link, log, crash records, descriptors.\n\
         pub const SHARED: [(u32, RegionSize); 4] = [{}];\n\
         /// The blocks of the logic.\n\
         pub const PL: (u32, RegionSize) = {};\n",
        list.join(", "),
        region(pl),
    )
}

fn region(range: Range) -> String {
    let (number, unit) = match range.size {
        size if size >= 1 << 20 => (size >> 20, 'M'),
        size => (size >> 10, 'K'),
    };
    format!("({:#010x}, RegionSize::_{number}{unit})", range.base)
}
