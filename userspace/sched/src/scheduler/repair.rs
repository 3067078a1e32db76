//! When engines are not as measured: slow, lost, back again; and what has to be done by the clock.

use std::cmp::Reverse;

use super::Scheduler;
use super::displace::victim;
use crate::answer::Outcome;
use crate::cost::Nanos;
use crate::job::State;
use crate::plan;

impl Scheduler {
    /// What the clock alone brings: jobs whose deadline passed while an engine had them, engines
    /// behind their time, jobs that wait for room in vain. To be called at
    /// [`Scheduler::next_wake`] at the latest; more often does no harm.
    pub fn tick(&mut self, now: Nanos) {
        self.roll(now);
        for lane in 0..self.lanes.len() {
            self.expire_running(lane, now);
            self.repair(lane, now);
        }
        self.expire_blocked(now);
        self.settle(now);
    }

    /// When to call [`Scheduler::tick`] next, or an engine's next start is due; [`Nanos::MAX`] if
    /// nothing is expected.
    pub fn next_wake(&self, now: Nanos) -> Nanos {
        let blocked = self.blocked.first().map_or(Nanos::MAX, |(until, _)| until + 1);
        self.lanes.iter().fold(blocked, |mut wake, lane| {
            for run in &lane.runs {
                if run.expected >= now {
                    wake = wake.min(run.expected + 1);
                }
                let jobs = run.jobs().iter().filter_map(|id| self.jobs.get(*id));
                let jobs = jobs.filter(|job| matches!(job.state, State::Running(_)));
                wake = jobs.fold(wake, |wake, job| wake.min(job.deadline + 1));
            }
            if lane.alive && !lane.plan.is_empty() {
                if lane.free_at > now || lane.is_ready(now) {
                    wake = wake.min(lane.free_at.max(now));
                } else if let Ok(walked) =
                    lane.check(&lane.plan, now, usize::MAX, self.config.slack, false)
                {
                    // Behind its time by x, it is planned as behind by 2x.
                    wake = wake.min(now.saturating_add(walked.slack / 2 + 1));
                } else {
                    wake = now;
                }
            }
            wake
        })
    }

    fn expire_running(&mut self, lane: usize, now: Nanos) {
        for run in 0..self.lanes[lane].runs.len() {
            let run = self.lanes[lane].runs[run];
            for id in run.jobs() {
                let late = self.jobs.get(*id).is_some_and(|job| {
                    matches!(job.state, State::Running(_)) && job.deadline < now
                });
                if late {
                    self.end(id.index, Outcome::Late { needed: 0, available: 0 });
                }
            }
        }
    }

    /// Takes jobs out of a plan until it keeps its promises again: of those up to the first broken
    /// one, the lowest priority first. A plan that keeps them is left as it is.
    pub(super) fn repair(&mut self, at: usize, now: Nanos) {
        while self.lanes[at].alive
            && let lane = &mut self.lanes[at]
            && let Err(miss) = lane.check(&lane.plan, now, usize::MAX, self.config.slack, false)
            && let Some(goes) = victim(&lane.plan[..miss.behind], None)
        {
            let index = plan::remove(&mut lane.plan, goes).job;
            self.left_plan(index);
            let needed = miss.finish.saturating_sub(now);
            let available = self.jobs[index].deadline.saturating_sub(now);
            self.replace(now, index, Outcome::Late { needed, available });
        }
    }

    /// An engine is lost. What it had and what waited for it is planned anew on the others, the
    /// highest priority first, or has its answer.
    pub fn lose(&mut self, engine: usize, now: Nanos) {
        let Some(lane) = self.lanes.get_mut(engine).filter(|lane| lane.alive) else { return };
        lane.alive = false;
        let mut jobs = std::mem::take(&mut self.orphans);
        jobs.clear();
        jobs.extend(lane.plan.drain(..).map(|entry| entry.job));
        jobs.iter().for_each(|index| self.left_plan(*index));
        for run in 0..self.lanes[engine].runs.len() {
            let run = self.lanes[engine].runs[run];
            for id in run.jobs() {
                if self.jobs.get(*id).is_some_and(|job| matches!(job.state, State::Running(_))) {
                    // It was charged when it was planned, and is again.
                    let job = &self.jobs[id.index];
                    self.shares.refund(job.stream, job.charge);
                    jobs.push(id.index);
                }
            }
        }
        self.lanes[engine].runs.clear();
        jobs.sort_unstable_by_key(|index| {
            let job = &self.jobs[*index];
            (Reverse(job.priority), job.deadline, job.seq)
        });
        for index in jobs.drain(..) {
            self.replan(now, index);
        }
        self.orphans = jobs;
        self.settle(now);
    }

    fn replan(&mut self, now: Nanos, index: u32) {
        let entry = self.entry(index);
        let stream = self.jobs[index].stream as usize;
        let placed = match self.find(now, &entry, self.jobs[index].engines, entry.due) {
            Ok(place) => {
                self.commit(index, entry, place);
                true
            }
            Err(_) => self.squeeze_in(now, index, entry, entry.due).is_some(),
        };
        match placed {
            true => self.streams[stream].counters.moved += 1,
            false => self.end(index, Outcome::EngineLost),
        }
    }

    /// An engine is there again, as fast as it was measured until it shows otherwise.
    pub fn restore(&mut self, engine: usize, now: Nanos) {
        let Some(lane) = self.lanes.get_mut(engine).filter(|lane| !lane.alive) else { return };
        lane.renewed(now);
        self.settle(now);
    }
}
