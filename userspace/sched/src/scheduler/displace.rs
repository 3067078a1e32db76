//! Where there is no room as it is: the plan is packed anew, and a higher priority takes the room of
//! lower ones.

use std::cmp::Reverse;

use super::{Planned, Scheduler};
use crate::answer::Outcome;
use crate::cost::Nanos;
use crate::plan::{self, Edit, Entry};

/// Which of the entries of lower priority than `below` goes first: the lowest priority, then the
/// stream that used most, then the one due last.
pub(super) fn victim(plan: &[Entry], below: Option<u8>) -> Option<usize> {
    let lower = plan.iter().enumerate();
    let lower = lower.filter(|(_, entry)| below.is_none_or(|below| entry.priority < below));
    let first = lower.min_by_key(|(_, entry)| {
        (entry.priority, Reverse(entry.turn), Reverse(entry.due), Reverse(entry.seq))
    });
    first.map(|(at, _)| at)
}

impl Scheduler {
    /// Makes room on the engine where the fewest jobs of lower priority have to go, none at best, so
    /// that the newcomer ends by `limit`. They go to other engines where they fit, and have their
    /// answer otherwise.
    pub(super) fn squeeze_in(
        &mut self,
        now: Nanos,
        index: u32,
        entry: Entry,
        limit: Nanos,
    ) -> Option<Planned> {
        // Batches are cut short only for a higher priority.
        let reserved = self.squeeze(now, index, entry, limit, true);
        let lowest = self.streams.iter().all(|stream| stream.config.priority >= entry.priority);
        reserved
            .or_else(|| if lowest { None } else { self.squeeze(now, index, entry, limit, false) })
    }

    fn squeeze(
        &mut self,
        now: Nanos,
        index: u32,
        entry: Entry,
        limit: Nanos,
        reserves: bool,
    ) -> Option<Planned> {
        let mut best: Option<(usize, usize)> = None;
        for lane in 0..self.lanes.len() {
            if let Some(victims) = self.make_room(lane, now, index, &entry, limit, reserves)
                && best.is_none_or(|(fewest, _)| victims < fewest)
            {
                best = Some((victims, lane));
                if victims == 0 {
                    break;
                }
            }
        }
        let (_, lane) = best?;
        self.make_room(lane, now, index, &entry, limit, reserves)?;
        std::mem::swap(&mut self.lanes[lane].plan, &mut self.scratch);
        self.entered_plan(index, lane);
        let mut victims = std::mem::take(&mut self.victims);
        victims.iter().for_each(|victim| self.left_plan(*victim));
        // The highest of them chooses first.
        victims.sort_unstable_by_key(|victim| (Reverse(self.jobs[*victim].priority), *victim));
        for victim in victims.drain(..) {
            self.replace(now, victim, Outcome::Displaced { by: entry.priority });
        }
        self.victims = victims;
        let at = self.lanes[lane].plan.iter().position(|other| other.job == index)?;
        let finish = self.lanes[lane].planned_finish(at, now);
        Some(Planned { engine: lane, finish })
    }

    /// Leaves in `scratch` the plan of `lane` with the newcomer and without `victims`; how many
    /// these are.
    fn make_room(
        &mut self,
        lane: usize,
        now: Nanos,
        index: u32,
        entry: &Entry,
        limit: Nanos,
        reserves: bool,
    ) -> Option<usize> {
        let allowed = self.jobs[index].engines.has(lane);
        let lane = &self.lanes[lane];
        lane.curve(entry.model).filter(|_| allowed && lane.alive)?;
        let (plan, packed, victims) = (&mut self.scratch, &mut self.packed, &mut self.victims);
        plan.clone_from(&lane.plan);
        victims.clear();
        let mut place = plan::position(plan, entry, plan::floor(plan, entry));
        let limited = Entry { due: entry.due.min(limit), ..*entry };
        plan::apply(plan, limited, Edit::Alone(place));
        while let Err(miss) = lane.check(plan, now, place, self.config.slack, reserves) {
            // Packing sorts its list, so it has one of its own.
            self.list.clone_from(plan);
            if lane.repack(&mut self.list, packed, now, reserves) {
                std::mem::swap(plan, packed);
                place = plan.iter().position(|other| other.job == index)?;
                break;
            }
            let goes = victim(&plan[..miss.behind], Some(entry.priority))?;
            victims.push(plan::remove(plan, goes).job);
            place -= usize::from(goes < place);
        }
        plan[place].due = entry.due;
        Some(victims.len())
    }

    /// Finds another place for a job that has lost its own; without one it ends with `outcome`.
    pub(super) fn replace(&mut self, now: Nanos, index: u32, outcome: Outcome) {
        let entry = self.entry(index);
        match self.find(now, &entry, self.jobs[index].engines, entry.due) {
            Ok(place) => {
                self.commit(index, entry, place);
                self.streams[self.jobs[index].stream as usize].counters.moved += 1;
            }
            Err(_) => self.end(index, outcome),
        }
    }
}
