//! AMD AXI DMA in scatter-gather mode, as PG021 describes it.
//!
//! Comments name the section of PG021 that a behaviour comes from.

mod channel;
mod descriptor;
mod mm2s;
mod registers;
mod s2mm;

use tandem_regs::axi_dma::{DMACR, offset};

pub use channel::Channel;
pub use descriptor::{DESCRIPTOR_ALIGN, Descriptor};
pub use mm2s::{Pumped, ReadData, Sink};

use crate::fabric::Fabric;

/// Synthesis parameters of one AXI DMA ("Customizing and Generating the Core").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DmaConfig {
    /// Width of Buffer Length Register, 8 to 26. Higher bits of a length do not exist: they are
    /// ignored in silence, as in the core.
    pub length_bits: u8,
    /// Address Width above 32: the upper words of pointers count, and the write of TAILDESC's
    /// upper word (instead of the lower one) starts the channel.
    pub wide_addresses: bool,
    /// Bytes of one stream beat; a buffer begins at a multiple of it unless `realign`.
    pub beat_bytes: u8,
    /// Allow Unaligned Transfers: the realignment engine is built in.
    pub realign: bool,
    /// One unit of IRQDelay in ns: 125 periods of the scatter-gather clock.
    pub delay_unit_ns: u64,
}

impl Default for DmaConfig {
    fn default() -> Self {
        Self {
            length_bits: 26,
            wide_addresses: false,
            beat_bytes: 16,
            realign: true,
            delay_unit_ns: 1250,
        }
    }
}

/// Offset of the S2MM channel's registers from the MM2S channel's.
const S2MM_BASE: u32 = offset::S2MM_DMACR;

/// Both channels behind one register window.
pub struct AxiDma {
    /// Memory to stream.
    pub mm2s: Channel,
    /// Stream to memory.
    pub s2mm: Channel,
    sg_ctl: u32,
    resetting: bool,
}

impl AxiDma {
    /// A core after power-up.
    pub fn new(config: DmaConfig) -> Self {
        Self {
            mm2s: Channel::new(config),
            s2mm: Channel::new(config),
            sg_ctl: tandem_regs::axi_dma::SG_CTL.reset(),
            resetting: false,
        }
    }

    /// Back to the state after power-up.
    pub fn reset(&mut self) {
        self.mm2s.reset();
        self.s2mm.reset();
        self.sg_ctl = tandem_regs::axi_dma::SG_CTL.reset();
        self.resetting = false;
    }

    /// A soft reset was asked for and has not been seen to end.
    pub fn resetting(&self) -> bool {
        self.resetting
    }

    fn channel(&mut self, at: u32) -> (&mut Channel, u32) {
        if at >= S2MM_BASE { (&mut self.s2mm, at - S2MM_BASE) } else { (&mut self.mm2s, at) }
    }

    /// Reads the register at `at`; offsets without a register read 0.
    ///
    /// A soft reset takes time: the first read of a DMACR after it still shows Reset, and until
    /// then writes are lost. Software that does not poll is found out.
    pub fn read32(&mut self, at: u32) -> u32 {
        if at == offset::SG_CTL {
            return self.sg_ctl;
        }
        let pending = std::mem::take(&mut self.resetting);
        let (channel, register) = self.channel(at);
        let value = channel.read32(register);
        if register == offset::MM2S_DMACR && pending {
            return value | DMACR::RESET::SET.value;
        }
        self.resetting = pending;
        value
    }

    /// Writes the register at `at`; offsets without a register ignore it.
    pub fn write32(&mut self, at: u32, value: u32) {
        if self.resetting {
            return;
        }
        if at == offset::SG_CTL {
            self.sg_ctl = value & 0x0F0F;
            return;
        }
        let (channel, register) = self.channel(at);
        if register == offset::MM2S_DMACR && value & DMACR::RESET::SET.value != 0 {
            // "Setting either MM2S_DMACR.Reset or S2MM_DMACR.Reset resets the entire engine."
            self.reset();
            self.resetting = true;
        } else {
            channel.write32(register, value);
        }
    }

    /// Fetches what both channels may fetch and lets the delay timers run up to `now`.
    pub fn advance(&mut self, now: u64, fabric: &Fabric) {
        for channel in [&mut self.mm2s, &mut self.s2mm] {
            channel.fetch(fabric);
            channel.tick(now);
        }
    }

    /// When something happens without further accesses, ns.
    pub fn next_event(&self, now: u64) -> Option<u64> {
        let of = |channel: &Channel| {
            if channel.wants_fetch() { Some(now) } else { channel.delay_due() }
        };
        [of(&self.mm2s), of(&self.s2mm)].into_iter().flatten().min()
    }
}
