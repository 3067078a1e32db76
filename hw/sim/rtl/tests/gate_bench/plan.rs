//! What comes at the gate: parts, bus accesses, their times.

use tandem_model::gate::{DEPTH, Gate, Unit};
use tandem_regs::gate::offset;
use tandem_rtl::Rng;
use tandem_sim::gate::GateBlock;

/// What one history is about.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Both pins are active low.
    pub low: bool,
    /// ns a clock.
    pub period: u64,
    /// Time of the first clock, ns.
    pub start: u64,
    /// Delays and pulses are in whole clocks, and change while parts are pending. Else they are any
    /// number of ns and set once.
    pub whole_clocks: bool,
    /// The delay is long and then one clock, in turn: many parts are due at once.
    pub crowded: bool,
    /// Due in counts of the encoder, at first.
    pub counts: bool,
    /// Parts come with the belt only, and its encoder has no faults: nothing puts them in doubt.
    pub calm: bool,
    /// Longest delay, clocks.
    pub longest: u64,
    /// Clocks between parts, about.
    pub gap: u64,
    /// Bus accesses in 1024 free clocks.
    pub busy: u32,
    /// Resets in 1024 accesses.
    pub resets: u32,
}

impl Setup {
    /// Any of them.
    pub fn random(rng: &mut Rng) -> Self {
        let period = rng.pick(&[1, 4, 5, 10, 13]);
        let whole_clocks = rng.chance(768);
        // On whole clocks everything is a multiple of the period, the start too.
        let start = rng.pick(&[0, 1_000, u64::from(u32::MAX) - 20_000, 1 << 40, 1 << 63]);
        let end = rng.chance(100);
        let start = if end { u64::MAX - 6_100 * period } else { start };
        if rng.chance(160) {
            let counts = rng.chance(560);
            return Self {
                low: false,
                period,
                start: 0,
                whole_clocks: true,
                crowded: true,
                counts,
                calm: counts,
                longest: 900,
                gap: if counts { rng.range(4, 14) } else { rng.range(25, 60) },
                busy: 60,
                resets: 4,
            };
        }
        let counts = !end && rng.chance(560);
        Self {
            low: rng.chance(256),
            crowded: false,
            counts,
            calm: counts && rng.chance(400),
            period,
            start: start / period * period,
            whole_clocks,
            longest: if end { 1_200 } else { rng.pick(&[12, 60, 300, 1_200]) },
            gap: rng.pick(&[3, 6, 14, 40, 150]),
            busy: rng.pick(&[100, 500, 1024]),
            resets: rng.pick(&[2, 8, 30]),
        }
    }
}

/// One access of the bus.
#[derive(Clone, Copy, Debug)]
pub enum Access {
    /// Of a register.
    Read(u32),
    /// Of a register, with a word.
    Write(u32, u32),
}

/// Chooses what happens next.
pub struct Plan {
    rng: Rng,
    setup: Setup,
    queue: Vec<Access>,
    go: u32,
    epoch: u32,
    beat: u32,
    sample: u32,
    /// Due in counts, if the gate took what was written.
    counts: bool,
    /// The delay in counts that most settings repeat: a shorter one would put parts in doubt.
    usual: u64,
    part: bool,
    /// The next delay of a crowded history is the long one.
    long: bool,
    left: u64,
    /// Tag of the part that was the oldest in the clock before, if it is gone now.
    pub just_settled: Option<u32>,
    oldest: Option<u32>,
}

impl Plan {
    pub fn new(seed: u64, setup: Setup) -> Self {
        let mut plan = Self {
            rng: Rng::new(seed),
            setup,
            queue: Vec::new(),
            go: 0,
            epoch: 0,
            beat: 0,
            sample: 0,
            counts: setup.counts,
            usual: Rng::new(seed ^ 1).range(1, setup.longest.min(300)),
            part: false,
            long: true,
            left: 5,
            just_settled: None,
            oldest: None,
        };
        plan.configure();
        plan.begin_epoch();
        plan.queue.rotate_left(if plan.rng.chance(512) { 2 } else { 0 });
        // A unit forgets the delay, so it comes first; seldom after it, and the gate is not armed.
        let at = if plan.rng.chance(40) { plan.queue.len() - 1 } else { 0 };
        let unit = plan.encoder();
        plan.queue.insert(at, unit);
        // It is taken from its end.
        plan.queue.reverse();
        plan
    }

    fn encoder(&mut self) -> Access {
        let reverse = u32::from(self.rng.chance(200)) << 1;
        Access::Write(offset::ENCODER, u32::from(self.counts) | reverse)
    }

