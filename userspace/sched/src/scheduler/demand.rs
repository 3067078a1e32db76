//! How much more comes than single runs can do: so large the batches have to be.
//!
//! A plan that is filled to the last due time has no time for a batch to grow: the first jobs are
//! on the brink, run alone, and the engines do the least they can just when most is asked of them.
//! So admission counts each group of a plan as large as a batch has to be to carry the demand,
//! before its members have come. What is admitted so is in time with the smaller batch as well.

use crate::cost::Nanos;

/// Demand is added up over windows of this length, ns, and smoothed over four of them.
const WINDOW: Nanos = 100_000_000;
/// Thousandths of the time of the engines that single runs may need before batches are reserved.
const BUSY: u64 = 900;

#[derive(Debug, Default)]
pub(super) struct Demand {
    window: u64,
    /// Work that came in this window, ns of single runs; refused or not.
    came: Nanos,
    smooth: Nanos,
}

impl Demand {
    pub fn came(&mut self, work: Nanos) {
        self.came = self.came.saturating_add(work);
    }

    /// At the end of a window, the demand in thousandths of what these engines can do in single
    /// runs at ease.
    pub fn roll(&mut self, now: Nanos, engines: usize) -> Option<u64> {
        let window = now / WINDOW;
        let passed = window.checked_sub(self.window).filter(|passed| *passed > 0)?;
        self.window = window;
        for _ in 0..passed.min(16) {
            self.smooth = (self.smooth / 4).saturating_mul(3).saturating_add(self.came / 4);
            self.came = 0;
        }
        let able = WINDOW / 1000 * BUSY * engines.max(1) as u64 / 1000;
        Some(self.smooth / able)
    }
}
