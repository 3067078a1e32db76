//! The R5F's interrupt controller: Arm PL390, GIC architecture 1.
//!
//! Registers from the GIC architecture specification (IHI 0048, chapter 4) and the PL390's manual (DDI
//! 0416); the APU's GIC-400 has the same ones at other addresses. The image keeps IRQ masked and
//! only wakes from WFI by it, so it asks [`Gic::levels`] and never acknowledges one.

use thiserror::Error;

use crate::bus::Bus;

const CTLR: u32 = 0x000;
const TYPER: u32 = 0x004;
const GROUP: u32 = 0x080;
const SET_ENABLE: u32 = 0x100;
const CLEAR_ENABLE: u32 = 0x180;
const SET_PENDING: u32 = 0x200;
const CLEAR_PENDING: u32 = 0x280;
const PRIORITY: u32 = 0x400;
const TARGETS: u32 = 0x800;
const CONFIG: u32 = 0xC00;

const CPU_CTLR: u32 = 0x00;
const CPU_MASK: u32 = 0x04;
const CPU_ACK: u32 = 0x0C;
const CPU_END: u32 = 0x10;

/// Shared interrupts begin here; below are those of one core.
const SHARED: u32 = 32;
/// What an acknowledge gives where nothing is pending (any more).
const SPURIOUS: u32 = 1023;
/// CPU interface: both groups on, group 1 acknowledged as well, group 0 signalled by FIQ.
const CPU_ON: u32 = 0b1111;

/// An interrupt cannot be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum GicError {
    /// The controller has no such shared interrupt.
    #[error("interrupt {id}: the controller has 32 to {last}")]
    NoSuch {
        /// Asked for.
        id: u32,
        /// Last one it has.
        last: u32,
    },
}

/// Which of the core's two inputs an interrupt raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Group 1.
    Irq,
    /// Group 0: for what must get through while IRQ is masked.
    Fiq,
}

/// What raises an interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A level; pending as long as it is high.
    Level,
    /// A rising edge; pending until acknowledged or cleared.
    Edge,
}

/// Distributor and CPU interface.
#[derive(Clone, Copy, Debug)]
pub struct Gic<B> {
    bus: B,
    distributor: u32,
    cpu: u32,
}

impl<B: Bus> Gic<B> {
    /// Nothing is accessed yet.
    pub const fn new(bus: B, distributor: u32, cpu: u32) -> Self {
        Self { bus, distributor, cpu }
    }

    fn read(&self, offset: u32) -> u32 {
        self.bus.read32(self.distributor + offset)
    }

    fn write(&self, offset: u32, value: u32) {
        self.bus.write32(self.distributor + offset, value);
    }

    /// Interrupts that the controller has (a multiple of 32).
    pub fn interrupts(&self) -> u32 {
        ((self.read(TYPER) & 0x1F) + 1) * 32
    }

    /// Everything off and forgotten, all shared ones at one priority, then the controller on.
    pub fn start(&self) {
        self.write(CTLR, 0);
        for word in 1..self.interrupts() / 32 {
            self.write(CLEAR_ENABLE + 4 * word, u32::MAX);
            self.write(CLEAR_PENDING + 4 * word, u32::MAX);
            self.write(GROUP + 4 * word, u32::MAX);
        }
        for word in SHARED / 4..self.interrupts() / 4 {
            self.write(PRIORITY + 4 * word, 0xA0A0_A0A0);
        }
        self.bus.write32(self.cpu + CPU_MASK, 0xF0);
        self.bus.write32(self.cpu + CPU_CTLR, CPU_ON);
        self.write(CTLR, 0b11);
    }

    /// Sends `id` to this core (CPU interface 0).
    ///
    /// # Errors
    /// [`GicError::NoSuch`].
    pub fn enable(&self, id: u32, line: Line, trigger: Trigger) -> Result<(), GicError> {
        self.known(id)?;
        let (word, bit) = (4 * (id / 32), 1 << (id % 32));
        // Trigger, target and group may only change while it is off.
        self.write(CLEAR_ENABLE + word, bit);
        let group = self.read(GROUP + word) & !bit;
        self.write(GROUP + word, group | if line == Line::Irq { bit } else { 0 });
        let at = CONFIG + 4 * (id / 16);
        let edge = 2 << (2 * (id % 16));
        let config = self.read(at) & !edge;
        self.write(at, config | if trigger == Trigger::Edge { edge } else { 0 });
        let (at, shift) = (TARGETS + (id & !3), 8 * (id % 4));
        self.write(at, self.read(at) & !(0xFF << shift) | 1 << shift);
        self.write(SET_ENABLE + word, bit);
        Ok(())
    }

    /// No longer sends `id`.
    ///
    /// # Errors
    /// [`GicError::NoSuch`].
    pub fn disable(&self, id: u32) -> Result<(), GicError> {
        self.known(id)?;
        self.write(CLEAR_ENABLE + 4 * (id / 32), 1 << (id % 32));
        Ok(())
    }

    /// `id` is pending: for a level, its line is high. False where there is no such interrupt.
    pub fn pending(&self, id: u32) -> bool {
        id < SPURIOUS && self.read(SET_PENDING + 4 * (id / 32)) >> (id % 32) & 1 == 1
    }

    /// The levels of `count` (at most 32) interrupts from `first` on, the first in bit 0.
    pub fn levels(&self, first: u32, count: u32) -> u32 {
        let word = |id: u32| u64::from(self.read(SET_PENDING + 4 * (id / 32)));
        let crosses = first % 32 + count > 32;
        let both = word(first) | if crosses { word(first + 32) << 32 } else { 0 };
        ((both >> (first % 32)) & ((1u64 << count.min(32)) - 1)) as u32
    }

    /// Makes `id` pending by software.
    ///
    /// # Errors
    /// [`GicError::NoSuch`].
    pub fn raise(&self, id: u32) -> Result<(), GicError> {
        self.known(id)?;
        self.write(SET_PENDING + 4 * (id / 32), 1 << (id % 32));
        Ok(())
    }

    /// Forgets a software or edge interrupt. A level that is high stays pending.
    ///
    /// # Errors
    /// [`GicError::NoSuch`].
    pub fn clear(&self, id: u32) -> Result<(), GicError> {
        self.known(id)?;
        self.write(CLEAR_PENDING + 4 * (id / 32), 1 << (id % 32));
        Ok(())
    }

    /// Takes the most urgent interrupt; `None` for a spurious one, which needs no end.
    pub fn acknowledge(&self) -> Option<u32> {
        let id = self.bus.read32(self.cpu + CPU_ACK) & 0x3FF;
        // 1022: one of the other group, for an interface that may not see it.
        (id < SPURIOUS - 1).then_some(id)
    }

    /// The interrupt that [`Gic::acknowledge`] gave is dealt with.
    pub fn end(&self, id: u32) {
        self.bus.write32(self.cpu + CPU_END, id);
    }

    fn known(&self, id: u32) -> Result<(), GicError> {
        // The last few numbers of a full controller are reserved.
        let last = self.interrupts().min(SPURIOUS - 3) - 1;
        if (SHARED..=last).contains(&id) { Ok(()) } else { Err(GicError::NoSuch { id, last }) }
    }
}
