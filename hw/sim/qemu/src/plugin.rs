//! The programmable logic behind QEMU's R5F: stores to the PL window become calls of the device
//! model before the guest's next instruction; loads read a shadow in guest memory.

use crate::cost::{self, Sign};
use crate::lines::Lines;
use crate::loops::{self, Loops};
use std::fmt;
use std::fs::OpenOptions;
use std::ops::Range;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tandem_boards::Board;
use tandem_link::glue::{self, ClockPort};
use tandem_regs::kernel::START;
use tandem_sim::ddr::Ddr;
use tandem_sim::{Sim, SimMap};

/// What the command line of the plugin says.
#[derive(Debug)]
pub struct Arguments {
    /// Guest memory, as QEMU's memory-backend-file names it.
    pub ddr: PathBuf,
    /// Board description.
    pub board: PathBuf,
    /// QEMU's own qtest socket, for the interrupt lines.
    pub qtest: PathBuf,
    /// Datagram socket for whoever stands outside the machine: [`Order`].
    pub control: PathBuf,
    /// Count what the R5F executes: [`Order::Count`].
    pub count: bool,
}

impl Arguments {
    /// Parses `key=value` words; names the one that is wrong or missing.
    pub fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        const KEYS: [&str; 4] = ["ddr", "board", "qtest", "control"];
        let mut found = [None, None, None, None];
        let mut count = false;
        for word in words {
            let (key, value) = word.split_once('=').ok_or(format!("'{word}' is not key=value"))?;
            match (KEYS.iter().position(|known| *known == key), key, value) {
                (Some(index), ..) => found[index] = Some(PathBuf::from(value)),
                (None, "count", "on") => count = true,
                _ => return Err(format!("'{word}' unknown")),
            }
        }
        if let Some(index) = found.iter().position(Option::is_none) {
            return Err(format!("'{}' is missing", KEYS[index]));
        }
        let [ddr, board, qtest, control] = found.map(Option::unwrap_or_default);
        Ok(Self { ddr, board, qtest, control, count })
    }
}

/// As QEMU's `-plugin` wants them, behind the plugin's path.
impl fmt::Display for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ddr, board, qtest, control, count } = self;
        let paths = [("ddr", ddr), ("board", board), ("qtest", qtest), ("control", control)];
        for (index, (key, path)) in paths.into_iter().enumerate() {
            write!(f, "{}{key}={}", if index == 0 { "" } else { "," }, path.display())?;
        }
        f.write_str(if *count { ",count=on" } else { "" })
    }
}

/// What may come over the control socket: its number, then its argument in four bytes, little
/// endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// 1: rings the R5F.
    Ring,
    /// 2: lines that stay low from now on, one bit each: the R5F's two, then the one to Linux.
    Cut(u32),
    /// 3: writes what the R5F has executed so far to the glue page: [`COUNTS`].
    Count,
    /// 4: writes what jobs have executed so far, by address, to [`PROFILE`], and then as 3.
    Profile,
}

/// Offset in the glue page of eleven words: how often they were written; jobs; other turns
/// with work; then instructions and uncached accesses of jobs and of the others, of 64 bits each, low
/// word first.
pub const COUNTS: u32 = 0x100;
/// File beside the control socket, lines of address, instructions, accesses.
pub const PROFILE: &str = "profile";
/// Time that the kernels take where a job's instructions are counted: as in hardware, the core goes
/// to sleep meanwhile and is woken by the end.
const LATENCY_NS: u64 = 500_000;
/// Where instructions are counted, the machine's clock is so many times slower than the host's: the
/// emulated core, which then calls the plugin for each instruction, would else have no time for
/// anything but what it does by the clock.
const COUNTED_SLOWER: u32 = 10;

impl Order {
    /// The bytes of a datagram.
    pub fn encode(self) -> [u8; 5] {
        let (order, argument) = match self {
            Order::Ring => (1, 0),
            Order::Cut(lines) => (2, lines),
            Order::Count => (3, 0),
            Order::Profile => (4, 0),
        };
        let [a, b, c, d] = u32::to_le_bytes(argument);
        [order, a, b, c, d]
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let [order, argument @ ..] = bytes else { return None };
        let argument = u32::from_le_bytes(argument.try_into().ok()?);
        match order {
            1 => Some(Order::Ring),
            2 => Some(Order::Cut(argument)),
            3 => Some(Order::Count),
            4 => Some(Order::Profile),
            _ => None,
        }
    }
}

