//! The model beside the kernel: what a clock does to it, and which bins that meets.

use tandem_model::gate::{DEPTH, Step, Unit};
use tandem_regs::gate::offset;

use super::History;

impl History {
    /// The order within a clock: a setting of the clock before, the encoder and what is due, any
    /// other write of the clock before, a trigger. (A setting that arms comes after what is due, for
    /// its time counts; there are no parts then.)
    pub(super) fn step_model(&mut self, part: bool, pins: [bool; 2]) {
        let now = self.time;
        let settings = [
            offset::DELAY_LO,
            offset::DELAY_HI,
            offset::PULSE_LO,
            offset::PULSE_HI,
            offset::ENCODER_LIMIT,
        ];
        if let Some((at, value)) = self.written
            && settings.contains(&at)
            && self.model.behaviour().is_armed()
        {
            self.written = None;
            self.write_model(at, value, now - self.setup.period);
        }
        let was_high = self.model.line_high(now.saturating_sub(self.setup.period));
        let full = self.model.behaviour().pending().count() == DEPTH;
        let step = self.encoder.take();
        self.turn_model(step);
        let freed = full && self.model.behaviour().pending().count() < DEPTH;
        self.note_passages(was_high);
        if let Some((at, value)) = self.written.take() {
            self.write_model(at, value, now);
        }
        let was_part = std::mem::replace(&mut self.was_part, self.input.level);
        let trigger = self.input.level && !was_part;
        let bounced = self.input.clock(part, now, self.word(offset::DEBOUNCE));
        self.bins.hit_if(bounced, "input: bounce ignored");
        let filter = self.word(offset::ENCODER_FILTER);
        let bounced = self.encoder.clock(pins, now, filter);
        self.bins.hit_if(bounced, "encoder: bounce ignored");
        if trigger {
            let debounced = self.word(offset::DEBOUNCE) > 0;
            self.bins.hit_if(debounced, "input: believed after debouncing");
            self.bins.hit_if(step == Some(Step::Slip), "counts: slip in the clock of a trigger");
            self.trigger_model(freed);
        }
        let ready = self.model.line_ready(now);
        let beats = ready || !self.model.behaviour().line_ready(now);
        self.bins.hit_if(self.beats && !beats, "heartbeat: lost while ready");
        self.bins.hit_if(!self.beats && beats && ready, "heartbeat: back");
        self.beats = beats;
        self.pins.push_back((self.model.line_high(now), ready));
    }

    /// With the write that was just taken, which the registers hold from the next clock on.
    pub(super) fn irq_level(&self) -> bool {
        let word = |at: u32| match self.written {
            Some((written, value)) if written == at => value,
            _ => self.model.read32(at).unwrap_or(0),
        };
        let ack = if self.in_reset() { 0 } else { word(offset::TRIG_ACK) };
        word(offset::TRIG_COUNT) != ack && word(offset::CTRL) & 1 != 0
    }

    fn word(&self, at: u32) -> u32 {
        self.model.read32(at).unwrap_or(0)
    }

    fn counts(&self) -> bool {
        self.model.behaviour().unit() == Unit::Counts
    }

