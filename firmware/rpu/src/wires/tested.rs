//! The watchdog's self-test: it runs out on purpose, and its handler (`crash.rs`) says so and returns.

use core::sync::atomic::{AtomicU32, Ordering};

const QUIET: u32 = 0;
const BUSY: u32 = 1;
const SEEN: u32 = 2;

// SAFETY: the name is used by the watchdog's handler and by nothing else.
#[unsafe(no_mangle)]
static TANDEM_WATCHDOG_TEST: AtomicU32 = AtomicU32::new(QUIET);

/// From now on the watchdog's interrupt is what is waited for, and nobody feeds it.
pub fn begin() {
    TANDEM_WATCHDOG_TEST.store(BUSY, Ordering::Release);
}

/// A test is under way.
pub fn busy() -> bool {
    TANDEM_WATCHDOG_TEST.load(Ordering::Acquire) != QUIET
}

/// Its interrupt has come.
pub fn seen() -> bool {
    TANDEM_WATCHDOG_TEST.load(Ordering::Acquire) == SEEN
}

/// Ends the test: whether the interrupt came.
pub fn end() -> bool {
    let seen = seen();
    TANDEM_WATCHDOG_TEST.store(QUIET, Ordering::Release);
    seen
}
