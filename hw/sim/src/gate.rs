//! The gate behind its registers. The behaviour is `tandem_model::gate`; here are the capture
//! window, the staged 64-bit parameters, the held reset, and the gate's own time, which begins at 0
//! with each load of the logic: its registers tell that one, everything else here the board's.

use std::collections::VecDeque;

use tandem_model::gate::{Counters, DEPTH, Gate, Part, Passage, Step, Unit};
use tandem_regs::gate as map;
use tandem_regs::gate::{CANCEL_RESULT, ENCODER, GATE_CTRL, MAP_HASH, STATUS, offset};

/// Passages kept for [`GateBlock::drain_passages`]; older ones are dropped when nobody drains.
const PASSAGES: usize = 65_536;

/// The gate as the bus sees it.
pub struct GateBlock {
    gate: Gate,
    control: u32,
    heartbeat: u32,
    /// When HEARTBEAT last got a new value.
    beat_at: u64,
    /// 0: not watched.
    heartbeat_limit: u32,
    /// Kept for who reads it: the triggers of a simulation do not bounce.
    debounce: u32,
    /// The encoder's inputs are the other way round.
    reverse: bool,
    /// Likewise kept only.
    encoder_filter: u32,
    encoder_limit: u32,
    sample: u32,
    sample_time: u64,
    sample_position: u64,
    delay: Pair,
    pulse: Pair,
    captured: [Part; DEPTH],
    count: u32,
    ack: u32,
    cancel_tag: u32,
    cancel_epoch: u32,
    cancel_go: u32,
    cancel_result: u32,
    passages: VecDeque<Passage>,
    /// Board's time at which the logic was loaded.
    loaded: u64,
    /// Gate's time of the last call that brought one.
    now: u64,
}

/// A 64-bit parameter: the low word waits until the high word is written.
#[derive(Clone, Copy, Default)]
struct Pair {
    staged: u32,
    value: u64,
}

impl Pair {
    /// 0 is not taken.
    fn write_high(&mut self, high: u32) {
        match u64::from(high) << 32 | u64::from(self.staged) {
            0 => {}
            value => self.value = value,
        }
    }
}

/// `loaded` turns the gate's times into the board's.
fn keep_from(
    loaded: u64,
    unit: Unit,
    passages: &mut VecDeque<Passage>,
) -> impl FnMut(Passage) + '_ {
    move |mut passage| {
        passage.triggered = passage.triggered.saturating_add(loaded);
        if unit == Unit::Nanoseconds {
            passage.due = passage.due.saturating_add(loaded);
        }
        keep(passages, passage);
    }
}

fn keep(passages: &mut VecDeque<Passage>, passage: Passage) {
    if passages.len() == PASSAGES {
        passages.pop_front();
    }
    passages.push_back(passage);
}

impl Default for GateBlock {
    fn default() -> Self {
        Self::new()
    }
}

impl GateBlock {
    /// A gate after power-up: it holds the line until it is seeded and configured.
    pub fn new() -> Self {
        Self {
            gate: Gate::new(),
            control: 0,
            heartbeat: 0,
            beat_at: 0,
            heartbeat_limit: 0,
            debounce: 0,
            reverse: false,
            encoder_filter: 0,
            encoder_limit: 0,
            sample: 0,
            sample_time: 0,
            sample_position: 0,
            delay: Pair::default(),
            pulse: Pair::default(),
            captured: [Part::default(); DEPTH],
            count: 0,
            ack: 0,
            cancel_tag: 0,
            cancel_epoch: 0,
            cancel_go: 0,
            cancel_result: 0,
            passages: VecDeque::new(),
            loaded: 0,
            now: 0,
        }
    }

    /// The board's time as the gate's.
    fn own(&self, now: u64) -> u64 {
        now.saturating_sub(self.loaded)
    }

    /// Everything that is due by `now` happens.
    pub fn advance(&mut self, now: u64) {
        self.now = self.own(now);
        let (unit, passages) = (self.gate.unit(), &mut self.passages);
        self.gate.advance(self.now, keep_from(self.loaded, unit, passages));
    }

    /// When [`GateBlock::advance`] next has something to do.
    pub fn next_due(&self) -> Option<u64> {
        self.gate.next_due().map(|due| due.saturating_add(self.loaded))
    }

    /// The encoder turns by one step, as its inputs show it with REVERSE at 0.
    pub fn turn(&mut self, step: Step, now: u64) {
        self.now = self.own(now);
        let step = match (self.reverse, step) {
            (true, Step::Forward) => Step::Backward,
            (true, Step::Backward) => Step::Forward,
            (_, step) => step,
        };
        let (unit, passages) = (self.gate.unit(), &mut self.passages);
        self.gate.turn(step, self.now, keep_from(self.loaded, unit, passages));
    }

