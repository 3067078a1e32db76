//! One counter of a triple timer, at its own offsets of counter 0. UG1087, module TTC.

use super::Device;

/// Clock of the model, Hz.
pub const CLOCK: u64 = 100_000_000;

/// A counter that counts up.
pub struct TtcModel {
    mask: u32,
    clock: u32,
    control: u32,
    matches: u32,
    enable: u32,
    events: u32,
    /// Ticks of the divided clock since the restart.
    ticks: u64,
    /// Board's time of the restart, and of the last advance.
    began: u64,
    now: u64,
    misuse: Vec<String>,
}

impl TtcModel {
    /// A counter of `bits` bits.
    pub fn new(bits: u32) -> Self {
        Self {
            mask: u32::MAX >> (32 - bits),
            clock: 0,
            control: 0x21,
            matches: 0,
            enable: 0,
            events: 0,
            ticks: 0,
            began: 0,
            now: 0,
            misuse: Vec::new(),
        }
    }

    /// Level of the interrupt.
    pub fn irq(&self) -> bool {
        self.events & self.enable != 0
    }

    fn runs(&self) -> bool {
        self.control & 1 == 0
    }

    fn passed(&self, now: u64) -> u64 {
        let shift = if self.clock & 1 == 1 { (self.clock >> 1 & 0xF) + 1 } else { 0 };
        ((u128::from(now - self.began) * u128::from(CLOCK) / 1_000_000_000) as u64) >> shift
    }
}

impl Device for TtcModel {
    fn read32(&mut self, at: u32) -> u32 {
        match at {
            0x00 => self.clock,
            0x0C => self.control,
            0x18 => self.ticks as u32 & self.mask,
            0x30 => self.matches,
            0x54 => std::mem::take(&mut self.events),
            0x60 => self.enable,
            _ => {
                self.misuse.push(format!("TTC {at:#x} read"));
                0
            }
        }
    }

    fn write32(&mut self, at: u32, value: u32) {
        match at {
            0x00 if self.runs() => self.misuse.push("clock changed while the counter runs".into()),
            0x00 => self.clock = value & 0x7F,
            0x0C => {
                if value & 0x10 != 0 {
                    (self.ticks, self.began) = (0, self.now);
                }
                self.control = value & !0x10;
            }
            0x30 => self.matches = value & self.mask,
            0x60 => {
                if value & 2 != 0 && self.control & 8 == 0 {
                    self.misuse.push("match enabled without match mode".into());
                }
                self.enable = value;
            }
            _ => self.misuse.push(format!("TTC {at:#x} written")),
        }
    }

    fn advance(&mut self, now: u64) {
        self.now = now;
        if !self.runs() {
            return;
        }
        let after = self.passed(now);
        let range = u64::from(self.mask) + 1;
        // The next count from the last one on that equals the match.
        let ahead = (u64::from(self.matches) + range - (self.ticks + 1) % range) % range + 1;
        if self.control & 8 != 0 && after - self.ticks >= ahead {
            self.events |= 2;
        }
        if self.ticks / range != after / range {
            self.events |= 0x10;
        }
        self.ticks = after;
    }

    fn misuse(&mut self) -> &mut Vec<String> {
        &mut self.misuse
    }
}
