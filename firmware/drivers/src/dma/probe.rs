//! Measures the width of the DMA's length field.
//!
//! The width is a choice at synthesis (default 14 bits), and the core drops higher bits in
//! silence. No register tells it. But a descriptor of length 0 stops the channel with DMAIntErr
//! (PG021), and a length of `2^n` is 0 to a field of `n` bits or fewer: so the widest length that
//! does not stop the channel tells the width. The kernel behind must be held in reset meanwhile:
//! then its stream takes nothing, and the DMA reads no more than its buffer holds.

use tandem_regs::sg_descriptor::{CONTROL, offset};

use super::chain::DESCRIPTOR_BYTES;
use super::engine::AxiDma;
use super::error::{DmaError, DmaFault};
use super::limits::MAX_LENGTH_BITS;
use crate::bus::Bus;

/// Narrowest length field that the core can be built with.
pub const MIN_LENGTH_BITS: u8 = 8;

/// State of a measurement. It takes one short job for each width that is refused.
#[derive(Debug)]
pub struct LengthProbe {
    descriptor: u32,
    buffer: u32,
    bits: u8,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The DMA is being reset before the next width is tried, or (true) for the last time.
    Reset(bool),
    /// A descriptor was given to the DMA.
    Tried,
}

/// Result of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeStep {
    /// Something was started: the caller's patience begins anew.
    Started,
    /// Nothing has changed.
    Waiting,
    /// The length field has so many bits; the DMA is reset.
    Done(u8),
}

impl LengthProbe {
    /// Begins by resetting `dma`. `descriptor` is 64 bytes of descriptor memory, `buffer` the bus
    /// address of memory that may be read (64-byte aligned; at most the DMA's own buffer's worth
    /// is read, but a model may check that 32 MiB are there).
    pub fn new<B: Bus>(dma: &mut AxiDma<B>, descriptor: u32, buffer: u32) -> Self {
        dma.begin_reset();
        Self { descriptor, buffer, bits: MAX_LENGTH_BITS, phase: Phase::Reset(false) }
    }

    /// Goes on. `settled`: since the last [`ProbeStep::Started`] (or the beginning) enough time
    /// has passed for the DMA to fetch a descriptor and to complain: some microseconds.
    ///
    /// # Errors
    /// [`DmaError::Timeout`] if the reset does not end, [`DmaError::Internal`] if no width works,
    /// or another error that the channel shows.
    pub fn step<B: Bus>(
        &mut self,
        dma: &mut AxiDma<B>,
        settled: bool,
    ) -> Result<ProbeStep, DmaFault> {
        match self.phase {
            Phase::Reset(last) if dma.reset_done() => {
                if last {
                    return Ok(ProbeStep::Done(self.bits));
                }
                self.try_width(dma)?;
                self.phase = Phase::Tried;
                Ok(ProbeStep::Started)
            }
            Phase::Reset(_) if settled => Err(dma.mm2s().fault(DmaError::Timeout)),
            Phase::Reset(_) => Ok(ProbeStep::Waiting),
            Phase::Tried => match dma.mm2s().status().error() {
                None if !settled => Ok(ProbeStep::Waiting),
                Some(DmaError::Internal) if self.bits > MIN_LENGTH_BITS => {
                    self.bits -= 1;
                    Ok(self.reset(dma, false))
                }
                Some(error) => Err(dma.mm2s().fault(error)),
                None => Ok(self.reset(dma, true)),
            },
        }
    }

    fn reset<B: Bus>(&mut self, dma: &mut AxiDma<B>, last: bool) -> ProbeStep {
        dma.begin_reset();
        self.phase = Phase::Reset(last);
        ProbeStep::Started
    }

    fn try_width<B: Bus>(&self, dma: &AxiDma<B>) -> Result<(), DmaFault> {
        let bus = dma.mm2s().bus();
        for word in (0..DESCRIPTOR_BYTES).step_by(4) {
            bus.write32(self.descriptor + word, 0);
        }
        let length = CONTROL::LENGTH.val(1 << (self.bits - 1));
        let control = length + CONTROL::SOF::SET + CONTROL::EOF::SET;
        bus.write32(self.descriptor + offset::NXTDESC, self.descriptor);
        bus.write32(self.descriptor + offset::BUFFER, self.buffer);
        bus.write32(self.descriptor + offset::CONTROL, control.value);
        dma.mm2s().start_at([self.descriptor, self.descriptor, 1], &mut super::polls(PROBE_POLLS))
    }
}

/// Looks at a channel that was just reset, until it has started.
const PROBE_POLLS: u32 = 1000;
