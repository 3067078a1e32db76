//! The system counter: one clock for the A53s and the R5F.

use tock_registers::interfaces::{ReadWriteable, Readable};

use super::map::counter as map;
use crate::bus::Bus;
use crate::reg::Block;

/// The system counter.
#[derive(Clone, Copy, Debug)]
pub struct SystemCounter<B> {
    block: Block<B>,
}

impl<B: Bus> SystemCounter<B> {
    /// The counter whose secure side is at `base`.
    pub const fn new(bus: B, base: u32) -> Self {
        Self { block: Block::new(bus, base) }
    }

    /// Starts it where nobody has (the first-stage loader does on most boards). It is never set back.
    pub fn start(&self) {
        if !self.block.reg(map::CTRL).is_set(map::CONTROL::ENABLE) {
            self.block.reg(map::CTRL).modify(map::CONTROL::ENABLE::SET);
        }
    }

    /// Hertz, as the loader left them for the A53's timers; 0 if it left none.
    pub fn frequency(&self) -> u32 {
        self.block.reg(map::FREQUENCY).get()
    }

    /// Ticks since it was started: 64 bits from two words, read until the upper one stands still.
    pub fn ticks(&self) -> u64 {
        loop {
            let high = self.block.reg(map::HIGH).get();
            let low = self.block.reg(map::LOW).get();
            // At 100 MHz the upper word moves every 43 s: a second turn is the last.
            if self.block.reg(map::HIGH).get() == high {
                return u64::from(high) << 32 | u64::from(low);
            }
        }
    }
}

/// Nanoseconds of `ticks` at `hertz`, without overflow for 500 years.
#[must_use]
pub const fn nanos(ticks: u64, hertz: u32) -> u64 {
    let hertz = if hertz == 0 { 1 } else { hertz as u64 };
    ticks / hertz * 1_000_000_000 + ticks % hertz * 1_000_000_000 / hertz
}
