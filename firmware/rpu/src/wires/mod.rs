//! What wakes this core, tells the time and watches over it: one implementation a kind of machine,
//! chosen by the board (`build.rs`). Both have the same functions.

#[cfg(tandem_qemu)]
mod qemu;
#[cfg(tandem_qemu)]
pub use qemu::{FIQ_ACK, FIQ_END, HAS_PINS, TIMER, Wires, park, prepare_park};

#[cfg(not(tandem_qemu))]
mod silicon;
#[cfg(not(tandem_qemu))]
pub use silicon::{FIQ_ACK, FIQ_END, HAS_PINS, TIMER, Wires, park, prepare_park};

pub mod tested;

use core::sync::atomic::{AtomicU32, Ordering};
use tandem_link::message::Nanos;

/// A counter of TTC0, for the self-test.
pub struct Timer {
    /// Of its count.
    pub bits: u32,
    /// Its clock is divided by 2 to this.
    pub exponent: u32,
    /// Its clock, Hz.
    pub hertz: u32,
}

/// What the clock said last, low word and high word: a crash looks at no device.
static LAST: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];

/// What the clock said when it was last asked, ns; 0 before that.
pub fn last_time() -> Nanos {
    let [low, high] = [0, 1].map(|i: usize| u64::from(LAST[i].load(Ordering::Relaxed)));
    high << 32 | low
}

fn remember(now: Nanos) -> Nanos {
    LAST[0].store(now as u32, Ordering::Relaxed);
    LAST[1].store((now >> 32) as u32, Ordering::Relaxed);
    now
}

/// From `now` to `at`, ns; at most what 32 bits hold (4 s): the sleeper looks again then. Two words to
/// divide would cost this core more than the whole look at its lines.
fn short(now: Nanos, at: Nanos) -> u32 {
    at.saturating_sub(now).try_into().unwrap_or(u32::MAX)
}
