//! The wire to the ejector.

/// The latest stretch of time in which the line is high; earlier ones are history.
#[derive(Clone, Copy, Debug, Default)]
pub struct Line {
    from: u64,
    until: u64,
}

impl Line {
    /// High from `from` to just before `until`. Calls come in order of `from`.
    pub fn raise(&mut self, from: u64, until: u64) {
        if from > self.until {
            self.from = from;
        }
        self.until = self.until.max(until);
    }

    /// Level at a time that is not before the last `from`.
    pub fn high(&self, now: u64) -> bool {
        (self.from..self.until).contains(&now)
    }
}