/// The device model and the window through which the guest sees it.
pub struct Logic {
    sim: Sim,
    loops: Loops,
    window: Ddr,
    /// Of the window: the blocks, then the glue page.
    bounds: Range<u32>,
    glue: tandem_boards::Range,
    blocks: [u32; 5],
    /// START of `pre` and `post`.
    starts: [u32; 2],
    started: Instant,
    /// Host time a unit of the machine's.
    slower: u32,
    lines: Arc<Lines>,
    counted: u32,
}

/// Bytes of each block's registers that are mirrored into the window.
const MIRROR: u32 = 0x200;

impl Logic {
    fn new(arguments: &Arguments) -> Result<Self, String> {
        let board = Board::load(&arguments.board).map_err(|error| error.to_string())?;
        let map = &board.pl;
        let blocks = bases(&board);
        let page = board.pl.glue.ok_or("the board has no [pl.glue]: it is not QEMU's")?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&arguments.ddr)
            .map_err(|error| format!("{}: {error}", arguments.ddr.display()))?;
        let loops = Loops::new(&board, &file)?;
        let bounds = blocks.into_iter().fold(page.base, u32::min)..page.base + page.size;
        let bounds = loops.bounds(bounds);
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
        let window = open(bounds.start, bounds.end - bounds.start)?;
        let lines = Lines::start(&arguments.qtest, &loops::interrupts(&board));
        let started = Instant::now();
        let starts = [map.pre.base, map.post.base].map(|base| base + START.offset());
        let mut logic = Self {
            starts,
            sim,
            loops,
            window,
            bounds,
            glue: page,
            blocks,
            started,
            slower: if arguments.count { COUNTED_SLOWER } else { 1 },
            lines,
            counted: 0,
        };
        logic.mirror();
        logic.loops.show(&logic.window, &logic.lines);
        Ok(logic)
    }

    fn now(&self) -> u64 {
        let elapsed = self.started.elapsed() / self.slower;
        u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
    }

    fn store(&mut self, addr: u32, value: u32) {
        let now = self.now();
        if self.loops.store(addr, value, now, &self.window, &self.lines) {
            return;
        }
        if !self.glue.contains(addr, 4) {
            if self.starts.contains(&addr) {
                cost::sign(Sign::Starts);
            }
            self.sim.write32(addr, value);
            return self.advance();
        }
        if let Some(sign) = Self::sign(addr - self.glue.base) {
            cost::sign(sign);
        }
        match addr - self.glue.base {
            offset if offset == glue::RPU_CLOCK.latch => self.latch(glue::RPU_CLOCK),
            offset if offset == glue::APU_CLOCK.latch => self.latch(glue::APU_CLOCK),
            glue::RING_AGENT => {
                let count = self.lines.ring_apu();
                self.show(glue::AGENT_COUNT, count);
            }
            glue::RING_RPU => self.ring_rpu(),
            glue::RPU_SEEN => self.lines.rpu_seen(value),
            glue::AGENT_SEEN => self.lines.apu_seen(value),
            glue::ALARM_US => self.lines.alarm(value.saturating_mul(self.slower)),
            glue::WATCHDOG_US => self.lines.watchdog(value.saturating_mul(self.slower)),
            glue::RESTART => self.lines.restart(value != 0),
            _ => {}
        }
    }

    /// What the firmware's store tells of its turn.
    fn sign(offset: u32) -> Option<Sign> {
        match offset {
            glue::RPU_SEEN => Some(Sign::Awake),
            glue::RING_AGENT => Some(Sign::Answers),
            glue::ALARM_US => Some(Sign::Sleeps),
            _ => None,
        }
    }

    fn ring_rpu(&self) {
        self.lines.ring_rpu(|count| self.show(glue::RPU_COUNT, count));
    }

    /// The clock's two words, for a port that only one core uses.
    fn latch(&self, port: ClockPort) {
        let now = self.now();
        self.show(port.low, now as u32);
        self.show(port.high, (now >> 32) as u32);
    }

    fn show_counts(&mut self) {
        let totals = cost::totals();
        let counts = [totals.of_jobs, totals.of_others].into_iter().flatten();
        let words = counts.flat_map(|count| [count as u32, (count >> 32) as u32]);
        let words = [totals.jobs, totals.others].into_iter().chain(words);
        for (word, at) in words.zip((COUNTS + 4..).step_by(4)) {
            self.show(at, word);
        }
        self.counted = self.counted.wrapping_add(1);
        self.show(COUNTS, self.counted);
    }

    /// Puts a word into the glue page, where the guest's loads find it.
    fn show(&self, offset: u32, value: u32) {
        let _ = self.window.write32(self.glue.base + offset, value);
    }

    /// When something happens without a store, ns.
    fn next_event(&self) -> Option<u64> {
        self.sim.next_event().into_iter().chain(self.loops.next_event()).min()
    }

    /// What is due by now happens.
    fn catch_up(&mut self) {
        let now = self.now();
        self.loops.advance(now, &self.window, &self.lines);
        if self.sim.next_event().is_some_and(|due| due <= now) {
            self.advance();
        }
    }

    /// Everything that can happen by now does, and the guest sees it.
    fn advance(&mut self) {
        self.sim.advance(self.now());
        self.mirror();
        self.lines.set_levels(self.sim.irq_lines());
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
        self.show(glue::LEVELS, self.sim.irq_lines());
    }
}

