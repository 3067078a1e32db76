//! A doorbell between threads of the agent: rings are not lost, and are merged.

use std::sync::{Condvar, Mutex, PoisonError};

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
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rung = self
            .changed
            .wait_while(rung, |rung| !rung.pending && !rung.forever)
            .unwrap_or_else(PoisonError::into_inner);
        rung.pending = false;
    }
}
