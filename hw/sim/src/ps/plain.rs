//! Small blocks: system counter, identity and reset reason, one IPI channel.

use super::Device;

/// The system counter at 100 MHz. UG1087, module IOU_SCNTRS.
#[derive(Default)]
pub struct CounterModel {
    control: u32,
    ticks: u64,
    /// Added after each read of a word: the counter goes on between two reads.
    pub step: u64,
    now: u64,
    misuse: Vec<String>,
}

impl CounterModel {
    /// Sets the count.
    pub fn set(&mut self, ticks: u64) {
        self.ticks = ticks;
    }
}

impl Device for CounterModel {
    fn read32(&mut self, at: u32) -> u32 {
        let value = match at {
            0x00 => self.control,
            0x08 => self.ticks as u32,
            0x0C => (self.ticks >> 32) as u32,
            0x20 => 100_000_000,
            _ => {
                self.misuse.push(format!("counter {at:#x} read"));
                0
            }
        };
        self.ticks += self.step;
        value
    }

    fn write32(&mut self, at: u32, value: u32) {
        match at {
            0x00 => self.control = value & 3,
            _ => self.misuse.push(format!("counter {at:#x} written")),
        }
    }

    fn advance(&mut self, now: u64) {
        if self.control & 1 == 1 {
            self.ticks += (now - self.now) / 10;
        }
        self.now = now;
    }

    fn misuse(&mut self) -> &mut Vec<String> {
        &mut self.misuse
    }
}

/// IDCODE and VERSION (CSU) and RESET_REASON (CRL_APB) in one block.
#[derive(Default)]
pub struct IdModel {
    /// JTAG IDCODE.
    pub idcode: u32,
    /// Silicon version.
    pub version: u32,
    /// RESET_REASON.
    pub reason: u32,
    /// The next clear is lost.
    pub lost_clear: bool,
    misuse: Vec<String>,
}

impl Device for IdModel {
    fn read32(&mut self, at: u32) -> u32 {
        match at {
            0x40 => self.idcode,
            0x44 => self.version,
            0x220 => self.reason,
            _ => {
                self.misuse.push(format!("identity {at:#x} read"));
                0
            }
        }
    }

    fn write32(&mut self, at: u32, value: u32) {
        match at {
            0x220 if std::mem::take(&mut self.lost_clear) => {}
            0x220 => self.reason &= !value,
            _ => self.misuse.push(format!("identity {at:#x} written")),
        }
    }

    fn advance(&mut self, _now: u64) {}

    fn misuse(&mut self) -> &mut Vec<String> {
        &mut self.misuse
    }
}

/// One IPI channel, and what the other ends see of it. UG1087, module IPI.
#[derive(Default)]
pub struct IpiModel {
    status: u32,
    enabled: u32,
    observed: u32,
    /// The next clear is lost.
    pub lost_clear: bool,
    misuse: Vec<String>,
}

/// Bits of agents that there are.
const AGENTS: u32 = 0x0F0F_0301;

impl IpiModel {
    /// The agents of `bits` ring this channel.
    pub fn rings(&mut self, bits: u32) {
        self.status |= bits & AGENTS;
    }

    /// The other ends acknowledge; returns what was rung.
    pub fn heard(&mut self) -> u32 {
        std::mem::take(&mut self.observed)
    }

    /// Level of the interrupt.
    pub fn irq(&self) -> bool {
        self.status & self.enabled != 0
    }
}

impl Device for IpiModel {
    fn read32(&mut self, at: u32) -> u32 {
        match at {
            0x04 => self.observed,
            0x10 => self.status,
            0x14 => !self.enabled & AGENTS,
            _ => {
                self.misuse.push(format!("IPI {at:#x} read"));
                0
            }
        }
    }

    fn write32(&mut self, at: u32, value: u32) {
        match at {
            0x00 => {
                if value & !AGENTS != 0 || value == 0 {
                    self.misuse.push(format!("nobody to ring in {value:#x}"));
                }
                self.observed |= value & AGENTS;
            }
            0x10 if std::mem::take(&mut self.lost_clear) => {}
            0x10 => self.status &= !value,
            0x18 => self.enabled |= value & AGENTS,
            0x1C => self.enabled &= !value,
            _ => self.misuse.push(format!("IPI {at:#x} written")),
        }
    }

    fn advance(&mut self, _now: u64) {}

    fn misuse(&mut self) -> &mut Vec<String> {
        &mut self.misuse
    }
}
