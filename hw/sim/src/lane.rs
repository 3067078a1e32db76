//! A lane: one AXI DMA and the kernel between its streams, with time and faults.

use std::sync::atomic::Ordering;

use crate::axi_dma::{AxiDma, DmaConfig};
use crate::fabric::{BusError, Fabric};
use crate::fault::{Fault, FaultDeck, FaultLane};
use crate::kernels::{Core, Kernel, KernelFaults};

/// Descriptors that a bit flip can reach.
const CHAIN_LIMIT: usize = 4096;

/// Interrupt lines of a lane, in this order.
const LINES: usize = 3;

/// One AXI DMA and its kernel.
pub(crate) struct Lane<C> {
    name: FaultLane,
    pub dma: AxiDma,
    pub kernel: Kernel<C>,
    pub latency_ns: u64,
    /// When the job that could go on may do so.
    due: Option<u64>,
    /// Lines that are held low until their source is acknowledged.
    lost: [bool; LINES],
    /// A planted bit flip waits for the lane's other chain to be armed.
    holding: bool,
}

impl<C: Core> Lane<C> {
    pub fn new(name: FaultLane, config: DmaConfig, core: C) -> Self {
        Self {
            name,
            dma: AxiDma::new(config),
            kernel: Kernel::new(core),
            latency_ns: 0,
            due: None,
            lost: [false; LINES],
            holding: false,
        }
    }

    pub fn power_up(&mut self) {
        self.dma.reset();
        self.kernel.power_up();
        self.due = None;
        self.lost = [false; LINES];
    }

    /// To be called after each register write: a job that has become possible starts its
    /// latency, and an acknowledged line is no longer lost.
    pub fn settle(&mut self, now: u64) {
        if !self.kernel.can_go_on(&self.dma) {
            if self.kernel.is_idle() {
                self.due = None;
            }
        } else if self.due.is_none() {
            self.due = Some(now.saturating_add(self.latency_ns));
        }
        let pending = self.pending();
        for (lost, pending) in self.lost.iter_mut().zip(pending) {
            *lost &= pending;
        }
        self.holding = false;
    }

    fn pending(&self) -> [bool; LINES] {
        let dma = &self.dma;
        [dma.mm2s.irq_pending(), dma.s2mm.irq_pending(), self.kernel.irq_pending()]
    }

    /// Levels: MM2S, S2MM, kernel.
    pub fn lines(&self) -> [bool; LINES] {
        let dma = &self.dma;
        let levels = [dma.mm2s.irq_level(), dma.s2mm.irq_level(), self.kernel.irq_level()];
        std::array::from_fn(|line| levels[line] && !self.lost[line])
    }

    pub fn next_event(&self, now: u64) -> Option<u64> {
        if self.holding {
            return None;
        }
        let ready = self.kernel.is_running() || self.kernel.can_go_on(&self.dma);
        let job = self.due.filter(|_| ready);
        job.into_iter().chain(self.dma.next_event(now)).min()
    }

    /// Goes on as far as data and time let it.
    pub fn advance(&mut self, now: u64, fabric: &Fabric, deck: &mut FaultDeck) {
        if !self.flip(fabric, deck) {
            self.holding = true;
            return;
        }
        self.dma.advance(now, fabric);
        self.settle(now);
        // A kernel that computes is asked once a look.
        let mut ask = self.kernel.is_running();
        while (ask || self.kernel.can_go_on(&self.dma)) && self.due.is_some_and(|due| due <= now) {
            ask = false;
            let ended = self.turn(now, fabric, deck);
            if ended {
                self.due = None;
                if deck.take_one(Fault::LostInterrupt(self.name)) {
                    self.lost = self.pending();
                }
            }
            self.settle(now);
        }
        // What the job left behind is fetched ahead, so that nothing more can happen at `now`.
        self.dma.advance(now, fabric);
        self.settle(now);
    }

    fn turn(&mut self, now: u64, fabric: &Fabric, deck: &mut FaultDeck) -> bool {
        let name = self.name;
        let deck = std::cell::RefCell::new(deck);
        let mut data = || {
            let mut deck = deck.borrow_mut();
            if deck.take_one(Fault::SlaveError(name)) {
                return Some(BusError::Slave);
            }
            deck.take_one(Fault::DecodeError(name)).then_some(BusError::Decode)
        };
        let mut faults = KernelFaults {
            data: &mut data,
            hang: &mut || deck.borrow_mut().take_one(Fault::HungKernel(name)),
            stuck_tlast: &mut || deck.borrow_mut().take_one(Fault::StuckTlast(name)),
        };
        self.kernel.turn(now, &mut self.dma, fabric, &mut faults)
    }

    /// Takes a planted bit flip when both chains are armed. False: one is planted, and fetching
    /// waits for the other chain.
    fn flip(&mut self, fabric: &Fabric, deck: &mut FaultDeck) -> bool {
        let name = self.name;
        let fits = |fault: Fault| {
            matches!(fault, Fault::FlippedDescriptorBit { .. }) && fault.lane() == name
        };
        // A kernel in reset takes no job: what is armed now is no job's chain.
        if self.kernel.in_reset() || !deck.pending().iter().any(|fault| fits(*fault)) {
            return true;
        }
        let (mm2s, s2mm) = (&self.dma.mm2s, &self.dma.s2mm);
        if !mm2s.has_work() || !s2mm.has_work() {
            return false;
        }
        let chain = || mm2s.chain(fabric, CHAIN_LIMIT).chain(s2mm.chain(fabric, CHAIN_LIMIT));
        let count = chain().count();
        if count == 0 {
            return true;
        }
        let Some(Fault::FlippedDescriptorBit { descriptor, bit, .. }) = deck.take(fits) else {
            return true;
        };
        let Some(addr) = chain().nth(descriptor as usize % count) else { return true };
        let word = addr as u32 + u32::from(bit) / 32 * 4;
        // The chain was read from there, so the word exists.
        if let Ok(cell) = fabric.ddr().word(word) {
            let flipped = u32::from_le(cell.load(Ordering::Relaxed)) ^ 1 << (bit % 32);
            cell.store(flipped.to_le(), Ordering::Release);
        }
        true
    }
}
