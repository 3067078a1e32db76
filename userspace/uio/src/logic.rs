//! Registers of the programmable logic, for whoever loads it: the UIO device `tandem-pl` of the overlay.
//! While the R5F runs its registers are the firmware's.

use crate::{Region, System, Uio, UioError};
use std::time::{Duration, Instant};
use tandem_boards::{Board, Range};
use tandem_link::SharedMemory;
use tandem_regs::axi_dma::{DMACR, DMASR, MM2S_DMACR, MM2S_DMASR, S2MM_DMACR, S2MM_DMASR};

/// The overlay's node.
const PL: &str = "tandem-pl";
/// How long a channel may take to halt: a burst, or the reset of what hangs.
const HALT_WITHIN: Duration = Duration::from_millis(100);
/// Run/stop and reset of a channel (PG021, DMACR), and that it stands (DMASR).
const RUN: u32 = DMACR::RS.mask << DMACR::RS.shift;
const RESET: u32 = DMACR::RESET.mask << DMACR::RESET.shift;
const HALTED: u32 = DMASR::HALTED.mask << DMASR::HALTED.shift;

/// The kernels' and the DMA engines' registers.
#[derive(Debug)]
pub struct Logic {
    dma: [(&'static str, Region); 2],
    kernels: [(Range, Region); 3],
}

impl Logic {
    /// Maps them; nothing is touched. What is not configured does not answer: an access to it may
    /// hang the processor.
    ///
    /// # Errors
    /// [`UioError`]: without the overlay there is no such device.
    pub fn open(system: &System, board: &Board) -> Result<Self, UioError> {
        let device = Uio::open(system, PL)?;
        let pl = &board.pl;
        let kernel = |name, range| Ok::<_, UioError>((range, device.map_at(name, range)?));
        Ok(Self {
            dma: [
                ("dma_pre", device.map_at("dma_pre", pl.dma_pre)?),
                ("dma_post", device.map_at("dma_post", pl.dma_post)?),
            ],
            kernels: [kernel("pre", pl.pre)?, kernel("post", pl.post)?, kernel("gate", pl.gate)?],
        })
    }

    /// Halts both channels of both engines: first as PG021 wants it, by taking run away, then by a
    /// reset. The R5F must be stopped.
    ///
    /// # Errors
    /// Which engine does not halt.
    pub fn stop_dma(&self) -> Result<(), String> {
        for (name, registers) in &self.dma {
            let channels = [
                (MM2S_DMACR.offset(), MM2S_DMASR.offset()),
                (S2MM_DMACR.offset(), S2MM_DMASR.offset()),
            ];
            for (control, status) in channels {
                registers.store(control, registers.load(control) & !RUN);
                let halted = || registers.load(status) & HALTED != 0;
                if within(HALT_WITHIN, halted) {
                    continue;
                }
                registers.store(control, RESET);
                let reset = || registers.load(control) & RESET == 0 && halted();
                if !within(HALT_WITHIN, reset) {
                    return Err(format!("{name} does not halt, and a reset does not help"));
                }
            }
        }
        Ok(())
    }

    /// The word at `offset` of the kernel whose registers begin at bus address `base`.
    #[must_use]
    pub fn word(&self, base: u32, offset: u32) -> Option<u32> {
        let (_, registers) = self.kernels.iter().find(|(range, _)| range.base == base)?;
        Some(registers.load(offset))
    }
}

fn within(limit: Duration, done: impl Fn() -> bool) -> bool {
    let end = Instant::now() + limit;
    while !done() {
        if Instant::now() > end {
            return false;
        }
        std::thread::yield_now();
    }
    true
}
