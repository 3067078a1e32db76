//! Device models: AXI DMA, kernels, gate, interrupts, memory, and their faults.
//!
//! Everything is synchronous: a register access is one call, and data moves only inside
//! [`Sim::advance`], so a run on one thread with a virtual clock replays to the bit.
//!
//! ```
//! use tandem_sim::{Sim, SimMap, ddr::Ddr};
//!
//! let map = SimMap {
//!     dma_pre: 0xA000_0000,
//!     dma_post: 0xA001_0000,
//!     pre: 0xA002_0000,
//!     post: 0xA003_0000,
//!     gate: 0xA004_0000,
//! };
//! let mut sim = Sim::new(map, Ddr::create(0x4000_0000, 0x10_0000)?);
//! assert_eq!(&sim.read32(0xA002_0000).to_le_bytes(), b"PRE0");
//! # Ok::<(), tandem_sim::ddr::DdrError>(())
//! ```

pub mod axi_dma;
pub mod ddr;
pub mod fabric;
pub mod fault;
pub mod gate;
pub mod kernels;
mod lane;
pub mod looped;
pub mod ps;

use std::ops::Range;
pub use tandem_regs::irq;

use tandem_model::gate::{Counters, Passage, Step};

use axi_dma::DmaConfig;
use ddr::Ddr;
use fabric::Fabric;
use fault::{Fault, FaultDeck, FaultLane};
use gate::GateBlock;
use kernels::{AnyCore, PostCore, PreCore};
use lane::Lane;

/// What a read of an address without a register gives.
pub const UNMAPPED: u32 = 0xDEC0_DE00;

/// Bytes of each block's register window.
pub const WINDOW: u32 = 0x1_0000;

/// Where the blocks sit, as bus addresses. From the board description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimMap {
    /// AXI DMA of the `pre` lane.
    pub dma_pre: u32,
    /// AXI DMA of the `post` lane.
    pub dma_post: u32,
    /// `pre` kernel.
    pub pre: u32,
    /// `post` kernel.
    pub post: u32,
    /// Gate.
    pub gate: u32,
}

#[derive(Clone, Copy)]
enum Block {
    DmaPre,
    DmaPost,
    Pre,
    Post,
    Gate,
}

impl SimMap {
    fn decode(&self, addr: u32) -> Option<(Block, u32)> {
        let blocks = [
            (self.dma_pre, Block::DmaPre),
            (self.dma_post, Block::DmaPost),
            (self.pre, Block::Pre),
            (self.post, Block::Post),
            (self.gate, Block::Gate),
        ];
        blocks.into_iter().find_map(|(base, block)| {
            let at = addr.checked_sub(base)?;
            (at < WINDOW && at.is_multiple_of(4)).then_some((block, at))
        })
    }
}

/// What computes behind the registers of the two kernels.
pub struct Kernels {
    /// The `pre` lane's.
    pub pre: AnyCore,
    /// The `post` lane's.
    pub post: AnyCore,
}

impl Kernels {
    /// The bit-exact models.
    pub fn models() -> Self {
        Self { pre: Box::<PreCore>::default(), post: Box::<PostCore>::default() }
    }
}

/// The programmable logic and the memory of one board.
pub struct Sim {
    map: SimMap,
    fabric: Fabric,
    pre: Lane<AnyCore>,
    post: Lane<AnyCore>,
    gate: GateBlock,
    deck: FaultDeck,
    now: u64,
    unmapped: u64,
}

impl Sim {
    /// A board after power-up, with default DMA parameters, at time 0.
    pub fn new(map: SimMap, ddr: Ddr) -> Self {
        Self::with_dma(map, ddr, DmaConfig::default())
    }

    /// A board whose AXI DMAs were built with other parameters.
    pub fn with_dma(map: SimMap, ddr: Ddr, dma: DmaConfig) -> Self {
        Self::with_kernels(map, ddr, dma, Kernels::models())
    }

    /// A board with other kernels than the models.
    pub fn with_kernels(map: SimMap, ddr: Ddr, dma: DmaConfig, kernels: Kernels) -> Self {
        Self {
            map,
            fabric: Fabric::new(ddr),
            pre: Lane::new(FaultLane::Pre, dma, kernels.pre),
            post: Lane::new(FaultLane::Post, dma, kernels.post),
            gate: GateBlock::new(),
            deck: FaultDeck::default(),
            now: 0,
            unmapped: 0,
        }
    }

    /// The memory.
    pub fn ddr(&self) -> &Ddr {
        self.fabric.ddr()
    }

    /// Answers DMA writes to `range` (bus addresses) with DECERR: what the interconnect does with
    /// memory that belongs to the processors.
    pub fn protect(&mut self, range: Range<u32>) {
        self.fabric.protect(range);
    }

    /// Answers DMA accesses to `range` with SLVERR until [`Sim::heal`]: an uncorrectable ECC error.
    pub fn poison(&mut self, range: Range<u32>) {
        self.fabric.poison(range);
    }

    /// Ends every [`Sim::poison`].
    pub fn heal(&mut self) {
        self.fabric.heal();
    }

    /// Time from the moment at which a job has its parameters and its input descriptors to its
    /// completion: until then neither data nor counters nor interrupts are seen. Jobs that run
    /// keep theirs.
    pub fn set_latency(&mut self, pre_ns: u64, post_ns: u64) {
        self.pre.latency_ns = pre_ns;
        self.post.latency_ns = post_ns;
    }