    /// A part passes the sensor. `None`: it will be rejected, and software does not hear of it.
    pub fn trigger(&mut self, now: u64) -> Option<u32> {
        self.advance(now);
        let (unit, passages) = (self.gate.unit(), &mut self.passages);
        let tag = self.gate.trigger(self.now, keep_from(self.loaded, unit, passages))?;
        let part = self.gate.pending().find(|part| part.tag == tag)?;
        self.captured[self.count as usize % DEPTH] = part;
        self.count = self.count.wrapping_add(1);
        Some(tag)
    }

    /// What the reject line did since the last call.
    pub fn drain_passages(&mut self) -> Vec<Passage> {
        self.passages.drain(..).collect()
    }

    /// Level of the reject line at `now`.
    pub fn line_high(&self, now: u64) -> bool {
        self.gate.line_high(self.own(now))
    }

    /// Level of the line-ready signal at `now`.
    pub fn line_ready(&self, now: u64) -> bool {
        self.ready(self.own(now))
    }

    fn ready(&self, now: u64) -> bool {
        self.gate.line_ready(now) && self.heart_beats(now)
    }

    fn heart_beats(&self, now: u64) -> bool {
        let limit = u64::from(self.heartbeat_limit);
        limit == 0 || now.saturating_sub(self.beat_at) < limit
    }

    /// A trigger was captured that is not acknowledged.
    pub fn irq_level(&self) -> bool {
        self.count != self.ack && self.control & GATE_CTRL::IRQ_EN::SET.value != 0
    }

    /// Power-up of the programmable logic: nothing is left of what its flip-flops held. Pending
    /// parts are rejected, because the reject line is pulled high while nobody drives it low.
    pub fn power_up(&mut self, now: u64) {
        self.enter_reset(self.own(now));
        let passages = std::mem::take(&mut self.passages);
        *self = Self { passages, loaded: now, ..Self::new() };
    }

    /// The behaviour behind the registers: what a probe inside the logic would see.
    pub fn behaviour(&self) -> &Gate {
        &self.gate
    }

    /// The gate's own counters: what a probe inside the logic would see.
    pub fn counters(&self) -> Counters {
        self.gate.counters()
    }

    fn in_reset(&self) -> bool {
        self.control & GATE_CTRL::RESET::SET.value != 0
    }

    fn enter_reset(&mut self, now: u64) {
        let (unit, passages) = (self.gate.unit(), &mut self.passages);
        self.gate.reset(now, keep_from(self.loaded, unit, passages));
        self.gate.clear_counters();
        self.captured = [Part::default(); DEPTH];
        (self.count, self.ack, self.cancel_go, self.cancel_result) = (0, 0, 0, 0);
    }

    /// The capture window: trigger number TRIG_ACK + 1, zeros where there is none (any more).
    fn window(&self) -> Part {
        let waiting = self.count.wrapping_sub(self.ack);
        if waiting == 0 || waiting as usize > DEPTH {
            return Part::default();
        }
        self.captured[self.ack as usize % DEPTH]
    }

    /// Reads the register at `at`; `None` where there is none.
    pub fn read32(&self, at: u32) -> Option<u32> {
        Some(match at {
            offset::ID => map::ID.reset(),
            offset::VERSION => map::VERSION.reset(),
            offset::CAPS => map::CAPS.reset(),
            offset::HASH => MAP_HASH,
            offset::EPOCH => self.gate.epoch(),
            offset::TRIG_COUNT => self.count,
            offset::TRIG_ACK => self.ack,
            offset::STATUS => self.status(),
            offset::CTRL => self.control,
            offset::HEARTBEAT => self.heartbeat,
            offset::HEARTBEAT_LIMIT => self.heartbeat_limit,
            offset::DEBOUNCE => self.debounce,
            offset::ENCODER => self.encoder(),
            offset::ENCODER_FILTER => self.encoder_filter,
            offset::ENCODER_LIMIT => self.encoder_limit,
            offset::SAMPLE => self.sample,
            offset::DELAY_LO => self.delay.staged,
            offset::DELAY_HI => (self.delay.value >> 32) as u32,
            offset::PULSE_LO => self.pulse.staged,
            offset::PULSE_HI => (self.pulse.value >> 32) as u32,
            offset::TRIG_TAG => self.window().tag,
            offset::TRIG_AT_LO => self.window().triggered as u32,
            offset::TRIG_AT_HI => (self.window().triggered >> 32) as u32,
            offset::TRIG_DUE_LO => self.window().due as u32,
            offset::TRIG_DUE_HI => (self.window().due >> 32) as u32,
            offset::TRIG_POSITION_LO => self.window().position as u32,
            offset::TRIG_POSITION_HI => (self.window().position >> 32) as u32,
            offset::CANCEL_TAG => self.cancel_tag,
            offset::CANCEL_EPOCH => self.cancel_epoch,
            offset::CANCEL_GO => self.cancel_go,
            offset::CANCEL_RESULT => self.cancel_result,
            offset::PASSED..=offset::DOUBTS if at.is_multiple_of(4) => self.counter(at),
            offset::SAMPLE_TIME_LO => self.sample_time as u32,
            offset::SAMPLE_TIME_HI => (self.sample_time >> 32) as u32,
            offset::SAMPLE_POSITION_LO => self.sample_position as u32,
            offset::SAMPLE_POSITION_HI => (self.sample_position >> 32) as u32,
            _ => return None,
        })
    }

