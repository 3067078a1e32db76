//! Starting and ending runs: the next group of the plan, filled up within slack.

use super::Scheduler;
use crate::answer::Outcome;
use crate::cost::{MAX_BATCH, Nanos};
use crate::job::{JobId, State};
use crate::lane::Run;
use crate::plan::{self, Entry};

/// A run of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RunId {
    engine: usize,
    number: u64,
}

/// A run that its engine is to begin now.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    /// Its id, for [`Scheduler::finish`].
    pub run: RunId,
    /// Number of the model.
    pub model: u16,
    /// When it should end.
    pub expected: Nanos,
    batch: usize,
    jobs: [JobId; MAX_BATCH],
    tags: [u64; MAX_BATCH],
}

impl Started {
    /// Its jobs.
    pub fn jobs(&self) -> &[JobId] {
        &self.jobs[..self.batch]
    }

    /// What their owner calls them.
    pub fn tags(&self) -> &[u64] {
        &self.tags[..self.batch]
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With results.
    Done,
    /// With an error; its jobs end with [`Outcome::Failed`].
    Failed,
}

impl Scheduler {
    /// The next run of an engine, if it is to begin one now.
    pub fn start(&mut self, engine: usize, now: Nanos) -> Option<Started> {
        if !self.lanes.get(engine)?.is_ready(now) {
            return None;
        }
        // The caller may be later than planned.
        self.repair(engine, now);
        if self.lanes[engine].plan.is_empty() {
            self.steal(engine, now)?;
        }
        self.fill_up(engine, now);
        let started = self.take_group(engine, now);
        self.settle(now);
        Some(started)
    }

    fn take_group(&mut self, engine: usize, now: Nanos) -> Started {
        self.runs += 1;
        let (number, lane) = (self.runs, &mut self.lanes[engine]);
        let batch = plan::group_end(&lane.plan, 0);
        let model = lane.plan[0].model;
        let Some(cost) = lane.curve(model).map(|curve| curve.cost(batch)) else {
            unreachable!("a model in a plan has costs")
        };
        let expected = now.saturating_add(cost.latency);
        let (mut jobs, mut tags) = ([JobId::NONE; MAX_BATCH], [0; MAX_BATCH]);
        for (at, entry) in lane.plan.drain(..batch).enumerate() {
            let job = &mut self.jobs[entry.job];
            job.state = State::Running(engine);
            tags[at] = job.tag;
            self.streams[job.stream as usize].waiting -= 1;
            jobs[at] = self.jobs.id(entry.job);
        }
        lane.free_at = now.saturating_add(cost.interval);
        lane.runs.push(Run { number, model, started: now, expected, batch, jobs });
        Started { run: RunId { engine, number }, model, expected, batch, jobs, tags }
    }

    /// Lets jobs of the same model that wait further behind join the first group, as long as every
    /// promise is kept and the engine has no more work than before.
    fn fill_up(&mut self, engine: usize, now: Nanos) {
        let (lane, scratch) = (&mut self.lanes[engine], &mut self.scratch);
        let model = lane.plan[0].model;
        let largest = lane.curve(model).map_or(1, |curve| curve.largest());
        let mut size = plan::group_end(&lane.plan, 0);
        if size >= largest || size == lane.plan.len() {
            return;
        }
        let Ok(mut before) = lane.check(&lane.plan, now, 0, 0, false) else { return };
        while size < largest
            && let Some(next) = lane.plan[size..].iter().position(|entry| entry.model == model)
        {
            scratch.clone_from(&lane.plan);
            let entry = plan::remove(scratch, size + next);
            scratch.insert(size, Entry { leads: false, ..entry });
            match lane.check(scratch, now, 0, 0, false) {
                Ok(after) if after.end <= before.end => before = after,
                _ => return,
            }
            std::mem::swap(&mut lane.plan, scratch);
            size += 1;
        }
    }

    /// An idle engine takes a job from another one's plan if it ends earlier here. There everything
    /// behind it gets earlier, and here nothing waits, so both plans keep their promises.
    fn steal(&mut self, engine: usize, now: Nanos) -> Option<()> {
        let mut best: Option<(Nanos, usize, usize)> = None;
        for from in (0..self.lanes.len()).filter(|from| *from != engine) {
            let found = self.stealable(engine, from, now);
            if let Some((due, at)) = found
                && best.is_none_or(|(earliest, ..)| due < earliest)
            {
                best = Some((due, from, at));
            }
        }
        let (_, from, at) = best?;
        let entry = plan::remove(&mut self.lanes[from].plan, at);
        self.lanes[engine].plan.push(Entry { leads: true, ..entry });
        let job = &mut self.jobs[entry.job];
        job.state = State::Planned(engine);
        self.streams[job.stream as usize].counters.moved += 1;
        Some(())
    }

    /// Due time and index of the first job in the plan of `from` that would end earlier on the idle
    /// `engine`.
    fn stealable(&self, engine: usize, from: usize, now: Nanos) -> Option<(Nanos, usize)> {
        let (own, lane) = (&self.lanes[engine], &self.lanes[from]);
        let (mut start, mut at) = (lane.base(now), 0);
        while at < lane.plan.len() {
            let behind = plan::group_end(&lane.plan, at);
            let cost = lane.curve(lane.plan[at].model)?.cost(behind - at);
            let finish = start.saturating_add(cost.latency);
            for (index, entry) in lane.plan[at..behind].iter().enumerate() {
                let here = own.curve(entry.model).map(|curve| now + curve.cost(1).latency);
                let job = &self.jobs[entry.job];
                if here.is_some_and(|here| here < finish && here <= job.deadline)
                    && job.engines.has(engine)
                {
                    return Some((entry.due, at + index));
                }
            }
            start = start.saturating_add(cost.interval);
            at = behind;
        }
        None
    }

    /// An engine has ended a run. One of an engine that was lost since is not known any more.
    pub fn finish(&mut self, run: RunId, ended: Ended, now: Nanos) {
        let Some(lane) = self.lanes.get_mut(run.engine) else { return };
        let Some(at) = lane.runs.iter().position(|other| other.number == run.number) else {
            return;
        };
        let run = lane.runs.swap_remove(at);
        if lane.runs.is_empty() {
            lane.free_at = lane.free_at.min(now);
        }
        let slower = ended == Ended::Done && lane.ended(&run, now);
        for id in run.jobs() {
            let Some(job) = self.jobs.get(*id) else { continue };
            let State::Running(_) = job.state else { continue };
            let outcome = match ended {
                Ended::Failed => Outcome::Failed,
                Ended::Done if now <= job.deadline => Outcome::Done,
                Ended::Done => Outcome::Late { needed: 0, available: 0 },
            };
            self.end(id.index, outcome);
        }
        if slower {
            for lane in 0..self.lanes.len() {
                self.repair(lane, now);
            }
        }
        self.settle(now);
    }
}
