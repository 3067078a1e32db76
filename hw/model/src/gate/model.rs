//! The gate as a queue in order of due time.

use super::line::Line;
use super::{CancelOutcome, Counters, DEPTH, FIRST_POSITION, Part, Passage, Step, Unit};

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

/// The reject scheduler. Times are nanoseconds of one clock and never go back between calls;
/// positions are counts of the encoder and may.
///
/// Call [`Gate::advance`] up to the present before any other method that takes the time: a slot is
/// free only once its part has gone by. [`Gate::turn`] advances by itself.
#[derive(Clone, Debug)]
pub struct Gate {
    /// 0: none was begun since power-up or the last reset.
    epoch: u32,
    unit: Unit,
    /// In `unit`. 0, as is `pulse`: not set since power-up, or since the unit was another.
    delay: u64,
    pulse: u64,
    slots: [Slot; DEPTH],
    oldest: usize,
    used: usize,
    stage: Stage,
    /// When or where the newest part is due, tracked or not.
    last_due: u64,
    next_tag: u32,
    /// An armed gate gives tags from here on: parts that come earlier run into the held line.
    ready_at: u64,
    position: u64,
    /// In counts: the line is held for parts without a tag up to this position.
    held: Option<u64>,
    /// ns; 0: the encoder is not watched.
    limit: u64,
    /// Highest position since the table was last empty, and when the belt came there.
    mark: u64,
    marked_at: u64,
    /// Nothing came of the encoder for `limit`; until the belt comes on.
    lost: bool,
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
            unit: Unit::default(),
            delay: 0,
            pulse: 0,
            slots: [Slot::default(); DEPTH],
            oldest: 0,
            used: 0,
            stage: Stage::default(),
            last_due: 0,
            next_tag: FIRST_TAG,
            ready_at: 0,
            position: FIRST_POSITION,
            held: None,
            limit: 0,
            mark: FIRST_POSITION,
            marked_at: 0,
            lost: false,
            line: Line::default(),
            counters: Counters::default(),
        }
    }

    /// Chooses what delay and due are counted in. Taken only where there is no epoch, so that parts
    /// keep their unit; whether it was. A new unit forgets the delay, and what was due before it.
    pub fn set_unit(&mut self, unit: Unit) -> bool {
        let taken = self.epoch == 0;
        if taken && unit != self.unit {
            (self.unit, self.delay, self.last_due) = (unit, 0, 0);
        }
        taken
    }

    /// In counts: parts that are pending so long, ns, without a new highest position are given up.
    /// 0: never.
    pub fn watch_encoder(&mut self, limit_ns: u64) {
        self.limit = limit_ns;
    }

    /// Sets the way from trigger to pulse for later triggers, in the unit, and the length of later
    /// pulses, ns. Of either, 0 is not taken: what was set before stays.
    pub fn configure(&mut self, delay: u64, pulse_ns: u64, now: u64) {
        let was = self.is_armed();
        for (setting, new) in [(&mut self.delay, delay), (&mut self.pulse, pulse_ns)] {
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
        self.last_due = self.soon(now).max(self.last_due);
        match self.unit {
            Unit::Nanoseconds => {
                let until = self.last_due.saturating_add(self.pulse);
                self.line.raise(now, until);
                self.ready_at = until - self.delay;
            }
            Unit::Counts => {
                self.held = Some(self.last_due);
                self.ready_at = now.saturating_add(self.pulse);
            }
        }
    }

    /// Where a part that is triggered now is due.
    fn soon(&self, now: u64) -> u64 {
        self.here(now).saturating_add(self.delay)
    }

    /// What has come of what is waited for: the time, or the position.
    fn here(&self, now: u64) -> u64 {
        match self.unit {
            Unit::Nanoseconds => now,
            Unit::Counts => self.position,
        }
    }

    /// The encoder turns by one step; everything that is due then happens.
    pub fn turn(&mut self, step: Step, now: u64, mut sink: impl FnMut(Passage)) {
        match step {
            Step::Forward => self.position = self.position.wrapping_add(1),
            Step::Backward => self.position = self.position.wrapping_sub(1),
            Step::Slip => count(&mut self.counters.slips),
        }
        if self.position > self.mark {
            (self.mark, self.marked_at, self.lost) = (self.position, now, false);
        }
        let under_way = self.used > 0 || self.held.is_some();
        if step == Step::Slip && self.is_armed() && self.unit == Unit::Counts && under_way {
            self.doubt(now, &mut sink);
        }
        self.advance(now, &mut sink);
    }

    /// Nobody knows where the parts are: all that are pending are rejected, and the line is held as
    /// after arming, until the newest of them and every place up to the sensor has gone by.
    fn doubt(&mut self, now: u64, sink: &mut impl FnMut(Passage)) {
        count(&mut self.counters.doubts);
        self.give_up(sink);
        self.hold_for_unseen(now);
    }

    fn give_up(&mut self, sink: &mut impl FnMut(Passage)) {
        let gone = usize::from(self.stage != Stage::Waiting);
        for i in gone..self.used {
            let part = self.slots[(self.oldest + i) % DEPTH].part;
            self.settle(part, true, sink);
        }
        self.used = 0;
        self.stage = Stage::Waiting;
    }

    /// A part passes the sensor: schedules its reject and returns its tag.
    ///
    /// Tags count up within an epoch, wrapping. Parts keep their order: one is never due before
    /// the part ahead of it, whatever delay is set. In counts one that would be (the belt was moved
    /// back) puts all of them in doubt. `None`: the gate is not ready; the part will be rejected
    /// without a tag, because the line is held high for it.
    pub fn trigger(&mut self, now: u64, mut sink: impl FnMut(Passage)) -> Option<u32> {
        let disorder = self.unit == Unit::Counts && self.soon(now) < self.last_due;
        if !self.sees(now) || disorder {
            count(&mut self.counters.unready);
            if self.sees(now) {
                self.doubt(now, &mut sink);
            } else if self.is_armed() {
                self.hold_for_unseen(now);
            }
            return None;
        }
        let due = self.soon(now).max(self.last_due);
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
        if self.used == 0 {
            (self.mark, self.marked_at) = (self.position, now);
        }
        let part = Part { tag, triggered: now, position: self.position, due, cancelled: false };
        self.slots[(self.oldest + self.used) % DEPTH] = Slot { part, untracked: None };
        self.used += 1;
        count(&mut self.counters.triggers);
        Some(tag)
    }

    /// Lets a part pass. Once it is due it is too late.
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
        let here = self.here(now);
        let Some(part) = self.waiting_mut(tag).filter(|part| here < part.due) else {
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
        let here = self.here(now);
        while self.next_place().is_some_and(|due| due <= here) {
            let Slot { part, untracked } = self.slots[self.oldest];
            self.stage = match self.stage {
                Stage::Waiting => {
                    self.settle(part, !part.cancelled, &mut sink);
                    if !part.cancelled {
                        self.raise(part.due, part.due, now);
                    }
                    Stage::Passed
                }
                Stage::Passed | Stage::Holding => {
                    if let Some((first, last)) = untracked {
                        self.raise(first, last, now);
                    }
                    Stage::Holding
                }
            };
            let last = untracked.map_or(0, |(_, last)| last);
            let finished = untracked.is_none() || (self.stage == Stage::Holding && last <= here);
            if finished {
                self.oldest = (self.oldest + 1) % DEPTH;
                self.used -= 1;
                self.stage = Stage::Waiting;
            }
        }
        if self.unit == Unit::Counts {
            self.advance_hold(now, &mut sink);
        }
    }

    /// The rest of [`Gate::advance`], in counts.
    fn advance_hold(&mut self, now: u64, sink: &mut impl FnMut(Passage)) {
        if self.held.is_some_and(|until| until <= self.position) {
            self.held = None;
            self.raise(0, 0, now);
        }
        if self.lost_at().is_some_and(|at| at <= now) {
            self.lost = true;
            self.doubt(now, sink);
        }
        // With nobody under way there is nobody to stay behind of: the belt may be run back.
        if self.is_armed() && self.used == 0 && self.held.is_none() {
            self.last_due = 0;
        }
    }

    /// Raises the line for parts that are due from `first` to `last`. In counts this is said at
    /// both, and the line is held in between.
    fn raise(&mut self, first: u64, last: u64, now: u64) {
        let (from, last) = match self.unit {
            Unit::Nanoseconds => (first, last),
            Unit::Counts => (now, now),
        };
        self.line.raise(from, last.saturating_add(self.pulse));
    }

    /// When the encoder is lost if nothing comes of it.
    fn lost_at(&self) -> Option<u64> {
        let watched = self.unit == Unit::Counts && self.used > 0 && self.limit != 0;
        watched.then_some(self.marked_at.saturating_add(self.limit))
    }

    /// When [`Gate::advance`] next has something to do, ns. In counts that is only the moment at
    /// which the encoder counts as lost.
    pub fn next_due(&self) -> Option<u64> {
        match self.unit {
            Unit::Nanoseconds => self.next_place(),
            Unit::Counts => self.lost_at(),
        }
    }

    /// When or where the oldest slot next has something to do.
    fn next_place(&self) -> Option<u64> {
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
        self.give_up(&mut sink);
        (self.held, self.lost) = (None, false);
        self.epoch = 0;
    }

    /// Armed, past the parts that came before it was, and the encoder is not lost.
    fn sees(&self, now: u64) -> bool {
        self.is_armed() && now >= self.ready_at && !self.lost
    }

    /// Whether a part that comes now would get a tag: the signal that lets the line feed.
    pub fn line_ready(&self, now: u64) -> bool {
        self.sees(now) && self.used < DEPTH
    }

    /// Level of the reject line; [`Gate::advance`] to `now` first.
    pub fn line_high(&self, now: u64) -> bool {
        let holds = self.holds_untracked() || self.held.is_some();
        !self.is_armed() || self.line.high(now) || (self.unit == Unit::Counts && holds)
    }

    /// Unit of delay and due.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// Counts of the encoder, from [`FIRST_POSITION`] on.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// In counts: the position up to which the line is held for parts without a tag.
    pub fn held_until(&self) -> Option<u64> {
        self.held
    }

    /// The line is held for parts that came while the table was full.
    pub fn holds_untracked(&self) -> bool {
        self.stage == Stage::Holding
    }

    /// The belt did not come on for too long while parts were pending, and has not since.
    pub fn encoder_lost(&self) -> bool {
        self.lost
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
