//! Time from TTC0's first counter (UG1087, module TTC): free running, extended to 64 bits here.

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering};
use tandem_drivers::bus::Bus;

const TTC0: u32 = 0xFF11_0000;
const CLOCK_CONTROL: u32 = TTC0;
const COUNTER_CONTROL: u32 = TTC0 + 0x0C;
const COUNT: u32 = TTC0 + 0x18;
/// Clock control: prescaler on, division by 2^(N+1) in bits 4:1.
const fn prescale(exponent: u32) -> u32 {
    1 | (exponent - 1) << 1
}
/// Counter control: restart now, count up through the whole range, waveform output off.
const RUN: u32 = 0x20 | 0x10;

/// QEMU's TTC is the one of the Zynq-7000: 16 bits at 133 MHz. Divided by 2^10 it wraps every
/// 0.5 s, which the heartbeat's period is far below, and resolves 7.7 us. On silicon the counter
/// has 32 bits and needs no prescaler; that set of numbers comes with the first silicon board.
const EXPONENT: u32 = 10;
const MASK: u32 = 0xFFFF;
const MEGAHERTZ: u64 = 133;

/// What the clock said last, low word and high word: a crash looks at no device.
static LAST: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];

/// What the clock said when it was last asked, ns; 0 before that.
pub fn last() -> u64 {
    let [low, high] = [0, 1].map(|i: usize| u64::from(LAST[i].load(Ordering::Relaxed)));
    high << 32 | low
}

/// Extends the counter; must be read at least once per wrap, which the heartbeat does.
pub struct Clock {
    ticks: Cell<u64>,
    last: Cell<u32>,
}

impl Clock {
    /// Starts the counter from zero.
    pub fn start(bus: &impl Bus) -> Self {
        bus.write32(CLOCK_CONTROL, prescale(EXPONENT));
        bus.write32(COUNTER_CONTROL, RUN);
        Self { ticks: Cell::new(0), last: Cell::new(0) }
    }

    /// Nanoseconds since the start.
    pub fn now(&self, bus: &impl Bus) -> u64 {
        let count = bus.read32(COUNT) & MASK;
        let passed = count.wrapping_sub(self.last.get()) & MASK;
        self.last.set(count);
        self.ticks.set(self.ticks.get() + u64::from(passed));
        let now = (self.ticks.get() << EXPONENT) * 1000 / MEGAHERTZ;
        LAST[0].store(now as u32, Ordering::Relaxed);
        LAST[1].store((now >> 32) as u32, Ordering::Relaxed);
        now
    }
}
