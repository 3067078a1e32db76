//! The gate as a queue in order of due time.

use super::line::Line;
use super::{CancelOutcome, Counters, DEPTH, Part, Passage};

/// A place in the table.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    part: Part,
    /// First and last due time of the parts that came untracked after this one, if any did. The
    /// line is held high from the one to the other, so a tracked part is never inside.
    untracked: Option<(u64, u64)>,
}

/// How far the oldest slot has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Its part is not due yet.
    #[default]
    Waiting,
    /// Its part has passed the gate; untracked ones are still to come.
    Passed,
    /// The line is held for its untracked parts.
    Holding,
}

/// The reject scheduler. Times are nanoseconds of one clock and never go back between calls.
///
/// Call [`Gate::advance`] up to the present before [`Gate::trigger`]: a slot is free only once its
/// part has gone by.
#[derive(Clone, Debug)]
pub struct Gate {
    epoch: u32,
    delay: u64,
    pulse: u64,
    slots: [Slot; DEPTH],
    oldest: usize,
    used: usize,
    stage: Stage,
    /// Due time of the newest part, tracked or not.
    last_due: u64,
    next_tag: u32,
    /// First tag of this epoch.
    first_tag: u32,
    line: Line,
    counters: Counters,
}

impl Gate {
    /// Empty, with a delay of 0 (parts are rejected on the spot) until [`Gate::configure`].
    pub fn new(epoch: u32) -> Self {
        Self {
            epoch,
            delay: 0,
            pulse: 1,
            slots: [Slot::default(); DEPTH],
            oldest: 0,
            used: 0,
            stage: Stage::default(),
            last_due: 0,
            next_tag: 1,
            first_tag: 1,
            line: Line::default(),
            counters: Counters::default(),
        }
    }

    /// Sets the time from trigger to pulse for later triggers, and the length of later pulses (at
    /// least 1 ns).
    pub fn configure(&mut self, delay_ns: u64, pulse_ns: u64) {
        self.delay = delay_ns;
        self.pulse = pulse_ns.max(1);
    }

    /// A part passes the sensor: schedules its reject and returns its tag.
    ///
    /// Tags count up over all epochs, wrapping. Parts keep their order: one is never due before
    /// the part ahead of it, whatever delay is set. `None`: the table is full; the part will be
    /// rejected without a tag, because the line is held high for it.
    pub fn trigger(&mut self, now: u64) -> Option<u32> {
        let due = now.saturating_add(self.delay).max(self.last_due);
        self.last_due = due;
        if !self.line_ready() {
            let newest = &mut self.slots[(self.oldest + self.used - 1) % DEPTH];
            let first = newest.untracked.map_or(due, |(first, _)| first);
            newest.untracked = Some((first, due));
            count(&mut self.counters.overrun);
            return None;
        }
        let tag = self.next_tag;
        self.next_tag = tag.wrapping_add(1);
        self.slots[(self.oldest + self.used) % DEPTH] =
            Slot { part: Part { tag, triggered: now, due, cancelled: false }, untracked: None };
        self.used += 1;
        count(&mut self.counters.triggers);
        Some(tag)
    }

    /// Lets a part pass. At its due time it is too late.
    pub fn cancel(&mut self, tag: u32, epoch: u32, now: u64) -> CancelOutcome {
        if epoch != self.epoch {
            count(&mut self.counters.wrong_epoch);
            return CancelOutcome::WrongEpoch;
        }
        let given = self.next_tag.wrapping_sub(self.first_tag);
        if tag.wrapping_sub(self.first_tag) >= given {
            count(&mut self.counters.unknown);
            return CancelOutcome::UnknownTag;
        }
        let Some(part) = self.waiting_mut(tag).filter(|part| now < part.due) else {
            count(&mut self.counters.late);
            return CancelOutcome::TooLate;
        };
        let first = !core::mem::replace(&mut part.cancelled, true);
        if first {
            count(&mut self.counters.cancelled);
        }
        CancelOutcome::Cancelled
    }

