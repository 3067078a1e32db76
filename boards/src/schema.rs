//! The schema of a board description.

use crate::ports::Stream;
use crate::soc::{Console, Interrupts, Ipi, IpiAgent, Linux, Rpu, RpuMode};
use crate::{BoardError, check::Checker};
use serde::Deserialize;
use std::{fmt, path::Path, str::FromStr};

/// Version of the schema that this build reads.
pub const SCHEMA: u32 = 1;
/// Alignment of regions and slots: the agent protects and maps them one by one.
pub const PAGE: u32 = 0x1000;
/// Entries of the link's slot table.
pub const MAX_SLOTS: u32 = 64;

/// `size` bytes from bus address `base`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// First byte.
    pub base: u32,
    /// Bytes.
    pub size: u32,
}

impl Range {
    /// First byte behind it.
    #[must_use]
    pub fn end(self) -> u64 {
        u64::from(self.base) + u64::from(self.size)
    }

    /// Whether all `len` bytes from `addr` lie inside.
    #[must_use]
    pub fn contains(self, addr: u32, len: u32) -> bool {
        addr >= self.base && u64::from(addr) + u64::from(len) <= self.end()
    }

    /// Whether the two share a byte.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        u64::from(self.base) < other.end() && u64::from(other.base) < self.end()
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:#010x}, {:#010x})", self.base, self.end())
    }
}

/// The parts of memory that more than one master uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regions {
    /// Rings and slot table between agent and firmware.
    pub link: Range,
    /// Log ring of the firmware.
    pub log: Range,
    /// Crash records of the firmware.
    pub crash: Range,
    /// DMA descriptors; written by the firmware only.
    pub descriptors: Range,
    /// Payload slots.
    pub pool: Range,
}

/// How many slots of a class, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotPlan {
    /// Slots.
    pub count: u32,
    /// Bytes of each.
    pub size: u32,
}

/// The classes of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotClasses {
    /// Camera frames.
    pub frame: SlotPlan,
    /// Network inputs.
    pub tensor: SlotPlan,
    /// Raw network outputs.
    pub heads: SlotPlan,
    /// Detections.
    pub result: SlotPlan,
}

/// Blocks in the programmable logic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pl {
    /// AXI DMA of the `pre` lane.
    pub dma_pre: Range,
    /// AXI DMA of the `post` lane.
    pub dma_post: Range,
    /// `pre` kernel.
    pub pre: Range,
    /// `post` kernel.
    pub post: Range,
    /// Reject gate.
    pub gate: Range,
    /// QEMU only: the page that stands for the controllers which it lacks (`hw/sim/qemu`).
    #[serde(default)]
    pub glue: Option<Range>,
    /// QEMU only: a looped DMA as the board's own are built.
    #[serde(default)]
    pub loop_plain: Option<Loop>,
    /// QEMU only: a looped DMA built otherwise.
    #[serde(default)]
    pub loop_wide: Option<Loop>,
}

impl Pl {
    /// Every board's windows of registers, by the names that device trees and UIO maps have for them.
    #[must_use]
    pub fn windows(&self) -> [(&'static str, Range); 5] {
        [
            ("dma_pre", self.dma_pre),
            ("dma_post", self.dma_post),
            ("pre", self.pre),
            ("post", self.post),
            ("gate", self.gate),
        ]
    }

    /// The looped DMAs that are there, with the field that each comes from.
    pub fn loops(&self) -> impl Iterator<Item = (&'static str, Loop)> {
        let both = [("pl.loop_plain", self.loop_plain), ("pl.loop_wide", self.loop_wide)];
        both.into_iter().filter_map(|(field, found)| Some((field, found?)))
    }
}

/// An AXI DMA whose streams are tied together, for a driver of Linux's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loop {
    /// First byte of its registers.
    pub base: u32,
    /// Bytes of its registers.
    pub size: u32,
    /// Interrupt of memory to stream, SPI.
    pub mm2s: u32,
    /// Interrupt of stream to memory, SPI.
    pub s2mm: u32,
    /// Width of its length field, 8 to 26.
    pub length_bits: u8,
    /// Width of its addresses, 32 to 64.
    pub address_bits: u8,
    /// Its realignment engines are there: buffers begin anywhere.
    pub realign: bool,
}

impl Loop {
    /// Its registers.
    #[must_use]
    pub fn range(self) -> Range {
        Range { base: self.base, size: self.size }
    }
}

/// Periods of the firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Firmware {
    /// From one heartbeat to the next, in microseconds.
    pub heartbeat_us: u32,
    /// Timed poll that finds a completion whose interrupt was lost, in microseconds.
    pub poll_us: u32,
    /// A kernel that runs longer hangs, in microseconds.
    pub kernel_timeout_us: u32,
}

/// What the gate's delays are counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateUnit {
    /// Nanoseconds.
    #[default]
    Nanoseconds,
    /// Counts of the encoder.
    Counts,
}

