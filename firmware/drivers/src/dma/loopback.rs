//! Memory to memory through an AXI DMA whose streams are tied together: a self-test for designs that
//! have such a loop.
//!
//! [`PIECES`] packets of [`PIECE_BYTES`] go out of one buffer and come back into one each. They must
//! arrive whole, with their lengths, and as they were sent.

use tandem_regs::sg_descriptor::{CONTROL, STATUS, offset};
use thiserror::Error;

use super::chain::DESCRIPTOR_BYTES;
use super::channel::Channel;
use super::error::{Direction, DmaFault};
use crate::bus::Bus;

/// Packets of a run.
pub const PIECES: u32 = 4;
/// Bytes of a packet; the narrowest length field that a loop may have is that of the core's default.
pub const PIECE_BYTES: u32 = 4096;
/// Bytes that arrive in a run.
pub const BYTES: u32 = PIECES * PIECE_BYTES;
/// Bytes of memory that a run needs: descriptors of both channels, what is sent, what arrives.
pub const AREA_BYTES: u32 = SENT + PIECE_BYTES + BYTES;

const RECEIVING: u32 = PIECES * DESCRIPTOR_BYTES;
const SENT: u32 = 2 * RECEIVING;
const ARRIVED: u32 = SENT + PIECE_BYTES;
/// Looks at a channel that was just reset, until it has started.
const POLLS: u32 = 1000;
/// Status of a packet that arrived whole.
const WHOLE: u32 =
    STATUS::COMPLETE::SET.value | STATUS::RXSOF::SET.value | STATUS::RXEOF::SET.value | PIECE_BYTES;

/// Why a run failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LoopbackError {
    /// Somebody else's transfer is set up: nothing was touched.
    #[error("the DMA is in use")]
    InUse,
    /// A channel stopped, or did not start.
    #[error(transparent)]
    Dma(#[from] DmaFault),
    /// A packet did not arrive whole; the status word of its descriptor.
    #[error("packet {0} arrived with status {1:#010x}")]
    Packet(u32, u32),
    /// The byte at this offset of what arrived is in a word that is wrong.
    #[error("the word at {0:#x} of what arrived is not what was sent")]
    Data(u32),
}

/// A run. The bus address of its area is a multiple of 64.
#[derive(Debug)]
pub struct Loopback<B> {
    bus: B,
    mm2s: Channel<B>,
    s2mm: Channel<B>,
    area: u32,
}

impl<B: Bus + Clone> Loopback<B> {
    /// Through the DMA at `base`; `area` has [`AREA_BYTES`] that both the core and the DMA see without
    /// a cache. Touches nothing.
    pub fn new(bus: B, base: u32, area: u32) -> Self {
        let mm2s = Channel::new(bus.clone(), base, Direction::Mm2s);
        let s2mm = Channel::new(bus.clone(), base, Direction::S2mm);
        Self { bus, mm2s, s2mm, area }
    }

    /// Begins by resetting the DMA.
    ///
    /// # Errors
    /// [`LoopbackError::InUse`] if a channel runs already.
    pub fn begin(&self) -> Result<(), LoopbackError> {
        if !self.mm2s.status().halted() || !self.s2mm.status().halted() {
            return Err(LoopbackError::InUse);
        }
        self.mm2s.begin_reset();
        Ok(())
    }

    /// The reset is over: [`Loopback::start`] may be called.
    pub fn ready(&self) -> bool {
        self.mm2s.reset_done() && self.s2mm.reset_done()
    }

    /// Fills the area; [`Loopback::go`] comes next.
    pub fn start(&self) {
        for at in (0..PIECE_BYTES).step_by(4) {
            self.bus.write32(self.area + SENT + at, word(at));
        }
        for at in (0..BYTES).step_by(4) {
            self.bus.write32(self.area + ARRIVED + at, !word(at % PIECE_BYTES));
        }
        for index in 0..PIECES {
            self.describe(0, index, self.area + SENT);
            self.describe(RECEIVING, index, self.area + ARRIVED + index * PIECE_BYTES);
        }
        self.bus.dma_wmb();
    }

    fn describe(&self, chain: u32, index: u32, buffer: u32) {
        let at = self.area + chain + index * DESCRIPTOR_BYTES;
        let next = self.area + chain + (index + 1) % PIECES * DESCRIPTOR_BYTES;
        let control = CONTROL::LENGTH.val(PIECE_BYTES) + CONTROL::SOF::SET + CONTROL::EOF::SET;
        for zero in (0..DESCRIPTOR_BYTES).step_by(4) {
            self.bus.write32(at + zero, 0);
        }
        self.bus.write32(at + offset::NXTDESC, next);
        self.bus.write32(at + offset::BUFFER, buffer);
        self.bus.write32(at + offset::CONTROL, control.value);
    }

    /// Sets both channels going, the receiving one first.
    ///
    /// # Errors
    /// A channel that does not start.
    pub fn go(&self) -> Result<(), LoopbackError> {
        let last = (PIECES - 1) * DESCRIPTOR_BYTES;
        for (channel, chain) in [(&self.s2mm, RECEIVING), (&self.mm2s, 0)] {
            let first = self.area + chain;
            channel.start_at([first, first + last, PIECES], &mut super::polls(POLLS))?;
        }
        Ok(())
    }

    /// Whether everything has arrived.
    ///
    /// # Errors
    /// A channel that has stopped.
    pub fn arrived(&self) -> Result<bool, LoopbackError> {
        for channel in [&self.mm2s, &self.s2mm] {
            if let Some(error) = channel.status().error() {
                return Err(channel.fault(error).into());
            }
        }
        Ok(self.s2mm.status().complete())
    }

    /// Compares what arrived with what was sent.
    ///
    /// # Errors
    /// The first packet or word that is wrong.
    pub fn compare(&self) -> Result<(), LoopbackError> {
        self.bus.dma_rmb();
        for index in 0..PIECES {
            let at = self.area + RECEIVING + index * DESCRIPTOR_BYTES + offset::STATUS;
            let status = self.bus.read32(at);
            if status != WHOLE {
                return Err(LoopbackError::Packet(index, status));
            }
        }
        let mut arrived = (0..BYTES).step_by(4);
        let wrong =
            arrived.find(|at| self.bus.read32(self.area + ARRIVED + at) != word(at % PIECE_BYTES));
        wrong.map_or(Ok(()), |at| Err(LoopbackError::Data(at)))
    }

    /// Stops the DMA and takes its interrupts back, however the run went.
    pub fn end(&self) {
        self.mm2s.begin_reset();
    }
}

/// The word at an offset of what is sent: all bits change within a few of them.
const fn word(at: u32) -> u32 {
    at.wrapping_mul(0x9E37_79B1) ^ 0x5A5A_5A5A
}