    /// Whether a part is in front of the sensor.
    pub fn part(&mut self, noise: u64, gate: &Gate, comes_on: bool) -> bool {
        let oldest = gate.pending().next().map(|part| part.tag);
        self.just_settled = self.oldest.filter(|tag| oldest != Some(*tag));
        self.oldest = oldest;
        if self.setup.calm && !comes_on {
            return self.part;
        }
        if self.left == 0 {
            self.part = !self.part;
            let longest = if self.part { self.setup.gap.min(9) } else { self.setup.gap };
            self.left = 1 + noise % longest.max(1);
        }
        self.left -= 1;
        self.part
    }

    fn time(&mut self) -> u64 {
        let clocks = self.rng.range(1, self.setup.longest);
        match self.setup.whole_clocks {
            true => clocks * self.setup.period,
            false => self.rng.range(1, clocks * self.setup.period),
        }
    }

    /// From trigger to due, in the unit.
    fn delay(&mut self) -> u64 {
        match (self.counts, self.setup.crowded) {
            (true, _) if self.rng.chance(900) => self.usual,
            (true, _) => self.rng.range(1, self.setup.longest.min(300)),
            (false, true) => {
                self.long = !self.long;
                if self.long { self.setup.period } else { self.setup.longest * self.setup.period }
            }
            (false, false) => self.time(),
        }
    }

    fn pair(&mut self, low: u32, high: u32, value: u64) {
        self.queue.push(Access::Write(low, value as u32));
        self.queue.push(Access::Write(high, (value >> 32) as u32));
    }

    fn configure(&mut self) {
        let delay = self.delay();
        let pulse = self.time() / self.rng.pick(&[1, 4, 16]);
        let pulse = if self.setup.whole_clocks {
            pulse / self.setup.period * self.setup.period
        } else {
            pulse
        };
        self.pair(offset::PULSE_LO, offset::PULSE_HI, pulse.max(1));
        self.pair(offset::DELAY_LO, offset::DELAY_HI, delay);
    }

    fn begin_epoch(&mut self) {
        self.epoch += 1;
        self.queue.push(Access::Write(offset::EPOCH, self.epoch));
    }

    /// The next access, if there is one in this clock.
    pub fn access(&mut self, now: u64, model: &GateBlock) -> Option<Access> {
        if self.queue.is_empty() && self.rng.chance(self.setup.busy) {
            self.choose(now, model);
            self.queue.reverse();
        }
        self.queue.pop()
    }

    fn choose(&mut self, now: u64, model: &GateBlock) {
        if self.rng.chance(self.setup.resets) {
            return self.reset();
        }
        match self.rng.below(100) {
            0..40 => self.cancel(now, model.behaviour()),
            40..65 => {
                let at = self.rng.below(0xc0 / 4) as u32 * 4;
                self.queue.push(Access::Read(at));
            }
            65..77 => self.acknowledge(model),
            77..82 if self.setup.whole_clocks => self.configure(),
            77..84 => self.odd_write(),
            84..87 => {
                self.sample += u32::from(self.rng.chance(800));
                self.queue.push(Access::Write(offset::SAMPLE, self.sample));
                for at in (offset::SAMPLE_TIME_LO..=offset::SAMPLE_POSITION_HI).step_by(4) {
                    self.queue.push(Access::Read(at));
                }
            }
            87..89 => {
                let (at, choices) = match self.rng.chance(512) {
                    true if self.setup.calm => (offset::ENCODER_FILTER, [0, 0, 0, 0, 0, 1]),
                    true => (offset::ENCODER_FILTER, [0, 0, 0, 1, 2, 4]),
                    false if self.setup.crowded => (offset::ENCODER_LIMIT, [0, 0, 0, 0, 0, 500]),
                    false => (offset::ENCODER_LIMIT, [0, 0, 20, 60, 200, 500]),
                };
                let value = self.rng.pick(&choices) * self.setup.period as u32;
                self.queue.push(Access::Write(at, value));
            }
            89..93 => {
                self.beat += u32::from(self.rng.chance(900));
                self.queue.push(Access::Write(offset::HEARTBEAT, self.beat));
            }
            93..95 => {
                let limit = self.rng.pick(&[0, 0, 60, 400]) * self.setup.period as u32;
                self.queue.push(Access::Write(offset::HEARTBEAT_LIMIT, limit));
            }
            95..97 => {
                let debounce = self.rng.pick(&[0, 0, 0, 1, 2, 5]) * self.setup.period as u32;
                self.queue.push(Access::Write(offset::DEBOUNCE, debounce));
            }
            _ => {
                let enable = self.rng.below(2) as u32;
                self.queue.push(Access::Write(offset::CTRL, enable));
            }
        }
    }

