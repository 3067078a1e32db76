//! What the R5F executes, counted: instructions, and accesses that leave its TCM; as a whole, and of
//! jobs alone, by address. Only where the plugin is told to (`count=on`), since each access then
//! costs a call.
//!
//! A *turn* is what the core executes between two sleeps (the firmware sets its alarm right before
//! each). A turn in which it acknowledges the doorbell ([`Sign::Awake`]; it does so whenever it polls
//! the pipeline) is work; any other one found nothing to do, because the emulated line falls later
//! than its cause, and is left out. A *job* is every working turn from the one that takes it from the
//! ring and starts the kernel to the one that rings the agent.

use crate::abi::{self, Insn, MemInfo, Tb};
use std::ffi::{c_uint, c_void};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// QEMU numbers the R5F behind the four A53s.
const RPU: c_uint = 4;
/// Addresses below are TCM; everything else that the firmware may touch has no cache (`mpu.rs`).
const TCM_END: u64 = 0x4_0000;

static ON: AtomicBool = AtomicBool::new(false);
static STATE: Mutex<State> = Mutex::new(State::new());

/// One instruction of a translated block; blocks are translated more than once, so several of these
/// may have one address.
struct Place {
    at: u64,
    /// In this turn.
    runs: AtomicU64,
    accesses: AtomicU64,
    /// In jobs, so far.
    jobs: [AtomicU64; 2],
}

/// What the firmware's stores to the glue page tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It polls the pipeline.
    Awake,
    /// It starts a kernel.
    Starts,
    /// It rings the agent.
    Answers,
    /// It goes to sleep.
    Sleeps,
}

struct State {
    places: Vec<&'static Place>,
    turn: Turn,
    /// Jobs that were started and not answered.
    open: u32,
    totals: Totals,
}

/// What happened in this turn.
#[derive(Clone, Copy)]
struct Turn {
    starts: u32,
    awake: bool,
    answers: u32,
}

/// What was executed so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Jobs that have ended.
    pub jobs: u32,
    /// Instructions and uncached accesses of jobs.
    pub of_jobs: [u64; 2],
    /// The same of working turns outside jobs.
    pub of_others: [u64; 2],
    /// Working turns outside jobs.
    pub others: u32,
}

impl State {
    const fn new() -> Self {
        let totals = Totals { jobs: 0, of_jobs: [0; 2], of_others: [0; 2], others: 0 };
        Self { places: Vec::new(), turn: Turn::NEW, open: 0, totals }
    }

    /// The turn is over.
    fn settle(&mut self) {
        let turn = std::mem::replace(&mut self.turn, Turn::NEW);
        self.open += turn.starts;
        let job = self.open != 0;
        let mut sums = [0; 2];
        for place in &self.places {
            let counts = [place.runs.swap(0, Relaxed), place.accesses.swap(0, Relaxed)];
            for (index, count) in counts.into_iter().enumerate() {
                sums[index] += count;
                if turn.awake && job {
                    place.jobs[index].fetch_add(count, Relaxed);
                }
            }
        }
        if turn.awake {
            let totals = &mut self.totals;
            let of = if job { &mut totals.of_jobs } else { &mut totals.of_others };
            *of = [of[0] + sums[0], of[1] + sums[1]];
            totals.others += u32::from(!job);
        }
        // The agent is rung for other messages, too, where no job is open.
        let answered = turn.answers.min(self.open);
        self.totals.jobs += answered;
        self.open -= answered;
    }
}

impl Turn {
    const NEW: Self = Self { starts: 0, awake: false, answers: 0 };
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts from now on.
pub fn begin() {
    ON.store(true, Relaxed);
}

/// The firmware has shown where in its turn it is.
pub fn sign(sign: Sign) {
    if !ON.load(Relaxed) {
        return;
    }
    let mut state = state();
    match sign {
        Sign::Awake => state.turn.awake = true,
        Sign::Starts => state.turn.starts += 1,
        Sign::Answers => state.turn.answers += 1,
        Sign::Sleeps => state.settle(),
    }
}

/// What was executed so far.
pub fn totals() -> Totals {
    state().totals
}

/// Writes what jobs executed so far, by instruction: lines of address, instructions, accesses.
pub fn write_profile(path: &Path) -> std::io::Result<()> {
    let mut text = String::new();
    for place in &state().places {
        let [instructions, accesses] = [0, 1].map(|index| place.jobs[index].load(Relaxed));
        if instructions != 0 {
            // Into a string: never fails.
            let _ = writeln!(text, "{:#x} {instructions} {accesses}", place.at);
        }
    }
    std::fs::write(path, text)
}

/// Asks QEMU for calls from a block that it has just translated.
pub fn translated(block: *mut Tb) {
    if !ON.load(Relaxed) {
        return;
    }
    // SAFETY: the block lives for the call of `qemu_plugin_install`'s callback that this is part
    // of; indices stay below its count; each place lives for ever.
    unsafe {
        for index in 0..abi::qemu_plugin_tb_n_insns(block) {
            let insn: *mut Insn = abi::qemu_plugin_tb_get_insn(block, index);
            let at = abi::qemu_plugin_insn_vaddr(insn);
            // The A53s sleep elsewhere.
            if at >= TCM_END {
                return;
            }
            let place: &'static Place = Box::leak(Box::new(Place {
                at,
                runs: AtomicU64::new(0),
                accesses: AtomicU64::new(0),
                jobs: [AtomicU64::new(0), AtomicU64::new(0)],
            }));
            state().places.push(place);
            let data = std::ptr::from_ref(place).cast_mut().cast();
            abi::qemu_plugin_register_vcpu_insn_exec_cb(insn, executed, abi::NO_REGS, data);
            abi::qemu_plugin_register_vcpu_mem_cb(
                insn,
                accessed,
                abi::NO_REGS,
                abi::ACCESSES,
                data,
            );
        }
    }
}

/// The place that [`translated`] handed to QEMU.
///
/// # Safety
/// `data` comes from there.
unsafe fn place(data: *mut c_void) -> &'static Place {
    // SAFETY: the caller's promise; places live for ever and are only read.
    unsafe { &*data.cast::<Place>() }
}

extern "C" fn executed(cpu: c_uint, data: *mut c_void) {
    if cpu == RPU {
        // SAFETY: QEMU hands back what `translated` gave.
        unsafe { place(data) }.runs.fetch_add(1, Relaxed);
    }
}

extern "C" fn accessed(cpu: c_uint, info: MemInfo, vaddr: u64, data: *mut c_void) {
    if cpu != RPU {
        return;
    }
    // SAFETY: called by QEMU from inside a memory callback, where these two are allowed; the
    // address is checked for null before it is used.
    let outside = unsafe {
        let resolved = abi::qemu_plugin_get_hwaddr(info, vaddr);
        !resolved.is_null() && abi::qemu_plugin_hwaddr_phys_addr(resolved) >= TCM_END
    };
    if outside {
        // SAFETY: QEMU hands back what `translated` gave.
        unsafe { place(data) }.accesses.fetch_add(1, Relaxed);
    }
}