    fn status(&self) -> u32 {
        let pending = self.gate.pending().count() as u32;
        (STATUS::LINE_READY.val(self.ready(self.now).into())
            + STATUS::ENCODER_LOST.val(self.gate.encoder_lost().into())
            + STATUS::PENDING.val(pending))
        .value
    }

    fn encoder(&self) -> u32 {
        let counts = self.gate.unit() == Unit::Counts;
        (ENCODER::UNIT.val(counts.into()) + ENCODER::REVERSE.val(self.reverse.into())).value
    }

    /// Taken while there is no epoch.
    fn write_encoder(&mut self, value: u32) {
        let counts = value & ENCODER::UNIT::SET.value != 0;
        let unit = if counts { Unit::Counts } else { Unit::Nanoseconds };
        let other = unit != self.gate.unit();
        if self.gate.set_unit(unit) {
            self.reverse = value & ENCODER::REVERSE::SET.value != 0;
            if other {
                self.delay.value = 0;
            }
        }
    }

    fn counter(&self, at: u32) -> u32 {
        let counters = self.gate.counters();
        match at {
            _ if self.in_reset() => 0,
            offset::PASSED => counters.passed,
            offset::REJECTED => counters.rejected,
            offset::CANCELLED => counters.cancelled,
            offset::LATE => counters.late,
            offset::WRONG_EPOCH => counters.wrong_epoch,
            offset::UNKNOWN => counters.unknown,
            offset::OVERRUN => counters.overrun,
            offset::UNREADY => counters.unready,
            offset::SLIPS => counters.slips,
            _ => counters.doubts,
        }
    }

    /// Writes the register at `at` at time `now`; false where there is none. Read-only ones
    /// ignore it.
    pub fn write32(&mut self, at: u32, value: u32, now: u64) -> bool {
        let board = now;
        let now = self.own(now);
        match at {
            offset::EPOCH if !self.in_reset() => {
                self.advance(board);
                let _kept_if_there_is_one = self.gate.begin_epoch(value, now);
            }
            offset::TRIG_ACK if !self.in_reset() => self.ack = value,
            offset::CTRL => self.write_control(value & 0x3, now),
            offset::HEARTBEAT if value != self.heartbeat => {
                (self.heartbeat, self.beat_at) = (value, now);
            }
            offset::HEARTBEAT_LIMIT => self.heartbeat_limit = value,
            offset::DEBOUNCE => self.debounce = value,
            offset::ENCODER => self.write_encoder(value),
            offset::ENCODER_FILTER => self.encoder_filter = value,
            offset::ENCODER_LIMIT => {
                self.encoder_limit = value;
                self.gate.watch_encoder(value.into());
            }
            offset::SAMPLE if value != self.sample => {
                self.sample = value;
                (self.sample_time, self.sample_position) = (now, self.gate.position());
            }
            offset::DELAY_LO => self.delay.staged = value,
            offset::DELAY_HI => {
                self.delay.write_high(value);
                self.configure(board);
            }
            offset::PULSE_LO => self.pulse.staged = value,
            offset::PULSE_HI => {
                self.pulse.write_high(value);
                self.configure(board);
            }
            offset::CANCEL_TAG => self.cancel_tag = value,
            offset::CANCEL_EPOCH => self.cancel_epoch = value,
            offset::CANCEL_GO if !self.in_reset() && value != self.cancel_go => {
                self.cancel_go = value;
                self.advance(board);
                let outcome = self.gate.cancel(self.cancel_tag, self.cancel_epoch, now);
                // The register keeps 0 for "none yet".
                self.cancel_result = CANCEL_RESULT::CODE.val(outcome as u32 + 1).value;
            }
            _ => return self.read32(at).is_some(),
        }
        true
    }

    fn configure(&mut self, now: u64) {
        self.advance(now);
        self.gate.configure(self.delay.value, self.pulse.value, self.now);
    }

    fn write_control(&mut self, value: u32, now: u64) {
        let was = self.in_reset();
        self.control = value;
        match (was, self.in_reset()) {
            (false, true) => self.enter_reset(now),
            // Parts that came meanwhile stay rejected; they are nobody's count.
            (true, false) => self.gate.clear_counters(),
            _ => {}
        }
    }
}
