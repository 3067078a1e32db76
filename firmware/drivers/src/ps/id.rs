//! Which device this is, and why it was reset.

use tock_registers::interfaces::{Readable, Writeable};

use super::map::id as map;
use crate::bus::Bus;
use crate::reg::Block;

/// The device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// JTAG IDCODE.
    pub idcode: u32,
    /// Silicon version: 3 and up is what is sold.
    pub version: u32,
}

/// Reads the identity from the CSU at `base`.
pub fn identity<B: Bus>(bus: B, base: u32) -> Identity {
    let block = Block::new(bus, base);
    Identity {
        idcode: block.reg(map::CSU_IDCODE).get(),
        version: block.reg(map::CSU_VERSION).read(map::VERSION::SILICON),
    }
}

/// Why the system was reset: bits, since several may have come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResetReason(pub u32);

impl ResetReason {
    /// Names of the bits, bit 0 first.
    pub const NAMES: [&str; 7] = [
        "external power-on",
        "internal power-on",
        "PMU",
        "PS only",
        "SRST pin",
        "software",
        "debugger",
    ];

    /// Reads it from CRL_APB at `base` without clearing it: the A53's loader wants it, too.
    pub fn read<B: Bus>(bus: B, base: u32) -> Self {
        Self(Block::new(bus, base).reg(map::RESET_REASON).read(map::REASON::BITS))
    }

    /// Clears the bits of this reason, so that the next reset stands alone. False if one stays.
    pub fn clear<B: Bus>(self, bus: B, base: u32) -> bool {
        let block = Block::new(bus, base);
        block.reg(map::RESET_REASON).set(self.0);
        block.reg(map::RESET_REASON).get() & self.0 == 0
    }
}
