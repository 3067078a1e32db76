//! Doorbells: what an IPI or an interrupt line is to a sleeping processor.

use crate::clock::Clock;
use std::{
    hint,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use tandem_link::message::Nanos;

/// Longest single sleep; a wait without end is many of them.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);
/// Looks at the flag between two looks at the clock.
const SPINS: u32 = 16;

/// A latched doorbell: rung any number of times, answered once.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    sleepers: AtomicU32,
    lock: Mutex<()>,
    woken: Condvar,
}

impl Bell {
    /// Rings; ends a wait now or the next one. Costs one store while nobody sleeps.
    pub(crate) fn ring(&self) {
        // Sequentially consistent on both sides: either this sees the sleeper, or the sleeper,
        // which counts itself before it looks, sees the flag.
        self.rung.store(true, Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) != 0 {
            // A sleeper between its look and its sleep holds the lock.
            drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.woken.notify_all();
        }
    }

    /// Whether it was rung since the last answer; answers it.
    pub(crate) fn take(&self) -> bool {
        // The load keeps a spinning core from pulling the line out of the ringer's cache.
        self.rung.load(Ordering::SeqCst) && self.rung.swap(false, Ordering::SeqCst)
    }

    /// Waits for a ring until the time is `until`: spins for `spin` at first, then sleeps. True
    /// if it rang.
    pub(crate) fn wait(&self, clock: &Clock, until: Nanos, spin: Nanos) -> bool {
        let spin_end = clock.now().saturating_add(spin).min(until);
        loop {
            for _ in 0..SPINS {
                if self.take() {
                    return true;
                }
                hint::spin_loop();
            }
            if clock.now() >= spin_end {
                return self.sleep(clock, until);
            }
        }
    }

    fn sleep(&self, clock: &Clock, until: Nanos) -> bool {
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let rang = loop {
            if self.take() {
                break true;
            }
            let left = until.saturating_sub(clock.now());
            if left == 0 {
                break false;
            }
            let left = Duration::from_nanos(left).min(LONGEST_SLEEP);
            guard = self.woken.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
        };
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        rang
    }
}

#[cfg(test)]
mod tests {
    use super::Bell;
    use crate::clock::Clock;
    use std::{sync::Arc, thread};

    #[test]
    fn a_ring_is_latched_and_answered_once() {
        let (bell, clock) = (Bell::default(), Clock::real());
        bell.ring();
        bell.ring();
        assert!(bell.wait(&clock, u64::MAX, 0));
        assert!(!bell.take());
        assert!(!bell.wait(&clock, clock.now() + 1000, 0));
    }

    #[test]
    fn no_ring_is_lost_between_two_threads() {
        for spin in [0, 2_000] {
            let bells = Arc::new((Bell::default(), Bell::default()));
            let other = Arc::clone(&bells);
            let echo = thread::spawn(move || {
                let clock = Clock::real();
                for _ in 0..5_000 {
                    assert!(other.0.wait(&clock, u64::MAX, spin));
                    other.1.ring();
                }
            });
            let clock = Clock::real();
            for _ in 0..5_000 {
                bells.0.ring();
                assert!(bells.1.wait(&clock, u64::MAX, spin));
            }
            echo.join().expect("the echo");
        }
    }
}