    /// The encoder's step, if there is one, and everything that is due.
    fn turn_model(&mut self, step: Option<Step>) {
        let now = self.time;
        let gate = self.model.behaviour();
        let (before, from) = (gate.counters(), gate.position());
        let pending = gate.pending().count();
        let cancelled = gate.pending().any(|part| part.cancelled);
        let (lost, armed) = (gate.encoder_lost(), gate.is_armed());
        let (holding, held) = (gate.holds_untracked(), gate.held_until().is_some());
        let high = self.model.line_high(now.saturating_sub(self.setup.period));
        if let Some(step) = step {
            self.model.turn(step, now);
        }
        self.model.advance(now);
        let (reverse, counts) = (self.word(offset::ENCODER) & 2 != 0, self.counts());
        let gate = self.model.behaviour();
        let (after, to) = (gate.counters(), gate.position());
        let doubted = after.doubts != before.doubts;
        self.stood = if to == from { self.stood + 1 } else { 0 };
        let waits = gate.pending().next().is_some();
        let stands = self.stood > 200 && waits;
        let still_high = self.model.line_high(now);
        let over = self.stood > 3 && waits && high && !still_high;
        let hit = &mut self.bins;
        hit.hit_if(
            reverse && step == Some(Step::Forward) && to < from,
            "encoder: turns the other way round",
        );
        if !counts || !armed {
            return;
        }
        hit.hit_if(stands, "counts: the belt stands with parts pending");
        hit.hit_if(over, "counts: pulse over, the belt stands");
        let back = to < from && pending > 0;
        hit.hit_if(back, "counts: the belt runs back with parts pending");
        let over = to < from && from == self.settled_at;
        hit.hit_if(over, "counts: the belt runs back over a part that was due");
        let holds = gate.holds_untracked();
        hit.hit_if(!holding && holds, "counts: first untracked due");
        hit.hit_if(holding && !holds && !doubted, "counts: last untracked due");
        hit.hit_if(holds && self.stood > 15, "counts: untracked held, the belt stands");
        hit.hit_if(holds && to < from, "counts: untracked held, the belt runs back");
        let over = held && gate.held_until().is_none();
        hit.hit_if(over, "counts: held after arming until the belt came on");
        if step == Some(Step::Slip) {
            hit.hit_if(doubted && pending > 0, "counts: slip, parts pending");
            hit.hit_if(doubted && cancelled, "counts: slip, a cancelled part pending");
            hit.hit_if(doubted && pending == 0, "counts: slip while held, nobody pending");
            hit.hit_if(!doubted, "counts: slip, nobody under way");
        }
        hit.hit_if(!lost && gate.encoder_lost(), "counts: encoder lost");
        hit.hit_if(lost && !gate.encoder_lost(), "counts: lost, the belt comes on");
    }

    fn note_passages(&mut self, was_high: bool) {
        let passages = self.model.drain_passages();
        let here = self.model.behaviour().position();
        if self.counts() && passages.iter().any(|p| p.due == here) {
            let rejected = passages.iter().filter(|p| p.rejected).count();
            self.bins.hit_if(rejected > 0, "counts: due, rejected");
            self.bins.hit_if(rejected < passages.len(), "counts: due, passed");
            self.bins.hit_if(passages.len() > 1, "counts: two and more at once");
            self.settled_at = here;
        }
        let rejected = passages.iter().filter(|p| p.rejected).count();
        self.bins.hit_if(rejected > 0, "due: rejected");
        self.bins.hit_if(rejected > 0 && was_high, "due: line high already");
        self.bins.hit_if(rejected < passages.len(), "due: passed");
        self.bins.hit_if(passages.len() > 1, "due: two and more at once");
        let crowd = passages.len() > DEPTH / 2;
        self.bins.hit_if(crowd, "due: more than half of the places at once");
        let mixed = rejected > 0 && rejected < passages.len();
        self.bins.hit_if(mixed, "due: at once, some cancelled");
    }

    fn trigger_model(&mut self, freed: bool) {
        let now = self.time;
        let behaviour = self.model.behaviour();
        let (armed, reset) = (behaviour.is_armed(), self.in_reset());
        let last_due = behaviour.pending().last().map_or(0, |part| part.due);
        let before = behaviour.counters();
        let (position, counts) = (behaviour.position(), self.counts());
        let lost = behaviour.encoder_lost();
        let idle = behaviour.pending().count() == 0;
        let tag = self.model.trigger(now);
        let held = self.model.behaviour().held_until().is_some();
        let after = self.model.behaviour().counters();
        let newest = self.model.behaviour().pending().last();
        let hit = &mut self.bins;
        hit.hit_if(reset, "trigger: held reset");
        if counts && armed {
            hit.hit_if(lost, "counts: lost, a part comes");
            hit.hit_if(after.doubts != before.doubts, "counts: part ahead of the one before it");
            hit.hit_if(tag.is_some() && held, "counts: tag given while held");
            let behind = tag.is_some() && idle && position < self.settled_at;
            hit.hit_if(behind, "counts: a part after that with nobody under way");
        }
        hit.hit_if(!armed && !reset, "trigger: not armed");
        hit.hit_if(
            armed && after.unready != before.unready,
            "trigger: line still held after arming",
        );
        if let (Some(tag), Some(newest)) = (tag, newest) {
            hit.hit("trigger: captured");
            hit.hit_if(tag == 1, "trigger: first one after that");
            hit.hit_if(freed, "trigger: place freed in this clock");
            hit.hit_if(newest.due == last_due, "trigger: due put off behind the part ahead");
            hit.hit_if(newest.due == u64::MAX, "trigger: due at the end of time");
            let full = self.model.behaviour().pending().count() == DEPTH;
            self.bins.hit_if(full, "trigger: into the last free place");
            self.held_untracked = false;
        } else if after.overrun != before.overrun {
            let further = self.held_untracked;
            let name = if further {
                "trigger: full, further untracked"
            } else {
                "trigger: full, first untracked"
            };
            hit.hit(name);
            self.held_untracked = true;
        }
    }

