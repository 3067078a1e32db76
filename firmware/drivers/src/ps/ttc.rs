//! One counter of a triple timer: free running time, and an alarm at a match.

use tock_registers::interfaces::{Readable, Writeable};

use super::map::ttc as map;
use crate::bus::Bus;
use crate::reg::Block;

/// One counter. It counts up through its whole range and is never stopped by an alarm.
#[derive(Clone, Copy, Debug)]
pub struct Ttc<B> {
    block: Block<B>,
    mask: u32,
}

impl<B: Bus> Ttc<B> {
    /// Counter `index` (0 to 2) of the block at `base`, of `bits` bits: 32 on the Zynq UltraScale+, 16
    /// on the Zynq-7000, whose model QEMU has.
    pub const fn new(bus: B, base: u32, index: u32, bits: u32) -> Self {
        Self { block: Block::new(bus, base + 4 * index), mask: u32::MAX >> (32 - bits) }
    }

    /// Counts from zero with the clock divided by 2^`exponent` (0 to 16), no interrupt.
    pub fn start(&self, exponent: u32) {
        let stop = map::CNT::DISABLE::SET + map::CNT::WAVE_OFF::SET;
        self.block.reg(map::COUNTER).write(stop);
        self.block.reg(map::ENABLE).set(0);
        let clock = match exponent {
            0 => map::CLK::PRESCALE::CLEAR,
            _ => map::CLK::PRESCALE::SET + map::CLK::SCALE.val(exponent.min(16) - 1),
        };
        self.block.reg(map::CLOCK).write(clock);
        let run = map::CNT::RESTART::SET + map::CNT::MATCH::SET + map::CNT::WAVE_OFF::SET;
        self.block.reg(map::COUNTER).write(run);
        self.events();
    }

    /// The count.
    pub fn count(&self) -> u32 {
        self.block.reg(map::VALUE).get() & self.mask
    }

    /// Ticks from an earlier count to now; right for less than one round.
    pub fn since(&self, earlier: u32) -> u32 {
        self.count().wrapping_sub(earlier) & self.mask
    }

    /// Raises the interrupt `ticks` from now: at least 1, at most half of the range (a longer alarm
    /// comes then). False if the count has passed the match before it was in place: that alarm is
    /// due now and raises nothing.
    pub fn alarm(&self, ticks: u32) -> bool {
        let ticks = ticks.clamp(1, self.mask / 2);
        let from = self.count();
        self.block.reg(map::MATCH1).set(from.wrapping_add(ticks) & self.mask);
        self.events();
        self.block.reg(map::ENABLE).write(map::IR::MATCH1::SET);
        self.since(from) < ticks
    }

    /// No alarm.
    pub fn disarm(&self) {
        self.block.reg(map::ENABLE).set(0);
        self.events();
    }

    /// Whether the alarm went off; asking lowers the interrupt.
    pub fn events(&self) -> bool {
        map::IR::MATCH1.is_set(self.block.reg(map::EVENTS).get())
    }
}

/// 64 bits of time from a counter that wraps: must be asked at least once a round.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extended {
    ticks: u64,
    last: u32,
}

impl Extended {
    /// Ticks since the counter's start.
    pub fn ticks<B: Bus>(&mut self, counter: &Ttc<B>) -> u64 {
        let passed = counter.since(self.last);
        self.last = self.last.wrapping_add(passed) & counter.mask;
        self.ticks += u64::from(passed);
        self.ticks
    }
}