fn bases(board: &Board) -> [u32; 5] {
    let pl = &board.pl;
    [pl.dma_pre.base, pl.dma_post.base, pl.pre.base, pl.post.base, pl.gate.base]
}

/// The logic, and the condition that its next event may have changed.
struct Machine {
    logic: Mutex<Logic>,
    changed: Condvar,
}

impl Machine {
    fn lock(&self) -> MutexGuard<'_, Logic> {
        self.logic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, addr: u32, value: u32) {
        let mut logic = self.lock();
        let before = logic.next_event();
        logic.store(addr, value);
        if logic.next_event() != before {
            self.changed.notify_one();
        }
    }

    /// Gives the logic its time where no store does: the gate fires when it is due, whatever the
    /// cores do.
    fn run(&self) {
        let mut logic = self.lock();
        loop {
            let now = logic.now();
            let wait = match logic.next_event() {
                Some(at) if at <= now => {
                    logic.catch_up();
                    // An event that has passed and stays waits for a store.
                    let stays = logic.next_event().is_some_and(|next| next <= now);
                    Duration::from_millis(if stays { 1 } else { 0 })
                }
                Some(at) => Duration::from_nanos(at - now) * logic.slower,
                None => Duration::from_secs(1),
            };
            logic = self
                .changed
                .wait_timeout(logic, wait)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(logic, _)| logic);
        }
    }
}

static MACHINE: OnceLock<Machine> = OnceLock::new();
static WINDOW: OnceLock<Range<u32>> = OnceLock::new();

/// Starts the model. Guest memory is there already, and must show the registers' reset values
/// before the guest's first load.
pub fn configure(arguments: &Arguments) -> Result<(), String> {
    let control = bind(&arguments.control)?;
    if arguments.count {
        cost::begin();
    }
    let mut logic = Logic::new(arguments)?;
    if arguments.count {
        logic.sim.set_latency(LATENCY_NS, LATENCY_NS);
    }
    WINDOW.set(logic.bounds.clone()).map_err(|_| "loaded twice".to_owned())?;
    let machine = Machine { logic: Mutex::new(logic), changed: Condvar::new() };
    MACHINE.set(machine).map_err(|_| "loaded twice".to_owned())?;
    let machine = MACHINE.get().ok_or("not loaded")?;
    std::thread::spawn(|| machine.run());
    let profile = arguments.control.with_file_name(PROFILE);
    std::thread::spawn(move || obey(machine, &control, &profile));
    Ok(())
}

fn bind(path: &Path) -> Result<UnixDatagram, String> {
    UnixDatagram::bind(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Does what comes over the control socket.
fn obey(machine: &Machine, control: &UnixDatagram, profile: &Path) {
    let mut bytes = [0; 8];
    while let Ok(length) = control.recv(&mut bytes) {
        let mut logic = machine.lock();
        match Order::decode(&bytes[..length]) {
            Some(Order::Ring) => logic.ring_rpu(),
            Some(Order::Cut(lines)) => logic.lines.cut(lines),
            Some(Order::Count) => logic.show_counts(),
            Some(Order::Profile) => {
                if let Err(error) = cost::write_profile(profile) {
                    eprintln!("tandem-qemu: {}: {error}", profile.display());
                }
                logic.show_counts();
            }
            None => eprintln!("tandem-qemu: no order is {:02x?}", &bytes[..length]),
        }
    }
}

/// True where a store at this physical address is for the programmable logic.
pub fn in_window(addr: u64) -> bool {
    let inside = |window: &Range<u32>| u32::try_from(addr).is_ok_and(|at| window.contains(&at));
    WINDOW.get().is_some_and(inside)
}

/// One store of the guest into the window.
pub fn store(addr: u32, value: u32) {
    if let Some(machine) = MACHINE.get() {
        machine.store(addr, value);
    }
}