    /// Everything that is due up to and including `now` happens, in order.
    pub fn advance(&mut self, now: u64, mut sink: impl FnMut(Passage)) {
        while self.next_due().is_some_and(|due| due <= now) {
            let Slot { part, untracked } = self.slots[self.oldest];
            self.stage = match self.stage {
                Stage::Waiting => {
                    self.settle(part, !part.cancelled, &mut sink);
                    if !part.cancelled {
                        self.line.raise(part.due, part.due.saturating_add(self.pulse));
                    }
                    Stage::Passed
                }
                Stage::Passed | Stage::Holding => {
                    if let Some((first, last)) = untracked {
                        self.line.raise(first, last.saturating_add(self.pulse));
                    }
                    Stage::Holding
                }
            };
            let last = untracked.map_or(0, |(_, last)| last);
            let finished = untracked.is_none() || (self.stage == Stage::Holding && last <= now);
            if finished {
                self.oldest = (self.oldest + 1) % DEPTH;
                self.used -= 1;
                self.stage = Stage::Waiting;
            }
        }
    }

    /// When [`Gate::advance`] next has something to do.
    pub fn next_due(&self) -> Option<u64> {
        let Slot { part, untracked } = &self.slots[self.oldest];
        let (first, last) = untracked.unwrap_or_default();
        (self.used > 0).then_some(match self.stage {
            Stage::Waiting => part.due,
            Stage::Passed => first,
            Stage::Holding => last,
        })
    }

    /// Forgets every part and begins a new epoch. What was due by `now` has happened as planned;
    /// every other part, cancelled or not, is rejected: the line stays high from now until the
    /// last of them has gone by.
    pub fn reset(&mut self, now: u64, mut sink: impl FnMut(Passage)) {
        self.advance(now, &mut sink);
        if self.used > 0 {
            self.line.raise(now, self.last_due.saturating_add(self.pulse));
        }
        let gone = usize::from(self.stage != Stage::Waiting);
        for i in gone..self.used {
            let part = self.slots[(self.oldest + i) % DEPTH].part;
            self.settle(part, true, &mut sink);
        }
        self.used = 0;
        self.stage = Stage::Waiting;
        self.epoch = self.epoch.wrapping_add(1);
        self.first_tag = self.next_tag;
    }

    /// Whether the next part will get a tag: the signal that lets the line feed.
    pub fn line_ready(&self) -> bool {
        self.used < DEPTH
    }

    /// Level of the reject line; [`Gate::advance`] to `now` first.
    pub fn line_high(&self, now: u64) -> bool {
        self.line.high(now)
    }

    /// The epoch that a cancel must name.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Outcomes since power-up or [`Gate::clear_counters`].
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Sets every counter to 0.
    pub fn clear_counters(&mut self) {
        self.counters = Counters::default();
    }

    /// Parts that are not due yet, oldest first.
    pub fn pending(&self) -> impl Iterator<Item = Part> + '_ {
        let gone = usize::from(self.stage != Stage::Waiting);
        (gone..self.used).map(|i| self.slots[(self.oldest + i) % DEPTH].part)
    }

    fn waiting_mut(&mut self, tag: u32) -> Option<&mut Part> {
        let gone = usize::from(self.stage != Stage::Waiting);
        let (oldest, used) = (self.oldest, self.used);
        let at = (gone..used)
            .map(|i| (oldest + i) % DEPTH)
            .find(|at| self.slots[*at].part.tag == tag)?;
        Some(&mut self.slots[at].part)
    }

    fn settle(&mut self, part: Part, rejected: bool, sink: &mut impl FnMut(Passage)) {
        let Part { tag, triggered, due, .. } = part;
        sink(Passage { tag, epoch: self.epoch, triggered, due, rejected });
        let counter =
            if rejected { &mut self.counters.rejected } else { &mut self.counters.passed };
        count(counter);
    }
}

fn count(counter: &mut u32) {
    *counter = counter.wrapping_add(1);
}
