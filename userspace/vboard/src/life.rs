//! The life of a core: how it is counted, frozen and killed.

use crate::clock::Clock;
use std::{
    panic,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};
use tandem_link::message::Nanos;

/// Virtual time of one access to the bus or to shared words.
const ACCESS_NS: Nanos = 50;
/// "Never" for times and kill points.
pub(crate) const NEVER: u64 = u64::MAX;

/// What outlives the lives of one core.
#[derive(Debug)]
pub(crate) struct Vitals {
    accesses: AtomicU64,
    kill_at: AtomicU64,
    frozen: AtomicBool,
}

impl Vitals {
    pub(crate) const fn new() -> Self {
        Self {
            accesses: AtomicU64::new(0),
            kill_at: AtomicU64::new(NEVER),
            frozen: AtomicBool::new(false),
        }
    }

    /// Accesses of every life so far.
    pub(crate) fn accesses(&self) -> u64 {
        self.accesses.load(Ordering::Relaxed)
    }

    /// The core dies instead of doing the access after the next `k`. One kill point is armed at a
    /// time, and it waits for a later life if this one ends before.
    pub(crate) fn kill_after(&self, k: u64) {
        self.kill_at.store(self.accesses().saturating_add(k).saturating_add(1), Ordering::Relaxed);
    }

    pub(crate) fn freeze(&self, frozen: bool) {
        self.frozen.store(frozen, Ordering::Relaxed);
    }

    pub(crate) fn frozen(&self) -> bool {
        self.frozen.load(Ordering::Relaxed)
    }
}

/// What a killed core unwinds with. Nothing is printed: no panic hook sees it.
pub(crate) struct Killed;

/// One life, from reset to death.
#[derive(Debug)]
pub(crate) struct Life {
    vitals: Arc<Vitals>,
    clock: Arc<Clock>,
    dead: AtomicBool,
    reset: AtomicBool,
    wake_at: AtomicU64,
}

impl Life {
    pub(crate) fn new(vitals: Arc<Vitals>, clock: Arc<Clock>) -> Self {
        Self {
            vitals,
            clock,
            dead: AtomicBool::new(false),
            reset: AtomicBool::new(false),
            wake_at: AtomicU64::new(NEVER),
        }
    }

    /// To be asked before each access of the firmware; false if it must not happen any more.
    ///
    /// At a kill point the stack unwinds with [`Killed`] from here. What destructors access while
    /// it does, is not done: the core is dead already.
    pub(crate) fn access(&self) -> bool {
        if self.dead.load(Ordering::Relaxed) {
            return false;
        }
        let count = self.vitals.accesses.fetch_add(1, Ordering::Relaxed) + 1;
        self.clock.spend(ACCESS_NS);
        if count < self.vitals.kill_at.load(Ordering::Relaxed)
            && !self.reset.load(Ordering::Relaxed)
        {
            return true;
        }
        self.dead.store(true, Ordering::Relaxed);
        self.vitals.kill_at.store(NEVER, Ordering::Relaxed);
        if !thread::panicking() {
            panic::resume_unwind(Box::new(Killed));
        }
        false
    }

    /// Holds the core in reset: it dies at its next access, or between two polls.
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }

    pub(crate) fn in_reset(&self) -> bool {
        self.reset.load(Ordering::Relaxed)
    }

    /// From here on every access is inert.
    pub(crate) fn end(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    /// Asks for a poll at `at` at the latest.
    pub(crate) fn wake_at(&self, at: Nanos) {
        self.wake_at.fetch_min(at, Ordering::Relaxed);
    }

    /// When the next poll is due.
    pub(crate) fn due(&self) -> Nanos {
        self.wake_at.load(Ordering::Relaxed)
    }

    /// Whether a poll is due at `now`; forgets the time if so.
    pub(crate) fn take_due(&self, now: Nanos) -> bool {
        let due = self.due() <= now;
        if due {
            self.wake_at.store(NEVER, Ordering::Relaxed);
        }
        due
    }
}
