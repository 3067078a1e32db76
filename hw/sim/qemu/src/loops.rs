//! AXI DMAs whose streams are tied together, which Linux's own driver drives. They see all of the
//! guest's memory, as behind a port of silicon, and each has two lines to Linux.

use crate::lines::Lines;
use std::fs::File;
use std::ops::Range;
use tandem_boards::{Board, Loop};
use tandem_sim::axi_dma::DmaConfig;
use tandem_sim::ddr::Ddr;
use tandem_sim::looped::{LoopedDma, Pace};

/// Slower than logic (16 bytes each 10 ns), so that an emulated processor sees transfers under way.
const PACE: Pace = Pace { setup_ns: 1_000, byte_ns: 10 };
/// Bytes of registers that are mirrored into the window.
const MIRROR: u32 = 0x60;
/// DDR that ends here is all that a DMA with addresses of 32 bits finds.
const DDR_END: u64 = 0x8000_0000;

struct Looped {
    base: u32,
    size: u32,
    dma: LoopedDma,
}

/// All of a board.
pub struct Loops {
    list: Vec<Looped>,
}

/// Interrupts of the board's looped DMAs, in the order of their lines.
pub fn interrupts(board: &Board) -> Vec<u32> {
    board.pl.loops().flat_map(|(_, found)| [found.mm2s, found.s2mm]).collect()
}

fn config(found: &Loop) -> DmaConfig {
    DmaConfig {
        length_bits: found.length_bits,
        wide_addresses: found.address_bits > 32,
        realign: found.realign,
        ..DmaConfig::default()
    }
}

impl Loops {
    /// Those of `board`, over the guest's memory `file`.
    pub fn new(board: &Board, file: &File) -> Result<Self, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let bytes = file.metadata().map_err(|error| text(&error))?.len().min(DDR_END);
        let size = u32::try_from(bytes).map_err(|error| text(&error))?;
        let open = |found: Loop| {
            let fd = file.try_clone().map_err(|error| text(&error))?.into();
            let ddr = Ddr::open(fd, 0, 0, size).map_err(|error| text(&error))?;
            let dma = LoopedDma::new(config(&found), ddr, PACE);
            Ok(Looped { base: found.base, size: found.size, dma })
        };
        let list = board.pl.loops().map(|(_, found)| open(found)).collect::<Result<_, String>>()?;
        Ok(Self { list })
    }

    /// Their registers' addresses, from the first to the last.
    pub fn bounds(&self, bounds: Range<u32>) -> Range<u32> {
        self.list
            .iter()
            .fold(bounds, |all, one| all.start.min(one.base)..all.end.max(one.base + one.size))
    }

    /// A store of the guest; false where it is for none of them.
    pub fn store(&mut self, addr: u32, value: u32, now: u64, window: &Ddr, lines: &Lines) -> bool {
        let hit = |one: &Looped| (one.base..one.base + one.size).contains(&addr);
        let Some(index) = self.list.iter().position(hit) else { return false };
        let one = &mut self.list[index];
        one.dma.advance(now);
        one.dma.write32(addr - one.base, value);
        self.step(index, now, window, lines);
        true
    }

    /// When something happens without a store, ns.
    pub fn next_event(&self) -> Option<u64> {
        self.list.iter().filter_map(|one| one.dma.next_event()).min()
    }

    /// Everything that can happen by `now` (ns) does, and the guest sees it.
    pub fn advance(&mut self, now: u64, window: &Ddr, lines: &Lines) {
        for index in 0..self.list.len() {
            if self.list[index].dma.next_event().is_some_and(|due| due <= now) {
                self.step(index, now, window, lines);
            }
        }
    }

    /// Puts the registers where the guest's loads find them.
    pub fn show(&mut self, window: &Ddr, lines: &Lines) {
        for index in 0..self.list.len() {
            self.step(index, 0, window, lines);
        }
    }

    /// Copies its registers into guest memory behind what it did; as for the other blocks, the
    /// second read of each is what the guest sees.
    fn step(&mut self, index: usize, now: u64, window: &Ddr, lines: &Lines) {
        let one = &mut self.list[index];
        one.dma.advance(now);
        for offset in (0..MIRROR).step_by(4) {
            one.dma.read32(offset);
            let _ = window.write32(one.base + offset, one.dma.read32(offset));
        }
        for (line, high) in one.dma.lines().into_iter().enumerate() {
            lines.set_line(2 * index + line, high);
        }
    }
}
