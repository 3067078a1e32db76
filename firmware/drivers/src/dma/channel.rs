//! One direction's registers: stop, start, look, acknowledge.

use tandem_regs::axi_dma::{
    DMACR, DMASR, MM2S_CURDESC, MM2S_DMACR, MM2S_DMASR, MM2S_TAILDESC, offset,
};
use tock_registers::interfaces::{Readable, Writeable};

use super::chain::Chain;
use super::error::{Direction, DmaError, DmaFault, channel_error};
use crate::bus::Bus;
use crate::reg::Block;

/// A channel status register, as read once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub u32);

impl Status {
    /// The channel has stopped.
    #[must_use]
    pub fn halted(self) -> bool {
        DMASR::HALTED.is_set(self.0)
    }

    /// The channel has reached the tail.
    #[must_use]
    pub fn idle(self) -> bool {
        DMASR::IDLE.is_set(self.0)
    }

    /// The job's last packet is complete: the interrupt is (or should be) pending.
    #[must_use]
    pub fn complete(self) -> bool {
        DMASR::IOC_IRQ.is_set(self.0)
    }

    /// The error that stopped the channel.
    #[inline(always)]
    #[must_use]
    pub fn error(self) -> Option<DmaError> {
        channel_error(self.0)
    }

    /// The interrupt bits, which are cleared by writing them back.
    const fn interrupts(self) -> u32 {
        let all = DMASR::IOC_IRQ::SET.value | DMASR::DLY_IRQ::SET.value | DMASR::ERR_IRQ::SET.value;
        self.0 & all
    }
}

/// One channel of an AXI DMA.
#[derive(Clone, Copy, Debug)]
pub struct Channel<B> {
    // Based so that the MM2S descriptors of the map fit either channel: the layouts are equal.
    block: Block<B>,
    direction: Direction,
}

impl<B: Bus> Channel<B> {
    /// The channel `direction` of the DMA at `base`.
    pub const fn new(bus: B, base: u32, direction: Direction) -> Self {
        let base = match direction {
            Direction::Mm2s => base,
            Direction::S2mm => base + offset::S2MM_DMACR,
        };
        Self { block: Block::new(bus, base), direction }
    }

    /// Reads the status register.
    pub fn status(&self) -> Status {
        Status(self.block.reg(MM2S_DMASR).get())
    }

    /// Clears the interrupt bits that `seen` shows, and no others.
    pub fn acknowledge(&self, seen: Status) {
        if seen.interrupts() != 0 {
            self.block.reg(MM2S_DMASR).set(seen.interrupts());
        }
    }

    /// Starts the soft reset (of both channels).
    pub fn begin_reset(&self) {
        self.block.reg(MM2S_DMACR).write(DMACR::RESET::SET);
    }

    /// The reset is over and the channel has stopped.
    pub fn reset_done(&self) -> bool {
        !self.block.reg(MM2S_DMACR).is_set(DMACR::RESET) && self.status().halted()
    }

    /// Runs `chain` from its first descriptor. Stops the channel first (an idle one stops at
    /// once), because CURDESC can be written only then, and because that makes a job independent
    /// of where the one before ended (PG021, "Programming Sequence").
    ///
    /// `expired` is asked after each unsuccessful look at the channel and ends the wait.
    ///
    /// # Errors
    /// The error that had stopped the channel, or [`DmaError::Timeout`]. Either needs a reset.
    #[inline(always)]
    pub fn start(&self, chain: &Chain, expired: &mut impl FnMut() -> bool) -> Result<(), DmaFault> {
        self.run([chain.first(), chain.tail(), chain.packets()], expired)
    }

    /// The same for descriptors that are not a [`Chain`]: the addresses of the first and the last one,
    /// and their packets.
    pub(super) fn start_at(
        &self,
        descriptors: [u32; 3],
        expired: &mut dyn FnMut() -> bool,
    ) -> Result<(), DmaFault> {
        self.run(descriptors, &mut || expired())
    }

    #[inline(always)]
    fn run(
        &self,
        [first, tail, packets]: [u32; 3],
        expired: &mut impl FnMut() -> bool,
    ) -> Result<(), DmaFault> {
        let before = self.status();
        if let Some(error) = before.error() {
            return Err(self.fault(error));
        }
        self.acknowledge(before);
        if !before.halted() {
            self.block.reg(MM2S_DMACR).write(DMACR::RS::CLEAR);
            self.wait(Status::halted, expired)?;
        }
        self.block.reg(MM2S_CURDESC).set(first);
        // Only the end of S2MM is news: nothing waits for the end of a read. Its errors are.
        let interrupts = match self.direction {
            Direction::Mm2s => DMACR::ERR_IRQ_EN::SET,
            Direction::S2mm => DMACR::ERR_IRQ_EN::SET + DMACR::IOC_IRQ_EN::SET,
        };
        let threshold = DMACR::IRQ_THRESHOLD.val(packets);
        self.block.reg(MM2S_DMACR).write(DMACR::RS::SET + interrupts + threshold);
        self.wait(|status| !status.halted(), expired)?;
        self.block.bus().dma_wmb();
        self.block.reg(MM2S_TAILDESC).set(tail);
        Ok(())
    }

    /// Whether the chain has ended: what the channel said then, for [`Channel::finish`]. Costs one
    /// register read, and one read of memory where the channel is idle without an interrupt (fewer
    /// packets arrived than were planned).
    ///
    /// # Errors
    /// The error that stopped the channel, or the corrupt descriptor that explains it.
    #[inline(always)]
    pub fn poll(&self, chain: &Chain) -> Result<Option<Status>, DmaFault> {
        let status = self.status();
        self.block.bus().dma_rmb();
        if let Some(error) = status.error() {
            return Err(self.fault(chain.explain(self.block.bus(), error)));
        }
        // Idle alone may still be of the time before the tail write was seen.
        let ended = status.complete() || status.idle() && chain.tail_complete(self.block.bus());
        Ok(ended.then_some(status))
    }

    /// Acknowledges the end of the chain, which [`Channel::poll`] has `seen`, and checks every descriptor
    /// of it. Returns the bytes.
    ///
    /// # Errors
    /// See [`Chain::collect`].
    #[inline(always)]
    pub fn finish(&self, chain: &Chain, seen: Status) -> Result<u32, DmaFault> {
        self.acknowledge(seen);
        let announced = seen.complete() && seen.error().is_none();
        chain.collect(self.block.bus(), announced).map_err(|error| self.fault(error))
    }

    pub(super) const fn fault(&self, error: DmaError) -> DmaFault {
        DmaFault { direction: self.direction, error }
    }

    pub(super) const fn bus(&self) -> &B {
        self.block.bus()
    }

    #[inline(always)]
    fn wait(
        &self,
        reached: impl Fn(Status) -> bool,
        expired: &mut impl FnMut() -> bool,
    ) -> Result<(), DmaFault> {
        loop {
            if reached(self.status()) {
                return Ok(());
            }
            if expired() {
                return Err(self.fault(DmaError::Timeout));
            }
        }
    }
}
