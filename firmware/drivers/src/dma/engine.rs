//! Both channels of one AXI DMA as one job: out of memory through a kernel and back.

use core::borrow::Borrow;

use super::chain::{Chain, Verify};
use super::channel::{Channel, Status};
use super::error::{Direction, DmaError, DmaFault};
use crate::bus::Bus;

/// How far a job came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// At least one channel still moves data.
    Running,
    /// Both have ended; [`AxiDma::finish`] says whether well.
    Ended,
}

/// What a finished job moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Bytes read from memory.
    pub read: u32,
    /// Bytes written to memory.
    pub written: u32,
}

/// The two chains of a job, or references to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job<C = Chain> {
    /// Memory to stream.
    pub input: C,
    /// Stream to memory.
    pub output: C,
}

/// An AXI DMA. One job at a time; after any error it must be reset before the next.
#[derive(Debug)]
pub struct AxiDma<B> {
    mm2s: Channel<B>,
    s2mm: Channel<B>,
    /// What the channels of the running job said when they were seen to have ended.
    ended: [Option<Status>; 2],
}

impl<B: Bus + Clone> AxiDma<B> {
    /// The DMA whose registers are at `base`. Its state is unknown until a reset.
    pub fn new(bus: B, base: u32) -> Self {
        Self {
            mm2s: Channel::new(bus.clone(), base, Direction::Mm2s),
            s2mm: Channel::new(bus, base, Direction::S2mm),
            ended: [None; 2],
        }
    }
}

impl<B: Bus> AxiDma<B> {
    /// The channel out of memory.
    pub const fn mm2s(&self) -> &Channel<B> {
        &self.mm2s
    }

    /// The channel into memory.
    pub const fn s2mm(&self) -> &Channel<B> {
        &self.s2mm
    }

    /// Starts the reset of both channels: afterwards they stand, without errors or interrupts.
    pub fn begin_reset(&mut self) {
        self.ended = [None; 2];
        self.mm2s.begin_reset();
    }

    /// The reset is over.
    pub fn reset_done(&self) -> bool {
        self.mm2s.reset_done() && self.s2mm.reset_done()
    }

    /// Resets both channels, asking `expired` after each look (see [`super::polls`]).
    ///
    /// # Errors
    /// [`DmaError::Timeout`]; nothing may be assumed about the DMA then.
    pub fn reset(&mut self, mut expired: impl FnMut() -> bool) -> Result<(), DmaFault> {
        self.begin_reset();
        while !self.reset_done() {
            if expired() {
                return Err(self.mm2s.fault(DmaError::Timeout));
            }
        }
        Ok(())
    }

    /// Starts both channels, the receiving one first. The kernel is started by the caller.
    ///
    /// # Errors
    /// See [`Channel::start`].
    #[inline(never)]
    pub fn submit<C: Borrow<Chain>>(
        &mut self,
        job: &Job<C>,
        mut expired: impl FnMut() -> bool,
    ) -> Result<(), DmaFault> {
        self.ended = [None; 2];
        self.s2mm.start(job.output.borrow(), &mut expired)?;
        self.mm2s.start(job.input.borrow(), &mut expired)
    }

    /// Looks at the channels that have not ended yet. To be called on an interrupt and, because
    /// an interrupt can be lost, from time to time. `Ended` while the interrupt line stays low is
    /// a lost interrupt.
    ///
    /// # Errors
    /// The error of the channel that stopped.
    #[inline(never)]
    pub fn poll<C: Borrow<Chain>>(&mut self, job: &Job<C>) -> Result<Progress, DmaFault> {
        let [read, written] = &mut self.ended;
        if written.is_none() {
            *written = self.s2mm.poll(job.output.borrow())?;
        }
        if read.is_none() {
            *read = self.mm2s.poll(job.input.borrow())?;
        }
        let ended = read.is_some() && written.is_some();
        Ok(if ended { Progress::Ended } else { Progress::Running })
    }

    /// Acknowledges a job that has ended and checks every descriptor. What [`AxiDma::poll`] has seen of the
    /// channels is not read again.
    ///
    /// # Errors
    /// See [`Chain::collect`].
    #[inline(never)]
    pub fn finish<C: Borrow<Chain>>(&self, job: &Job<C>) -> Result<Completion, DmaFault> {
        let [read, written] = self.ended;
        let seen = |channel: &Channel<B>, seen: Option<Status>| {
            seen.unwrap_or_else(|| {
                let status = channel.status();
                channel.bus().dma_rmb();
                status
            })
        };
        let read = self.mm2s.finish(job.input.borrow(), seen(&self.mm2s, read))?;
        let written = self.s2mm.finish(job.output.borrow(), seen(&self.s2mm, written))?;
        Ok(Completion { read, written })
    }

    /// Finds the DMA's part in a job that does not end in time, or that the kernel refused.
    /// `kernel_ok`: the kernel has ended this job and reports success. None: the DMA waits for the
    /// kernel and has done nothing wrong. Reads whole chains; for after a failure.
    pub fn diagnose(&self, job: &Job, kernel_ok: bool) -> Option<DmaFault> {
        for (channel, chain) in [(&self.mm2s, &job.input), (&self.s2mm, &job.output)] {
            if let Err(fault) = channel.poll(chain) {
                return Some(fault);
            }
            if let Err(error) = chain.verify(channel.bus(), Verify::All) {
                return Some(channel.fault(error));
            }
        }
        // Nothing more will come, and yet the channel waits: the packet's end was never sent.
        let waits = matches!(self.s2mm.poll(&job.output), Ok(None));
        (kernel_ok && waits).then_some(self.s2mm.fault(DmaError::StreamMismatch))
    }
}