    /// Reads the word at `addr`, one event. An address without a register or memory reads
    /// [`UNMAPPED`] and is counted.
    pub fn read32(&mut self, addr: u32) -> u32 {
        let value = match self.map.decode(addr) {
            Some((Block::DmaPre, at)) => Some(self.pre.dma.read32(at)),
            Some((Block::DmaPost, at)) => Some(self.post.dma.read32(at)),
            Some((Block::Pre, at)) => self.pre.kernel.read32(at),
            Some((Block::Post, at)) => self.post.kernel.read32(at),
            Some((Block::Gate, at)) => self.gate.read32(at),
            None => self.fabric.ddr().read32(addr).ok(),
        };
        value.unwrap_or_else(|| {
            self.unmapped += 1;
            UNMAPPED
        })
    }

    /// Writes the word at `addr`, one event at the time of the last [`Sim::advance`]. An address
    /// without a register or memory ignores it and is counted.
    pub fn write32(&mut self, addr: u32, value: u32) {
        let mapped = match self.map.decode(addr) {
            Some((Block::DmaPre, at)) => {
                self.pre.dma.write32(at, value);
                true
            }
            Some((Block::DmaPost, at)) => {
                self.post.dma.write32(at, value);
                true
            }
            Some((Block::Pre, at)) => self.pre.kernel.write32(at, value),
            Some((Block::Post, at)) => self.post.kernel.write32(at, value),
            Some((Block::Gate, at)) => self.gate.write32(at, value, self.now),
            None => self.fabric.ddr().write32(addr, value).is_ok(),
        };
        if !mapped {
            self.unmapped += 1;
        }
        self.pre.settle(self.now);
        self.post.settle(self.now);
    }

    /// Accesses to addresses without a register or memory.
    pub fn unmapped_accesses(&self) -> u64 {
        self.unmapped
    }

    /// Moves data and time: everything that can happen by `now` (ns) does. Time never goes back.
    pub fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.gate.advance(self.now);
        self.pre.advance(self.now, &self.fabric, &mut self.deck);
        self.post.advance(self.now, &self.fabric, &mut self.deck);
    }

    /// When [`Sim::advance`] next has something to do if no register is accessed before, ns. A
    /// time that has passed already means at once.
    pub fn next_event(&self) -> Option<u64> {
        let lanes = [self.pre.next_event(self.now), self.post.next_event(self.now)];
        lanes.into_iter().chain([self.gate.next_due()]).flatten().min()
    }

    /// The time of the last [`Sim::advance`], ns.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Levels of the interrupt lines, bits as in [`irq`].
    pub fn irq_lines(&self) -> u32 {
        let [pre_mm2s, pre_s2mm, pre] = self.pre.lines();
        let [post_mm2s, post_s2mm, post] = self.post.lines();
        let lines = [
            (pre_mm2s, irq::PRE_MM2S),
            (pre_s2mm, irq::PRE_S2MM),
            (post_mm2s, irq::POST_MM2S),
            (post_s2mm, irq::POST_S2MM),
            (pre, irq::PRE_KERNEL),
            (post, irq::POST_KERNEL),
            (self.gate.irq_level(), irq::GATE),
        ];
        lines.into_iter().filter(|(level, _)| *level).map(|(_, bit)| bit).sum()
    }

    /// Plants a fault; each is taken once.
    pub fn plant(&mut self, fault: Fault) {
        self.deck.plant(fault);
    }

    /// Faults that wait.
    pub fn pending_faults(&self) -> Vec<Fault> {
        self.deck.pending().to_vec()
    }

    /// Faults that were taken, oldest first.
    pub fn taken_faults(&self) -> Vec<Fault> {
        self.deck.taken().to_vec()
    }

    /// A part passes the sensor at `now` (ns): its tag, or `None` if it got none and will be
    /// rejected untracked.
    pub fn trigger(&mut self, now: u64) -> Option<u32> {
        self.now = self.now.max(now);
        self.gate.trigger(self.now)
    }

    /// The gate's encoder turns at `now` (ns) by so many counts, back where negative.
    pub fn turn_encoder(&mut self, counts: i32, now: u64) {
        self.advance(now);
        let step = if counts < 0 { Step::Backward } else { Step::Forward };
        for _ in 0..counts.unsigned_abs() {
            self.gate.turn(step, self.now);
        }
    }

    /// Both of the encoder's inputs change at once at `now` (ns).
    pub fn slip_encoder(&mut self, now: u64) {
        self.advance(now);
        self.gate.turn(Step::Slip, self.now);
    }

    /// What the reject line did for each tagged part since the last call.
    pub fn drain_passages(&mut self) -> Vec<Passage> {
        self.gate.drain_passages()
    }

    /// Level of the gate's line-ready signal.
    pub fn line_ready(&self) -> bool {
        self.gate.line_ready(self.now)
    }

    /// Level of the reject line.
    pub fn reject_line(&self) -> bool {
        self.gate.line_high(self.now)
    }

    /// Counters of the gate, read without the bus: a power-up or a reset of the gate clears them.
    pub fn gate_counters(&self) -> Counters {
        self.gate.counters()
    }

    /// Loads the programmable logic anew at `now`: every block is as after power-up, pending parts
    /// are rejected, and so is every later one until the gate is seeded and configured. Memory and
    /// planted faults stay.
    pub fn reset_pl(&mut self, now: u64) {
        self.now = self.now.max(now);
        self.pre.power_up();
        self.post.power_up();
        self.gate.power_up(self.now);
    }
}
