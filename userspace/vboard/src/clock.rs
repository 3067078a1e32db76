//! The board's one clock: nanoseconds since the board started.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};
use tandem_link::message::Nanos;

/// Real time for the threaded board, counted time for lockstep.
#[derive(Debug)]
pub(crate) enum Clock {
    /// Time since this instant.
    Real(Instant),
    /// What has been spent so far.
    Virtual(AtomicU64),
}

impl Clock {
    pub(crate) fn real() -> Self {
        Self::Real(Instant::now())
    }

    pub(crate) const fn virtual_from_zero() -> Self {
        Self::Virtual(AtomicU64::new(0))
    }

    pub(crate) fn now(&self) -> Nanos {
        match self {
            // 2^64 ns are 584 years.
            Self::Real(start) => start.elapsed().as_nanos() as u64,
            Self::Virtual(spent) => spent.load(Ordering::Relaxed),
        }
    }

    /// Lets virtual time pass; real time passes by itself. What the firmware does costs virtual
    /// time, so a loop that watches the clock ends.
    pub(crate) fn spend(&self, nanos: Nanos) {
        if let Self::Virtual(spent) = self {
            spent.fetch_add(nanos, Ordering::Relaxed);
        }
    }

    /// Moves virtual time to `at` unless it is there already.
    pub(crate) fn advance_to(&self, at: Nanos) {
        if let Self::Virtual(spent) = self {
            spent.fetch_max(at, Ordering::Relaxed);
        }
    }
}
