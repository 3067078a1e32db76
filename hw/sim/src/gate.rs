//! The gate behind its registers. The behaviour is `tandem_model::gate`; here are the capture
//! window, the staged 64-bit parameters and the held reset.

use std::collections::VecDeque;

use tandem_model::gate::{Counters, DEPTH, Gate, Part, Passage};
use tandem_regs::gate as map;
use tandem_regs::gate::{CANCEL_RESULT, GATE_CTRL, MAP_HASH, STATUS, offset};

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
    /// Time of the last call that brought one.
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
            now: 0,
        }
    }

    /// Everything that is due by `now` happens.
    pub fn advance(&mut self, now: u64) {
        self.now = now;
        let passages = &mut self.passages;
        self.gate.advance(now, |passage| keep(passages, passage));
    }

    /// When [`GateBlock::advance`] next has something to do.
    pub fn next_due(&self) -> Option<u64> {
        self.gate.next_due()
    }

    /// A part passes the sensor. `None`: it will be rejected, and software does not hear of it.
    pub fn trigger(&mut self, now: u64) -> Option<u32> {
        self.advance(now);
        let tag = self.gate.trigger(now)?;
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
        self.gate.line_high(now)
    }

    /// Level of the line-ready signal at `now`.
    pub fn line_ready(&self, now: u64) -> bool {
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
        self.enter_reset(now);
        let passages = std::mem::take(&mut self.passages);
        *self = Self { passages, now, ..Self::new() };
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
        let passages = &mut self.passages;
        self.gate.reset(now, |passage| keep(passages, passage));
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
            offset::DELAY_LO => self.delay.staged,
            offset::DELAY_HI => (self.delay.value >> 32) as u32,
            offset::PULSE_LO => self.pulse.staged,
            offset::PULSE_HI => (self.pulse.value >> 32) as u32,
            offset::TRIG_TAG => self.window().tag,
            offset::TRIG_AT_LO => self.window().triggered as u32,
            offset::TRIG_AT_HI => (self.window().triggered >> 32) as u32,
            offset::TRIG_DUE_LO => self.window().due as u32,
            offset::TRIG_DUE_HI => (self.window().due >> 32) as u32,
            offset::CANCEL_TAG => self.cancel_tag,
            offset::CANCEL_EPOCH => self.cancel_epoch,
            offset::CANCEL_GO => self.cancel_go,
            offset::CANCEL_RESULT => self.cancel_result,
            offset::PASSED..=offset::UNREADY if at.is_multiple_of(4) => self.counter(at),
            _ => return None,
        })
    }

    fn status(&self) -> u32 {
        let ready = self.line_ready(self.now);
        let pending = STATUS::PENDING.val(self.gate.pending().count() as u32).value;
        if ready { pending | STATUS::LINE_READY::SET.value } else { pending }
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
            _ => counters.unready,
        }
    }

    /// Writes the register at `at` at time `now`; false where there is none. Read-only ones
    /// ignore it.
    pub fn write32(&mut self, at: u32, value: u32, now: u64) -> bool {
        match at {
            offset::EPOCH if !self.in_reset() => {
                self.advance(now);
                let _kept_if_there_is_one = self.gate.begin_epoch(value, now);
            }
            offset::TRIG_ACK if !self.in_reset() => self.ack = value,
            offset::CTRL => self.write_control(value & 0x3, now),
            offset::HEARTBEAT if value != self.heartbeat => {
                (self.heartbeat, self.beat_at) = (value, now);
            }
            offset::HEARTBEAT_LIMIT => self.heartbeat_limit = value,
            offset::DEBOUNCE => self.debounce = value,
            offset::DELAY_LO => self.delay.staged = value,
            offset::DELAY_HI => {
                self.delay.write_high(value);
                self.configure(now);
            }
            offset::PULSE_LO => self.pulse.staged = value,
            offset::PULSE_HI => {
                self.pulse.write_high(value);
                self.configure(now);
            }
            offset::CANCEL_TAG => self.cancel_tag = value,
            offset::CANCEL_EPOCH => self.cancel_epoch = value,
            offset::CANCEL_GO if !self.in_reset() && value != self.cancel_go => {
                self.cancel_go = value;
                self.advance(now);
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
        self.gate.configure(self.delay.value, self.pulse.value, now);
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
