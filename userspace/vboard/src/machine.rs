//! The machine under the firmware: memory, programmable logic, clock and doorbells.

use crate::{
    VboardError,
    bell::Bell,
    clock::Clock,
    life::{NEVER, Vitals},
    memory::DdrMemory,
};
use std::path::PathBuf;
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU32, Ordering},
};
use tandem_boards::{Board, Range};
use tandem_link::{
    Geometry, SlotInit,
    log::{self, LogReader},
    message::Nanos,
};
use tandem_sim::{Kernels, Sim, SimMap, axi_dma::DmaConfig, ddr::Ddr};

/// What computes in the programmable logic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pl {
    /// The bit-exact model: as fast as it computes.
    #[default]
    Model,
    /// The SystemVerilog of `pre` and `post`, Verilated, from the libraries in this folder: a fraction
    /// of a second a frame. The gate and the DMA stay models.
    Rtl(PathBuf),
}

/// What is there whether or not a core runs.
pub(crate) struct Machine {
    pub board: Board,
    pub ddr: Ddr,
    pub clock: Arc<Clock>,
    pub vitals: Arc<Vitals>,
    /// Doorbell and interrupts of the core.
    pub firmware_bell: Bell,
    /// Doorbell of the agent.
    pub agent_bell: Bell,
    /// Ends the sleep of the thread that gives the programmable logic its time.
    pub pl_bell: Bell,
    sim: Mutex<Sim>,
    log: Mutex<LogReader<DdrMemory>>,
    epochs: AtomicU32,
}

/// The programmable logic after it was given its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Levels {
    /// Interrupt lines.
    pub lines: u32,
    /// When something happens next by itself; [`NEVER`] if nothing does.
    pub next: Nanos,
}

/// The firmware measures the DMA's length field with reads of up to this much of the pool.
const PROBE_BYTES: u32 = 32 << 20;

/// How soon a device is looked at again that wants to go on and does not.
const STUCK_LOOK: Nanos = 100_000;

fn check_regions(board: &Board) -> Result<(), VboardError> {
    let slots = board.resolve_slots().len() as u32;
    let regions = &board.regions;
    for (region, have, need) in [
        ("link", regions.link.size, Geometry::with_slots(slots).bytes()),
        ("log", regions.log.size, log::DATA_AT + 0x1000),
        ("pool", regions.pool.size, PROBE_BYTES),
    ] {
        if have < need {
            return Err(VboardError::RegionTooSmall {
                board: board.name.clone(),
                region,
                have,
                need,
            });
        }
    }
    Ok(())
}

impl Machine {
    pub(crate) fn new(board: &Board, clock: Clock, pl: &Pl) -> Result<Self, VboardError> {
        check_regions(board)?;
        let kernels = match pl {
            Pl::Model => Kernels::models(),
            Pl::Rtl(folder) => tandem_rtl::board::kernels(folder)?,
        };
        let ddr = Ddr::create(board.ddr.base, board.ddr.size)?;
        let pl = &board.pl;
        let map = SimMap {
            dma_pre: pl.dma_pre.base,
            dma_post: pl.dma_post.base,
            pre: pl.pre.base,
            post: pl.post.base,
            gate: pl.gate.base,
        };
        let mut sim = Sim::with_kernels(map, ddr.clone(), DmaConfig::default(), kernels);
        for region in [board.regions.link, board.regions.log] {
            // What no DMA may write: a wild S2MM must not reach the rings.
            sim.protect(region.base..region.base + region.size);
        }
        Ok(Self {
            log: Mutex::new(LogReader::new(DdrMemory::new(&ddr, board.regions.log))),
            board: board.clone(),
            ddr,
            clock: Arc::new(clock),
            vitals: Arc::new(Vitals::new()),
            firmware_bell: Bell::default(),
            agent_bell: Bell::default(),
            pl_bell: Bell::default(),
            sim: Mutex::new(sim),
            epochs: AtomicU32::new(0),
        })
    }

    /// The programmable logic. A kill point never lies inside, so a poisoned lock only says that
    /// some thread panicked for another reason.
    pub(crate) fn sim(&self) -> MutexGuard<'_, Sim> {
        self.sim.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the programmable logic the time that has passed.
    pub(crate) fn advance(&self) -> Levels {
        let mut sim = self.sim();
        // Read under the lock: the simulation's time must not go back.
        let now = self.clock.now();
        sim.advance(now);
        let next = match sim.next_event() {
            None => NEVER,
            // Not done though it is due: it waits for something else, which rings a bell.
            Some(at) if at <= now => now + STUCK_LOOK,
            Some(at) => at,
        };
        Levels { lines: sim.irq_lines(), next }
    }

    /// Shared words of a region.
    pub(crate) fn words(&self, range: Range) -> DdrMemory {
        DdrMemory::new(&self.ddr, range)
    }

    /// Epoch of the next life.
    pub(crate) fn next_epoch(&self) -> u32 {
        self.epochs.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    pub(crate) fn slots(&self) -> Vec<SlotInit> {
        self.board.resolve_slots()
    }

    /// Offset of a slot's bus address in the memory file.
    pub(crate) fn payload_offset(&self, addr: u32) -> u64 {
        self.ddr.file_offset(addr).expect("a slot's address is in memory")
    }

    pub(crate) fn drain_log(&self, sink: &mut Vec<u8>) -> u32 {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).drain(sink)
    }

    /// A part passes the trigger now.
    pub(crate) fn trigger(&self) -> Option<u32> {
        let tag = {
            let mut sim = self.sim();
            let now = self.clock.now();
            sim.advance(now);
            sim.trigger(now)
        };
        self.firmware_bell.ring();
        self.pl_bell.ring();
        tag
    }
}
