//! Cadence system watchdog. UG1087, module SWDT.

use super::Device;

/// Clock of the model, Hz.
pub const CLOCK: u64 = 100_000_000;

/// A watchdog.
pub struct SwdtModel {
    mode: u32,
    counter: u32,
    /// When the count began.
    fed: u64,
    now: u64,
    expired: bool,
    /// Without a clock its registers take nothing.
    pub clocked: bool,
    misuse: Vec<String>,
}

impl Default for SwdtModel {
    fn default() -> Self {
        let (mode, counter) = (0x1C2, 0x3FFC);
        Self { mode, counter, fed: 0, now: 0, expired: false, clocked: true, misuse: Vec::new() }
    }
}

impl SwdtModel {
    /// Time from a feed to the end, ns.
    pub fn period(&self) -> u64 {
        let division = [8, 64, 512, 4096][self.counter as usize & 3];
        let counts = (u64::from(self.counter >> 2 & 0xFFF) + 1) << 12;
        counts * division * (1_000_000_000 / CLOCK)
    }

    /// Level of the interrupt (the model holds it; the part pulses it for 32 clocks).
    pub fn irq(&self) -> bool {
        self.expired && self.mode & 4 != 0
    }

    /// It resets the system.
    pub fn resets(&self) -> bool {
        self.expired && self.mode & 2 != 0
    }
}

impl Device for SwdtModel {
    fn read32(&mut self, at: u32) -> u32 {
        match at {
            _ if !self.clocked => 0,
            0x0 => self.mode,
            0x4 => self.counter,
            0xC => self.expired.into(),
            _ => {
                self.misuse.push(format!("watchdog {at:#x} read"));
                0
            }
        }
    }

    fn write32(&mut self, at: u32, value: u32) {
        if !self.clocked {
            return;
        }
        match (at, value) {
            (0x0, _) if value >> 12 != 0xABC => self.misuse.push("mode without its key".into()),
            (0x0, _) => {
                if self.mode & 1 == 0 && value & 1 == 1 {
                    self.fed = self.now;
                }
                self.mode = value & 0x1F7;
            }
            (0x4, _) if value >> 14 != 0x248 => self.misuse.push("counter without its key".into()),
            (0x4, _) if self.mode & 1 == 1 => {
                self.misuse.push("counter changed while it runs".into());
            }
            (0x4, _) => self.counter = value & 0x3FFF,
            (0x8, 0x1999) => (self.fed, self.expired) = (self.now, false),
            _ => self.misuse.push(format!("watchdog {at:#x} := {value:#x}")),
        }
    }

    fn advance(&mut self, now: u64) {
        self.now = now;
        self.expired |= self.mode & 1 == 1 && now - self.fed >= self.period();
    }

    fn misuse(&mut self) -> &mut Vec<String> {
        &mut self.misuse
    }
}
