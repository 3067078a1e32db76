//! An AXI DMA whose streams are tied together by a FIFO: what one channel sends, the other receives.
//!
//! No board of ours has it; it is what a driver can be tried on that knows nothing of our kernels.

use crate::axi_dma::{AxiDma, DmaConfig};
use crate::ddr::Ddr;
use crate::fabric::Fabric;

/// Bytes of the FIFO. A packet of more than this stands still until somebody receives it.
pub const FIFO_BYTES: usize = 4096;

/// How fast a [`LoopedDma`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From the moment at which a burst could move to its first byte, ns.
    pub setup_ns: u64,
    /// For each byte, ns.
    pub byte_ns: u64,
}

/// The DMA, its FIFO, and the memory that it sees.
pub struct LoopedDma {
    dma: AxiDma,
    fabric: Fabric,
    pace: Pace,
    fifo: Box<[u8; FIFO_BYTES]>,
    /// What is in the FIFO: first byte, end, and whether TLAST comes with the last one.
    held: (usize, usize, bool),
    /// When the next burst moves.
    due: Option<u64>,
    now: u64,
}

impl LoopedDma {
    /// After power-up, at time 0, with all of `ddr` open to it.
    pub fn new(config: DmaConfig, ddr: Ddr, pace: Pace) -> Self {
        Self {
            dma: AxiDma::new(config),
            fabric: Fabric::new(ddr),
            pace,
            fifo: Box::new([0; FIFO_BYTES]),
            held: (0, 0, false),
            due: None,
            now: 0,
        }
    }

    /// Reads the register at `at`, an offset.
    pub fn read32(&mut self, at: u32) -> u32 {
        self.dma.read32(at)
    }

    /// Writes the register at `at`, at the time of the last [`LoopedDma::advance`]. A soft reset
    /// empties the FIFO: its reset is the core's `mm2s_prmry_reset_out_n`.
    pub fn write32(&mut self, at: u32, value: u32) {
        self.dma.write32(at, value);
        if self.dma.resetting() {
            self.held = (0, 0, false);
            self.due = None;
        }
        self.settle(self.now);
    }

    /// Levels of the interrupt outputs, MM2S and S2MM.
    pub fn lines(&self) -> [bool; 2] {
        [self.dma.mm2s.irq_level(), self.dma.s2mm.irq_level()]
    }

    /// When [`LoopedDma::advance`] next has something to do if no register is written before, ns.
    pub fn next_event(&self) -> Option<u64> {
        self.due.into_iter().chain(self.dma.next_event(self.now)).min()
    }

    /// Moves data and time: everything that can happen by `now` (ns) does. Time never goes back.
    pub fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.dma.advance(self.now, &self.fabric);
        self.settle(self.now);
        while let Some(due) = self.due.filter(|due| *due <= self.now) {
            let moved = self.burst(due) as u64;
            self.due = None;
            self.settle(due + moved * self.pace.byte_ns);
            self.dma.advance(self.now, &self.fabric);
        }
    }

    fn empty(&self) -> bool {
        self.held.0 == self.held.1
    }

    /// A burst that has become possible at `now` gets its time.
    fn settle(&mut self, now: u64) {
        let sends = self.empty() && self.dma.mm2s.has_work();
        let receives = !self.empty() && self.dma.s2mm.has_work();
        if !sends && !receives {
            self.due = None;
        } else if self.due.is_none() {
            self.due = Some(now.saturating_add(self.pace.setup_ns));
        }
    }

    /// Fills the FIFO if it is empty, and empties it as far as somebody receives; returns the bytes
    /// that went in or out.
    fn burst(&mut self, now: u64) -> usize {
        let mut moved = 0;
        if self.empty() {
            let (count, last) = self.dma.mm2s.send(now, &self.fabric, &mut self.fifo[..]);
            self.held = (0, count, last);
            moved = count;
        }
        let (begin, end, last) = self.held;
        let taken = self.dma.s2mm.offer(now, &self.fabric, &self.fifo[begin..end], last);
        self.held.0 += taken;
        moved.max(taken)
    }
}
