//! Turns the board description into addresses and a linker memory map.

use std::{env, fs, path::PathBuf};
use tandem_boards::{Board, GateUnit};

/// Split mode (UG1085): each core has two banks of 64 KiB; code in ATCM, data, constants and
/// stacks in BTCM. aarch32-rt's script would put the constants beside the code, whose bank is full;
/// it includes this one before its own rules, so that this one takes them.
const MEMORY: &str = "MEMORY {
    ATCM : ORIGIN = 0x00000000, LENGTH = 64K
    BTCM : ORIGIN = 0x00020000, LENGTH = 64K
}
REGION_ALIAS(\"VECTORS\", ATCM);
REGION_ALIAS(\"CODE\", ATCM);
REGION_ALIAS(\"DATA\", BTCM);
REGION_ALIAS(\"STACKS\", BTCM);
PROVIDE(_sys_stack_size = 24576);
PROVIDE(_svc_stack_size = 512);
PROVIDE(_und_stack_size = 512);
PROVIDE(_abt_stack_size = 512);
PROVIDE(_irq_stack_size = 512);
PROVIDE(_fiq_stack_size = 512);
_hyp_stack_size = 8;
SECTIONS {
    .constants : ALIGN(4) { *(.rodata .rodata.*) } > BTCM
}
";

fn main() {
    let name = env::var("TANDEM_BOARD").unwrap_or_else(|_| "qemu".into());
    let path = PathBuf::from(format!("../../boards/{name}.toml"));
    println!("cargo:rerun-if-env-changed=TANDEM_BOARD");
    println!("cargo:rerun-if-changed={}", path.display());
    let board = Board::load(&path).unwrap_or_else(|error| panic!("{error}"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let constants = [
        ("LINK", board.regions.link.base, "Link block."),
        ("LINK_SIZE", board.regions.link.size, "Its size in bytes."),
        ("LOG", board.regions.log.base, "Log ring."),
        ("LOG_SIZE", board.regions.log.size, "Its size in bytes."),
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
    fs::write(out.join("board.rs"), source).expect("OUT_DIR is writable");
    fs::write(out.join("memory.x"), MEMORY).expect("OUT_DIR is writable");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg=-Tlink.x");
    println!("cargo:rustc-link-arg=-Tdefmt.x");
    println!("cargo:rerun-if-changed=build.rs");
}
