//! A doorbell between threads of the agent: rings are not lost, and are merged.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Remembers one ring until somebody waits.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Mutex<Rings>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Rings {
    pending: bool,
    forever: bool,
}

impl Bell {
    /// Ends one wait: the present one or the next.
    pub fn ring(&self) {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner).pending = true;
        self.changed.notify_one();
    }

    /// Ends every wait from now on.
    pub fn ring_all(&self) {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner).forever = true;
        self.changed.notify_all();
    }

    /// Waits for a ring, or takes one that came before.
    pub fn wait(&self) {
        self.wait_for(Duration::MAX);
    }

    /// The same, no longer than `longest`.
    pub fn wait_for(&self, longest: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = |rung: &mut Rings| !rung.pending && !rung.forever;
        let mut rung = match longest {
            Duration::MAX => {
                self.changed.wait_while(rung, silent).unwrap_or_else(PoisonError::into_inner)
            }
            longest => {
                let waited = self.changed.wait_timeout_while(rung, longest, silent);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        rung.pending = false;
    }
}
