//! The processing system of a Zynq UltraScale+ MPSoC: what every such chip has at the same place.
//!
//! Sources: UG1085 (memory map, system interrupts, IPI, TCM), `zynqmp.dtsi` and the remoteproc
//! binding of Linux.

use crate::schema::Range;
use serde::Deserialize;

/// First of the shared peripheral interrupts in the numbers of a GIC.
const FIRST_SPI: u32 = 32;
/// Interrupts from the programmable logic, SPI numbers: PL_PS groups 0 and 1.
pub const PL_PS: [std::ops::RangeInclusive<u32>; 2] = [89..=96, 104..=111];
/// DDR as the R5F sees it: TCM shadows the lowest MiB, the upper half of 4 GiB is other things.
pub const RPU_DDR: Range = Range { base: 0x0010_0000, size: 0x7FF0_0000 };

/// The number that a GIC knows shared peripheral interrupt `spi` by.
#[must_use]
pub const fn gic_id(spi: u32) -> u32 {
    spi + FIRST_SPI
}

/// Interrupt lines of the programmable logic, SPI numbers, level, high while pending; the order is
/// that of `hw/regs/src/irq.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interrupts {
    /// DMA of the `pre` lane, memory to stream.
    pub pre_mm2s: u32,
    /// DMA of the `pre` lane, stream to memory.
    pub pre_s2mm: u32,
    /// DMA of the `post` lane, memory to stream.
    pub post_mm2s: u32,
    /// DMA of the `post` lane, stream to memory.
    pub post_s2mm: u32,
    /// `pre` kernel.
    pub pre: u32,
    /// `post` kernel.
    pub post: u32,
    /// Reject gate.
    pub gate: u32,
}

impl Interrupts {
    /// Each line with the name of its field.
    #[must_use]
    pub const fn lines(&self) -> [(&'static str, u32); 7] {
        [
            ("pre_mm2s", self.pre_mm2s),
            ("pre_s2mm", self.pre_s2mm),
            ("post_mm2s", self.post_mm2s),
            ("post_s2mm", self.post_s2mm),
            ("pre", self.pre),
            ("post", self.post),
            ("gate", self.gate),
        ]
    }
}

/// An agent of the inter-processor interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpiAgent {
    /// The application processors. Trusted firmware, the power controller and the kernel's mailbox
    /// driver use it; nothing of ours may.
    Apu,
    /// R5F core 0.
    Rpu0,
    /// R5F core 1.
    Rpu1,
    /// First of the four that are free for anyone.
    Pl0,
    /// Second.
    Pl1,
    /// Third.
    Pl2,
    /// Fourth.
    Pl3,
}

impl IpiAgent {
    /// As board files write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Apu => "apu",
            Self::Rpu0 => "rpu0",
            Self::Rpu1 => "rpu1",
            Self::Pl0 => "pl0",
            Self::Pl1 => "pl1",
            Self::Pl2 => "pl2",
            Self::Pl3 => "pl3",
        }
    }

    /// Its registers.
    #[must_use]
    pub const fn registers(self) -> Range {
        let page = match self {
            Self::Apu => 0,
            Self::Rpu0 => 1,
            Self::Rpu1 => 2,
            // The power controller's four agents share the page between.
            Self::Pl0 => 4,
            Self::Pl1 => 5,
            Self::Pl2 => 6,
            Self::Pl3 => 7,
        };
        Range { base: 0xFF30_0000 + page * 0x1_0000, size: 0x1000 }
    }

    /// Its interrupt, an SPI number.
    #[must_use]
    pub const fn spi(self) -> u32 {
        match self {
            Self::Apu => 35,
            Self::Rpu0 => 33,
            Self::Rpu1 => 34,
            Self::Pl0 => 29,
            Self::Pl1 => 30,
            Self::Pl2 => 31,
            Self::Pl3 => 32,
        }
    }

    /// Its bit in every agent's registers.
    #[must_use]
    pub const fn bit(self) -> u32 {
        match self {
            Self::Apu => 0,
            Self::Rpu0 => 8,
            Self::Rpu1 => 9,
            Self::Pl0 => 24,
            Self::Pl1 => 25,
            Self::Pl2 => 26,
            Self::Pl3 => 27,
        }
    }
}

/// Who rings as which agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ipi {
    /// Linux: one of `pl0` to `pl3`.
    pub linux: IpiAgent,
    /// The R5F: `rpu0` or `rpu1`, which is the core that the image runs on.
    pub rpu: IpiAgent,
}

/// A serial port of the processing system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Uart {
    /// The first.
    Uart0,
    /// The second.
    Uart1,
}

impl Uart {
    /// Its registers.
    #[must_use]
    pub const fn registers(self) -> Range {
        let base = match self {
            Self::Uart0 => 0xFF00_0000,
            Self::Uart1 => 0xFF01_0000,
        };
        Range { base, size: 0x1000 }
    }

    /// Its interrupt, an SPI number.
    #[must_use]
    pub const fn spi(self) -> u32 {
        match self {
            Self::Uart0 => 21,
            Self::Uart1 => 22,
        }
    }
}

/// Serial consoles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Console {
    /// Linux.
    pub linux: Uart,
    /// Maintenance console of the R5F, where the board leads a second port out.
    #[serde(default)]
    pub rpu: Option<Uart>,
}

/// How the two R5F cores run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RpuMode {
    /// Each core by itself, with two banks of 64 KiB of TCM.
    Split,
    /// Core 1 checks core 0, which has the banks of both.
    Lockstep,
}

/// A bank of tightly coupled memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bank {
    /// First byte as the core sees it.
    pub base: u32,
    /// Bytes.
    pub size: u32,
    /// First byte as every other master sees it.
    pub global: u32,
}

impl Bank {
    /// As the core sees it.
    #[must_use]
    pub const fn local(self) -> Range {
        Range { base: self.base, size: self.size }
    }
}

/// Where the R5F image lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rpu {
    /// Split or lockstep.
    pub mode: RpuMode,
    /// Bank A: vectors and code.
    pub atcm: Bank,
    /// Bank B: constants, data and stacks.
    pub btcm: Bank,
}

impl Rpu {
    /// What the chip has for a core in this mode: banks A and B. In lockstep the banks of core 1
    /// follow those of core 0 in both views.
    #[must_use]
    pub const fn chip(mode: RpuMode, core: IpiAgent) -> [Bank; 2] {
        let size = match mode {
            RpuMode::Split => 0x1_0000,
            RpuMode::Lockstep => 0x2_0000,
        };
        let global = match core {
            IpiAgent::Rpu1 => 0xFFE9_0000,
            _ => 0xFFE0_0000,
        };
        [Bank { base: 0, size, global }, Bank { base: 0x2_0000, size, global: global + 0x2_0000 }]
    }
}

/// What maps the payload slots for the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoolDriver {
    /// `boards/linux/tandem-pool`.
    TandemPool,
    /// u-dma-buf.
    UDmaBuf,
}

/// What Linux is told.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linux {
    /// Driver of the payload slots.
    pub pool_driver: PoolDriver,
    /// The kernel's command line, but for what names the root file system.
    pub bootargs: String,
    /// Bytes of the contiguous memory that drivers allocate from. Loading the logic takes the whole
    /// image at once from it.
    pub cma: u32,
}