/// How the reject gate is wired. Without the table nothing is filtered or watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gate {
    /// Line-ready falls when the firmware was silent for so long, in microseconds; 0: never.
    pub heartbeat_limit_us: u32,
    /// The trigger is believed when it has kept a level for so long, in microseconds.
    pub debounce_us: u32,
    /// Unit of the delay from trigger to reject.
    pub unit: GateUnit,
    /// The encoder's A and B are the other way round.
    pub reverse: bool,
    /// Each input of the encoder is believed when it has kept a level for so long, in nanoseconds.
    pub encoder_filter_ns: u32,
    /// Parts that wait so long without the belt coming on are given up, in microseconds; 0: never.
    pub encoder_limit_us: u32,
}

/// The silicon of a board, as a bitstream for it is built.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Part, as the vendor's tool names it.
    pub part: String,
    /// The vendor's board files, as `vendor:board:part0:version`; without them the processor
    /// system's settings are the tool's defaults for the part.
    #[serde(default)]
    pub board_part: Option<String>,
    /// IDCODE of the programmable logic (not of the processor system's JTAG port). None where no
    /// second source confirms it.
    #[serde(default)]
    pub idcode: Option<u32>,
    /// Clock that the kernels are built for, MHz: an assumption until a routed design meets it.
    pub clock_mhz: u32,
    /// Clock of the gate, MHz, likewise.
    pub gate_clock_mhz: u32,
    /// Width of the AXI DMA's length field, bits. Its default, 14, silently cuts transfers at 16 KiB.
    pub dma_length_bits: u32,
    /// No image for the logic has more bytes.
    pub bitstream_max: u32,
}

impl Device {
    /// What the gate's time advances by in one clock: nanoseconds, 32 of the bits behind the point.
    #[must_use]
    pub fn gate_step(&self) -> u64 {
        (1000_u64 << 32) / u64::from(self.gate_clock_mhz)
    }
}

/// One board. [`Board::load`] and [`Board::parse`] check it; `Deserialize` alone does not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Board {
    /// Version of the schema; [`SCHEMA`].
    pub schema: u32,
    /// Short name: `a-z`, `0-9` and `-`.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Memory that the DMA engines reach.
    pub ddr: Range,
    /// Shared parts of it.
    pub regions: Regions,
    /// Payload slots.
    pub slots: SlotClasses,
    /// Blocks in the programmable logic.
    pub pl: Pl,
    /// Periods of the firmware.
    pub firmware: Firmware,
    /// Wiring of the reject gate.
    #[serde(default)]
    pub gate: Gate,
    /// The silicon, where there is any.
    #[serde(default)]
    pub device: Option<Device>,
    /// Interrupt lines of the logic, where there is an interrupt controller.
    #[serde(default)]
    pub interrupts: Option<Interrupts>,
    /// Doorbells between Linux and the R5F.
    #[serde(default)]
    pub ipi: Option<Ipi>,
    /// Serial consoles.
    #[serde(default)]
    pub console: Option<Console>,
    /// Where the R5F image lies, where there is an R5F.
    #[serde(default)]
    pub rpu: Option<Rpu>,
    /// What Linux is told, where the agent runs on a Linux of the board.
    #[serde(default)]
    pub linux: Option<Linux>,
    /// Streams between the programmable logic and memory.
    #[serde(default, rename = "stream")]
    pub streams: Vec<Stream>,
}

impl Board {
    /// Reads and checks the description at `path`.
    ///
    /// # Errors
    /// [`BoardError`] with the file, the field and what is wrong with it.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, BoardError> {
        let file = path.as_ref().display().to_string();
        let text = std::fs::read_to_string(&path)
            .map_err(|source| BoardError::Read { file: file.clone(), source })?;
        Self::parse(&text, &file)
    }

    /// Reads and checks `text`; `file` is the name that errors show.
    ///
    /// # Errors
    /// [`BoardError`] with the file, the field and what is wrong with it.
    pub fn parse(text: &str, file: &str) -> Result<Self, BoardError> {
        let board: Self = toml::from_str(text)
            .map_err(|source| BoardError::Parse { file: file.into(), source })?;
        Checker { file }.board(&board)?;
        Ok(board)
    }

    /// The same board with its R5Fs in another mode, and the banks that the chip has then. A board
    /// without `[rpu]` stays as it is.
    ///
    /// # Errors
    /// [`BoardError`], if the rest of the description does not go with that mode.
    pub fn with_rpu_mode(mut self, mode: RpuMode) -> Result<Self, BoardError> {
        let core = self.ipi.map_or(IpiAgent::Rpu0, |ipi| ipi.rpu);
        if let Some(rpu) = &mut self.rpu {
            let [atcm, btcm] = Rpu::chip(mode, core);
            *rpu = Rpu { mode, atcm, btcm };
        }
        Checker { file: &self.name }.board(&self)?;
        Ok(self)
    }

    /// `boards/virtual.toml` as it was when this was built.
    ///
    /// # Panics
    /// Never with a build whose tests pass: a test loads it.
    #[must_use]
    pub fn virtual_default() -> Self {
        Self::parse(include_str!("../virtual.toml"), "boards/virtual.toml")
            .unwrap_or_else(|error| panic!("{error}"))
    }
}

impl FromStr for Board {
    type Err = BoardError;

    fn from_str(text: &str) -> Result<Self, BoardError> {
        Self::parse(text, "board description")
    }
}