    fn in_reset(&self) -> bool {
        self.model.read32(offset::CTRL).is_some_and(|ctrl| ctrl & 2 != 0)
    }

    fn write_model(&mut self, at: u32, value: u32, now: u64) {
        let word = |at: u32| self.model.read32(at).unwrap_or(0);
        let behaviour = self.model.behaviour();
        let pending = behaviour.pending().count();
        let hit = &mut self.bins;
        match at {
            offset::ENCODER => {
                let epoch = word(offset::EPOCH) != 0;
                hit.hit_if(epoch, "encoder: a write with an epoch in force");
                let other = (value ^ word(offset::ENCODER)) & 1 != 0;
                hit.hit_if(!epoch && other, "encoder: another unit");
            }
            offset::SAMPLE => {
                let same = value == word(offset::SAMPLE);
                hit.hit(if same { "sample: same value" } else { "sample: taken" });
            }
            offset::EPOCH => hit.hit_if(word(offset::EPOCH) != 0, "epoch: one is there already"),
            offset::DELAY_HI => {
                hit.hit_if(value == 0 && word(offset::DELAY_LO) == 0, "setting: 0 not taken");
            }
            offset::CTRL if value & 2 != 0 && word(offset::CTRL) & 2 == 0 => {
                hit.hit_if(pending > 0, "reset: parts pending");
                let held = behaviour.encoder_lost() || behaviour.held_until().is_some();
                hit.hit_if(held, "counts: reset while lost or held");
                let oldest = behaviour.pending().next().map(|part| part.due);
                let holding = behaviour.next_due().is_some_and(|due| oldest != Some(due));
                hit.hit_if(holding, "reset: line held for untracked parts");
            }
            offset::CANCEL_GO if word(offset::CTRL) & 2 == 0 => {
                let tag = word(offset::CANCEL_TAG);
                let part = behaviour.pending().find(|part| part.tag == tag);
                let same = value == word(offset::CANCEL_GO);
                let before = behaviour.counters();
                hit.hit_if(same, "cancel: same value of CANCEL_GO");
                let counts = self.model.behaviour().unit() == Unit::Counts;
                let last = part.is_some_and(|part| part.due <= now + self.setup.period);
                let first = self.plan.just_settled == Some(tag);
                self.model.write32(at, value, now);
                let after = self.model.behaviour().counters();
                let hit = &mut self.bins;
                let done = after.cancelled != before.cancelled;
                let code = self.model.read32(offset::CANCEL_RESULT);
                hit.hit_if(done, "cancel: Cancelled");
                hit.hit_if(!done && !same && code == Some(1), "cancel: Cancelled again");
                hit.hit_if(done && last && !counts, "cancel: Cancelled in the last clock");
                hit.hit_if(after.late != before.late, "cancel: TooLate");
                hit.hit_if(
                    after.late != before.late && first,
                    "cancel: TooLate in the first clock",
                );
                let late = after.late != before.late;
                hit.hit_if(late && first && counts, "counts: TooLate in the first clock");
                hit.hit_if(after.wrong_epoch != before.wrong_epoch, "cancel: WrongEpoch");
                hit.hit_if(after.unknown != before.unknown, "cancel: UnknownTag");
                return;
            }
            offset::TRIG_ACK => {
                let waiting = word(offset::TRIG_COUNT).wrapping_sub(value);
                hit.hit_if(waiting > DEPTH as u32, "window: overwritten");
                hit.hit_if(waiting > 0 && waiting <= DEPTH as u32, "window: shows a trigger");
            }
            _ => {}
        }
        self.model.write32(at, value, now);
    }
}
