// Made from boards/kv260.toml by `cargo xtask boards`: do not edit.
/// Name of the board.
pub const NAME: &str = "kv260";
/// Link block.
pub const LINK: u32 = 0x60000000;
/// Its size in bytes.
pub const LINK_SIZE: u32 = 0x00020000;
/// Log ring.
pub const LOG: u32 = 0x60020000;
/// Its size in bytes.
pub const LOG_SIZE: u32 = 0x00010000;
/// Crash records.
pub const CRASH: u32 = 0x60030000;
/// Their size in bytes.
pub const CRASH_SIZE: u32 = 0x00001000;
/// DMA descriptors.
pub const DESCRIPTORS: u32 = 0x60100000;
/// Their size in bytes.
pub const DESCRIPTORS_SIZE: u32 = 0x00100000;
/// Payload memory.
pub const POOL: u32 = 0x61000000;
/// AXI DMA of the `pre` lane.
pub const DMA_PRE: u32 = 0x80000000;
/// AXI DMA of the `post` lane.
pub const DMA_POST: u32 = 0x80010000;
/// `pre` kernel.
pub const PRE: u32 = 0x80020000;
/// `post` kernel.
pub const POST: u32 = 0x80030000;
/// Gate.
pub const GATE: u32 = 0x80040000;
/// Period of the heartbeat.
pub const HEARTBEAT_US: u32 = 0x000007d0;
/// Period of the poll for lost interrupts.
pub const POLL_US: u32 = 0x000007d0;
/// Longest run of a kernel.
pub const KERNEL_TIMEOUT_US: u32 = 0x000186a0;
/// Bytes of ATCM, which begins at 0.
pub const CODE_BANK_SIZE: u32 = 0x00010000;
/// BTCM.
pub const DATA_BANK: u32 = 0x00020000;
/// Its size in bytes.
pub const DATA_BANK_SIZE: u32 = 0x00010000;
/// Where QEMU's parking loop runs.
pub const PARK: u32 = 0x0000ff00;
/// First byte of the guard below the main stack.
pub const GUARD: u32 = 0x0002a800;
/// AXI DMA whose streams are tied together; 0: none.
pub const LOOP: u32 = 0x00000000;
/// The gate counts the belt.
pub const GATE_COUNTS: u32 = 0x00000000;
/// The encoder is the other way round.
pub const GATE_REVERSE: u32 = 0x00000000;
/// Filter of the trigger, ns.
pub const GATE_DEBOUNCE: u32 = 0x000186a0;
/// Filter of the encoder, ns.
pub const GATE_ENCODER_FILTER: u32 = 0x00000000;
/// Longest stop, ns.
pub const GATE_ENCODER_LIMIT: u32 = 0x00000000;
/// Longest silence, ns.
pub const GATE_HEARTBEAT_LIMIT: u32 = 0x01312d00;
/// Own agent of the inter-processor interrupts.
pub const IPI: u32 = 0xff310000;
/// Its interrupt.
pub const IPI_IRQ: u32 = 0x00000041;
/// Bit of Linux's agent.
pub const IPI_LINUX: u32 = 0x01000000;
/// DMA of the `pre` lane, memory to stream.
pub const IRQ_PRE_MM2S: u32 = 0x00000079;
/// DMA of the `pre` lane, stream to memory.
pub const IRQ_PRE_S2MM: u32 = 0x0000007a;
/// DMA of the `post` lane, memory to stream.
pub const IRQ_POST_MM2S: u32 = 0x0000007b;
/// DMA of the `post` lane, stream to memory.
pub const IRQ_POST_S2MM: u32 = 0x0000007c;
/// `pre` kernel.
pub const IRQ_PRE: u32 = 0x0000007d;
/// `post` kernel.
pub const IRQ_POST: u32 = 0x0000007e;
/// Gate.
pub const IRQ_GATE: u32 = 0x0000007f;
/// Maintenance console; 0: none.
pub const UART: u32 = 0x00000000;
/// Its interrupt; 0: none.
pub const UART_IRQ: u32 = 0x00000000;
use aarch32_cpu::pmsav7::RegionSize;
/// Memory that others share: link, log, crash records, descriptors.
pub const SHARED: [(u32, RegionSize); 4] = [(0x60000000, RegionSize::_128K), (0x60020000, RegionSize::_64K), (0x60030000, RegionSize::_4K), (0x60100000, RegionSize::_1M)];
/// The blocks of the logic.
pub const PL: (u32, RegionSize) = (0x80000000, RegionSize::_512K);
/// Bank A: code.
pub const ATCM: (u32, RegionSize) = (0x00000000, RegionSize::_64K);
/// Bank B: data.
pub const BTCM: (u32, RegionSize) = (0x00020000, RegionSize::_64K);
