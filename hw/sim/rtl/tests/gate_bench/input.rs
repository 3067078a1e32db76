//! What synchronisers, filters and the encoder must make of pins.

use tandem_model::gate::Step;

/// One pin: two clocks of synchroniser, then a level is believed when it has lasted.
pub struct Input {
    settled: [bool; 2],
    /// What is believed.
    pub level: bool,
    since: u64,
    /// A change that is not believed yet.
    doubted: bool,
}

impl Input {
    /// After a reset in which the pin showed `level`.
    pub fn new(now: u64, level: bool) -> Self {
        Self { settled: [level; 2], level, since: now, doubted: false }
    }

    /// One clock; whether a bounce ended in it.
    pub fn clock(&mut self, pin: bool, now: u64, filter: u32) -> bool {
        let shown = self.settled[1];
        let mut bounced = false;
        if shown == self.level {
            bounced = std::mem::take(&mut self.doubted);
            self.since = now;
        } else if now - self.since >= u64::from(filter) {
            (self.level, self.since, self.doubted) = (shown, now, false);
        } else {
            self.doubted = true;
        }
        self.settled = [pin, self.settled[0]];
        bounced
    }
}

/// Both pins of the encoder.
pub struct Encoder {
    inputs: [Input; 2],
    was: [bool; 2],
    step: Option<Step>,
}

impl Encoder {
    /// After a reset in which the pins stood still.
    pub fn new(now: u64, pins: [bool; 2]) -> Self {
        Self { inputs: pins.map(|pin| Input::new(now, pin)), was: pins, step: None }
    }

    /// What the gate sees in this clock, REVERSE aside.
    pub fn take(&mut self) -> Option<Step> {
        self.step.take()
    }

    /// One clock; whether a bounce ended in it.
    pub fn clock(&mut self, pins: [bool; 2], now: u64, filter: u32) -> bool {
        let [a, b] = self.inputs.each_ref().map(|input| input.level);
        // Forwards A leads: 00, 10, 11, 01.
        self.step = match (a != self.was[0], b != self.was[1]) {
            (false, false) => None,
            (true, true) => Some(Step::Slip),
            _ if a != self.was[1] => Some(Step::Forward),
            _ => Some(Step::Backward),
        };
        self.was = [a, b];
        let mut bounced = false;
        for (input, pin) in self.inputs.iter_mut().zip(pins) {
            bounced |= input.clock(pin, now, filter);
        }
        bounced
    }
}