    fn reset(&mut self) {
        self.queue.push(Access::Write(offset::CTRL, 2 | self.rng.below(2) as u32));
        for _ in 0..self.rng.below(6) {
            let at = self.rng.below(0xc0 / 4) as u32 * 4;
            self.queue.push(Access::Read(at));
            if self.rng.chance(300) {
                let at = self.rng.pick(&[
                    offset::EPOCH,
                    offset::TRIG_ACK,
                    offset::CANCEL_GO,
                    offset::HEARTBEAT,
                    offset::SAMPLE,
                ]);
                self.queue.push(Access::Write(at, 7));
            }
        }
        self.go = 0;
        self.queue.push(Access::Write(offset::CTRL, self.rng.below(2) as u32));
        let (was, writes) = (self.counts, !self.setup.crowded && self.rng.chance(300));
        if writes {
            self.counts ^= self.rng.chance(700);
            let unit = self.encoder();
            self.queue.push(unit);
        }
        if was != self.counts || self.setup.whole_clocks && self.rng.chance(300) {
            self.configure();
        }
        self.begin_epoch();
    }

    /// Writes that must do nothing, or less than they look like.
    fn odd_write(&mut self) {
        match self.rng.below(7) {
            6 => {
                let value = self.rng.below(4) as u32;
                self.queue.push(Access::Write(offset::ENCODER, value));
            }
            0 => self.pair(offset::DELAY_LO, offset::DELAY_HI, 0),
            1 => self.pair(offset::PULSE_LO, offset::PULSE_HI, 0),
            2 => self.queue.push(Access::Write(offset::EPOCH, self.epoch + 100)),
            3 => self.queue.push(Access::Write(offset::CANCEL_GO, self.go)),
            4 => self.queue.push(Access::Write(offset::PASSED, 99)),
            _ => {
                // The low word waits for the high one.
                let at = self.rng.pick(&[offset::DELAY_LO, offset::PULSE_LO]);
                let same = if at == offset::DELAY_LO { offset::DELAY_HI } else { offset::PULSE_HI };
                self.queue.push(Access::Write(at, 77));
                self.queue.push(Access::Read(same));
                if self.setup.whole_clocks {
                    self.configure();
                }
            }
        }
    }

    fn acknowledge(&mut self, model: &GateBlock) {
        let count = model.read32(offset::TRIG_COUNT).unwrap_or(0);
        let behind = self.rng.pick(&[0, 0, 1, 2, 5, 31, 32, 33, 60]);
        self.queue.push(Access::Write(offset::TRIG_ACK, count.wrapping_sub(behind)));
        for at in (offset::TRIG_TAG..=offset::TRIG_DUE_HI).step_by(4) {
            if self.rng.chance(700) {
                self.queue.push(Access::Read(at));
            }
        }
    }

    fn cancel(&mut self, now: u64, gate: &Gate) {
        let parts: Vec<_> = gate.pending().collect();
        // Some aim at the last moment: the write of CANCEL_GO takes a few clocks.
        let soon = now.saturating_add(self.rng.range(3, 12) * self.setup.period);
        let given = parts.last().map_or(1, |part| part.tag);
        let oldest = parts.first().map_or(given, |part| part.tag);
        let tag = match self.rng.below(12) {
            0..5 => parts.iter().find(|part| part.due >= soon).map_or(oldest, |part| part.tag),
            5 if gate.unit() == Unit::Counts => {
                let soon = gate.position() + self.rng.range(1, 4);
                parts.iter().find(|part| part.due >= soon).map_or(oldest, |part| part.tag)
            }
            5..7 => oldest,
            7 => given,
            8 => given.wrapping_add(self.rng.range(1, 3) as u32),
            9 => oldest.wrapping_sub(self.rng.range(1, 3) as u32),
            10 => self.rng.below(DEPTH as u64 * 2) as u32,
            _ => self.rng.next_u32(),
        };
        let epoch = match self.rng.below(16) {
            0 => self.epoch.wrapping_sub(1),
            1 => self.rng.next_u32(),
            _ => self.epoch,
        };
        self.go = self.go.wrapping_add(1);
        self.queue.push(Access::Write(offset::CANCEL_TAG, tag));
        self.queue.push(Access::Write(offset::CANCEL_EPOCH, epoch));
        self.queue.push(Access::Write(offset::CANCEL_GO, self.go));
        if self.rng.chance(600) {
            self.queue.push(Access::Read(offset::CANCEL_RESULT));
        }
    }
}
