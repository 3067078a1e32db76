//! The programmable logic behind QEMU's R5F: stores to the PL window become calls of the device
//! model before the guest's next instruction; loads read a shadow in guest memory.

use crate::glue;
use crate::line::Line;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;
use tandem_boards::Board;
use tandem_sim::ddr::Ddr;
use tandem_sim::{Sim, SimMap};

/// What the command line of the plugin says.
#[derive(Debug)]
pub struct Arguments {
    /// Guest memory, as QEMU's memory-backend-file names it.
    pub ddr: PathBuf,
    /// Board description.
    pub board: PathBuf,
    /// QEMU's own qtest socket, for the R5's interrupt line.
    pub qtest: PathBuf,
    /// Datagram socket on which the agent's side rings the R5.
    pub doorbell: PathBuf,
}

impl Arguments {
    /// Parses `key=value` words; names the one that is wrong or missing.
    pub fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut found = [None, None, None, None];
        const KEYS: [&str; 4] = ["ddr", "board", "qtest", "doorbell"];
        for word in words {
            let (key, value) = word.split_once('=').ok_or(format!("'{word}' is not key=value"))?;
            let index = KEYS.iter().position(|k| *k == key).ok_or(format!("'{key}' unknown"))?;
            found[index] = Some(PathBuf::from(value));
        }
        if let Some(index) = found.iter().position(Option::is_none) {
            return Err(format!("'{}' is missing", KEYS[index]));
        }
        let [ddr, board, qtest, doorbell] = found.map(Option::unwrap_or_default);
        Ok(Self { ddr, board, qtest, doorbell })
    }
}

/// The device model and the window through which the guest sees it.
pub struct Logic {
    sim: Sim,
    window: Ddr,
    base: u32,
    blocks: [u32; 5],
    started: Instant,
    agent_rings: u32,
    line: Arc<Line>,
}

/// Bytes of the window: the blocks, then the glue page.
const WINDOW_BYTES: u32 = glue::PAGE + 0x1000;
/// Bytes of each block's registers that are mirrored into the window.
const MIRROR: u32 = 0x200;

impl Logic {
    fn new(arguments: &Arguments) -> Result<Self, String> {
        let board = Board::load(&arguments.board).map_err(|error| error.to_string())?;
        let map = &board.pl;
        let blocks = bases(&board);
        let base = blocks.into_iter().min().unwrap_or(0);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&arguments.ddr)
            .map_err(|error| format!("{}: {error}", arguments.ddr.display()))?;
        let ddr = board.ddr;
        // QEMU's machine has its DDR at physical 0, so an address is the file offset.
        let open = |base: u32, size: u32| {
            let fd = file.try_clone().map_err(|error| error.to_string())?.into();
            Ddr::open(fd, u64::from(base), base, size).map_err(|error| error.to_string())
        };
        let sim = Sim::new(
            SimMap {
                dma_pre: map.dma_pre.base,
                dma_post: map.dma_post.base,
                pre: map.pre.base,
                post: map.post.base,
                gate: map.gate.base,
            },
            open(ddr.base, ddr.size)?,
        );
        let mut logic = Self {
            sim,
            window: open(base, WINDOW_BYTES)?,
            base,
            blocks,
            started: Instant::now(),
            agent_rings: 0,
            line: Line::start(&arguments.qtest, &arguments.doorbell)?,
        };
        logic.mirror();
        Ok(logic)
    }

    fn store(&mut self, addr: u32, value: u32) {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        match addr.wrapping_sub(self.base + glue::PAGE) {
            glue::RING_AGENT => self.agent_rings = self.agent_rings.wrapping_add(1),
            glue::RPU_SEEN => self.line.doorbell_seen(value),
            glue::ALARM_US => self.line.alarm(value),
            _ => self.sim.write32(addr, value),
        }
        self.sim.advance(now);
        self.mirror();
        self.line.set_levels(self.sim.irq_lines());
    }

    /// Copies every register into guest memory. Reading has no side effect in any of our blocks.
    /// The AXI DMA has one: its soft reset ends at the first read that shows it; the second read
    /// is what the guest, which cannot be asked, gets to see.
    fn mirror(&mut self) {
        for block in self.blocks {
            for offset in (0..MIRROR).step_by(4) {
                self.sim.read32(block + offset);
                let value = self.sim.read32(block + offset);
                let _ = self.window.write32(block + offset, value);
            }
        }
        let page = self.base + glue::PAGE;
        for (offset, value) in
            [(glue::LEVELS, self.sim.irq_lines()), (glue::AGENT_COUNT, self.agent_rings)]
        {
            let _ = self.window.write32(page + offset, value);
        }
    }

    /// Doorbells from the agent arrive on another thread; it writes this word itself.
    fn rpu_count_address(&self) -> u32 {
        self.base + glue::PAGE + glue::RPU_COUNT
    }
}

fn bases(board: &Board) -> [u32; 5] {
    let pl = &board.pl;
    [pl.dma_pre.base, pl.dma_post.base, pl.pre.base, pl.post.base, pl.gate.base]
}

static LOGIC: OnceLock<Mutex<Logic>> = OnceLock::new();
static WINDOW: OnceLock<(u64, u64)> = OnceLock::new();

/// Starts the model. Guest memory is there already, and must show the registers' reset values
/// before the guest's first load.
pub fn configure(arguments: &Arguments) -> Result<(), String> {
    let logic = Logic::new(arguments)?;
    let (window, address) = (logic.window.clone(), logic.rpu_count_address());
    logic.line.serve_doorbells(move |count| {
        let _ = window.write32(address, count);
    });
    let base = u64::from(logic.base);
    WINDOW.set((base, base + u64::from(WINDOW_BYTES))).map_err(|_| "loaded twice".to_owned())?;
    LOGIC.set(Mutex::new(logic)).map_err(|_| "loaded twice".to_owned())
}

/// True where a store at this physical address is for the programmable logic.
pub fn in_window(addr: u64) -> bool {
    WINDOW.get().is_some_and(|(from, to)| (*from..*to).contains(&addr))
}

/// One store of the guest into the window.
pub fn store(addr: u32, value: u32) {
    if let Some(logic) = LOGIC.get() {
        logic.lock().unwrap_or_else(std::sync::PoisonError::into_inner).store(addr, value);
    }
}
