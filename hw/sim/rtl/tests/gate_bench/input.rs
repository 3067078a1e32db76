//! What the trigger's synchroniser and debouncing must make of a pin.

/// The input: two clocks of synchroniser, then a level is believed when it has lasted.
pub struct Input {
    settled: [bool; 2],
    seen: bool,
    since: u64,
    trigger: bool,
    /// A change that is not believed yet.
    doubted: bool,
}

impl Input {
    pub fn new(now: u64) -> Self {
        Self { settled: [false; 2], seen: false, since: now, trigger: false, doubted: false }
    }

    /// One clock: whether the gate sees a trigger in it, and whether a bounce ended.
    pub fn clock(&mut self, pin: bool, now: u64, debounce: u32) -> (bool, bool) {
        let trigger = std::mem::take(&mut self.trigger);
        let level = self.settled[1];
        let mut bounced = false;
        if level == self.seen {
            bounced = std::mem::take(&mut self.doubted);
            self.since = now;
        } else if now - self.since >= u64::from(debounce) {
            (self.seen, self.trigger, self.since) = (level, level, now);
            self.doubted = false;
        } else {
            self.doubted = true;
        }
        self.settled = [pin, self.settled[0]];
        (trigger, bounced)
    }
}
