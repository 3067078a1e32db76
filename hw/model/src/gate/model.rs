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
/// Call [`Gate::advance`] up to the present before any other method that takes the time: a slot is
/// free only once its part has gone by.
#[derive(Clone, Debug)]
pub struct Gate {
    /// 0: none was begun since power-up or the last reset.
    epoch: u32,
    /// 0, as is `pulse`: not set since power-up.
    delay: u64,
    pulse: u64,
    slots: [Slot; DEPTH],
    oldest: usize,
    used: usize,
    stage: Stage,
    /// Due time of the newest part, tracked or not.
    last_due: u64,
    next_tag: u32,
    /// An armed gate gives tags from here on: parts that come earlier run into the held line.
    ready_at: u64,
    line: Line,
    counters: Counters,
}

/// The first tag of each epoch.
const FIRST_TAG: u32 = 1;

impl Gate {
    /// After power-up: no epoch, no settings, and so not armed.
    pub fn new() -> Self {
        Self {
            epoch: 0,
            delay: 0,
            pulse: 0,
            slots: [Slot::default(); DEPTH],
            oldest: 0,
            used: 0,
            stage: Stage::default(),
            last_due: 0,
            next_tag: FIRST_TAG,
            ready_at: 0,
            line: Line::default(),
            counters: Counters::default(),
        }
    }

    /// Sets the time from trigger to pulse for later triggers, and the length of later pulses. Of
    /// either, 0 is not taken: what was set before stays.
    pub fn configure(&mut self, delay_ns: u64, pulse_ns: u64, now: u64) {
        let was = self.is_armed();
        for (setting, new) in [(&mut self.delay, delay_ns), (&mut self.pulse, pulse_ns)] {
            *setting = if new == 0 { *setting } else { new };
        }
        self.armed_since(was, now);
    }

    /// Begins an epoch, with tags from 1 on. Only a gate without one takes it, and 0 is none;
    /// whether it did. The caller picks a number that no recent epoch had: nothing here outlives a
    /// power-up.
    pub fn begin_epoch(&mut self, epoch: u32, now: u64) -> bool {
        let taken = self.epoch == 0 && epoch != 0;
        if taken {
            self.epoch = epoch;
            self.next_tag = FIRST_TAG;
            self.armed_since(false, now);
        }
        taken
    }

    /// It has an epoch, a delay and a pulse. Until then the line is held high and no part gets a
    /// tag.
    pub fn is_armed(&self) -> bool {
        self.epoch != 0 && self.delay != 0 && self.pulse != 0
    }

    fn armed_since(&mut self, was: bool, now: u64) {
        if !was && self.is_armed() {
            self.hold_for_unseen(now);
        }
    }

    /// Parts without a tag are on their way, the last of them triggered by `now`: the line is held
    /// until it has gone by. The next tag is given so late that its part comes after that.
    fn hold_for_unseen(&mut self, now: u64) {
        self.last_due = now.saturating_add(self.delay).max(self.last_due);
        let until = self.last_due.saturating_add(self.pulse);
        self.line.raise(now, until);
        self.ready_at = until - self.delay;
    }

    /// A part passes the sensor: schedules its reject and returns its tag.
    ///
    /// Tags count up within an epoch, wrapping. Parts keep their order: one is never due before
    /// the part ahead of it, whatever delay is set. `None`: the gate is not ready; the part will be
    /// rejected without a tag, because the line is held high for it.
    pub fn trigger(&mut self, now: u64) -> Option<u32> {
        if !self.sees(now) {
            count(&mut self.counters.unready);
            if self.is_armed() {
                self.hold_for_unseen(now);
            }
            return None;
        }
        let due = now.saturating_add(self.delay).max(self.last_due);
        self.last_due = due;
        if self.used == DEPTH {
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
        if epoch != self.epoch || self.epoch == 0 {
            count(&mut self.counters.wrong_epoch);
            return CancelOutcome::WrongEpoch;
        }
        let given = self.next_tag.wrapping_sub(FIRST_TAG);
        if tag.wrapping_sub(FIRST_TAG) >= given {
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

    /// Forgets every part and ends the epoch; delay and pulse are kept. What was due by `now` has
    /// happened as planned; every other part, cancelled or not, is rejected: the line is high from
    /// now until the gate is armed again and the last part that came before has gone by.
    pub fn reset(&mut self, now: u64, mut sink: impl FnMut(Passage)) {
        self.advance(now, &mut sink);
        let gone = usize::from(self.stage != Stage::Waiting);
        for i in gone..self.used {
            let part = self.slots[(self.oldest + i) % DEPTH].part;
            self.settle(part, true, &mut sink);
        }
        self.used = 0;
        self.stage = Stage::Waiting;
        self.epoch = 0;
    }

    /// Armed, and past the parts that came before it was.
    fn sees(&self, now: u64) -> bool {
        self.is_armed() && now >= self.ready_at
    }

    /// Whether a part that comes now would get a tag: the signal that lets the line feed.
    pub fn line_ready(&self, now: u64) -> bool {
        self.sees(now) && self.used < DEPTH
    }

    /// Level of the reject line; [`Gate::advance`] to `now` first.
    pub fn line_high(&self, now: u64) -> bool {
        !self.is_armed() || self.line.high(now)
    }

    /// The epoch that a cancel must name; 0 if there is none, and no cancel is taken.
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

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

fn count(counter: &mut u32) {
    *counter = counter.wrapping_add(1);
}
