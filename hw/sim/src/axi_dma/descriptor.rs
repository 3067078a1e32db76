//! "Scatter Gather Descriptor": the words of a descriptor that the core reads and writes.

use tandem_regs::sg_descriptor::{CONTROL, STATUS, offset};

use super::DmaConfig;
use crate::fabric::{BusError, Fabric};

/// Descriptors begin at multiples of this many bytes.
pub const DESCRIPTOR_ALIGN: u64 = 64;

/// A fetched descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Where it lies.
    pub addr: u64,
    /// NXTDESC.
    pub next: u64,
    /// BUFFER_ADDRESS.
    pub buffer: u64,
    /// Buffer Length, cut to the width of the length field.
    pub len: u32,
    /// TXEOF (MM2S only).
    pub eof: bool,
    /// Cmplt was already set.
    pub stale: bool,
}

impl Descriptor {
    /// Reads the descriptor at `addr`.
    pub(super) fn read(addr: u64, config: &DmaConfig, fabric: &Fabric) -> Result<Self, BusError> {
        let mut bytes = [0; 32];
        fabric.read(addr, &mut bytes)?;
        let word = |at: u32| {
            let at = at as usize;
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let pointer = |low: u32, high: u32| {
            let high = if config.wide_addresses { word(high) } else { 0 };
            u64::from(high) << 32 | u64::from(word(low))
        };
        let control = word(offset::CONTROL);
        Ok(Self {
            addr,
            next: pointer(offset::NXTDESC, offset::NXTDESC_MSB),
            buffer: pointer(offset::BUFFER, offset::BUFFER_MSB),
            len: control & length_mask(config),
            eof: control & CONTROL::EOF::SET.value != 0,
            stale: word(offset::STATUS) & STATUS::COMPLETE::SET.value != 0,
        })
    }

    /// Writes the status word.
    pub(super) fn write_status(&self, status: u32, fabric: &Fabric) -> Result<(), BusError> {
        fabric.write(self.addr + u64::from(offset::STATUS), &status.to_le_bytes())
    }
}

/// Bits of a length that exist.
fn length_mask(config: &DmaConfig) -> u32 {
    (1 << config.length_bits.clamp(8, 26)) - 1
}
