//! Jobs that wait for room (`drop: block`): in order of when waiting becomes useless.

use super::{Scheduler, quickest};
use crate::answer::{Outcome, Refusal};
use crate::cost::Nanos;

/// Blocked jobs that are tried after a call: it bounds the call.
const TRIES: usize = 8;

#[derive(Debug)]
pub(super) struct Blocked {
    /// Latest start that is in time, and the job.
    jobs: Vec<(Nanos, u32)>,
    /// Where the next tries begin: each has its turn, whatever those before it do.
    next: usize,
}

impl Blocked {
    pub fn with_capacity(jobs: usize) -> Blocked {
        Blocked { jobs: Vec::with_capacity(jobs), next: 0 }
    }

    fn insert(&mut self, until: Nanos, index: u32) {
        let at = self.jobs.partition_point(|(other, _)| *other <= until);
        self.jobs.insert(at, (until, index));
    }

    pub fn remove(&mut self, index: u32) {
        self.jobs.retain(|(_, job)| *job != index);
    }

    /// When the first has waited for nothing.
    pub fn first(&self) -> Option<(Nanos, u32)> {
        self.jobs.first().copied()
    }
}

impl Scheduler {
    /// Lets a job wait for room, if its stream may have another one wait.
    pub(super) fn block(
        &mut self,
        now: Nanos,
        index: u32,
        refusal: Refusal,
    ) -> Result<(), Refusal> {
        let entry = self.entry(index);
        let curves = self.curves(entry.model, self.jobs[index].engines);
        let quickest = curves.map(|(curve, _)| curve.cost(1).latency).min().unwrap_or(0);
        let until = entry.due.saturating_sub(quickest);
        let stream = &mut self.streams[self.jobs[index].stream as usize];
        let (waiting, queue) = (stream.blocked, stream.config.queue);
        if waiting >= queue {
            return Err(Refusal::QueueFull { waiting, queue });
        }
        if until < now {
            return Err(refusal);
        }
        stream.blocked += 1;
        self.blocked.insert(until, index);
        Ok(())
    }

    /// Answers those that have waited for nothing.
    pub(super) fn expire_blocked(&mut self, now: Nanos) {
        while let Some((_, index)) = self.blocked.first().filter(|(until, _)| *until < now) {
            self.blocked.remove(index);
            let entry = self.entry(index);
            let stream = self.jobs[index].stream;
            self.streams[stream as usize].blocked -= 1;
            let available = entry.due.saturating_sub(now);
            let refusal = match quickest(self.curves(entry.model, self.jobs[index].engines)) {
                Ok(needed) => Refusal::NoRoom { needed, available },
                Err(refusal) => refusal,
            };
            self.end(index, Outcome::Refused(refusal));
        }
    }

    /// After room may have come up: some of the blocked are tried again.
    pub(super) fn settle(&mut self, now: Nanos) {
        let mut left = TRIES;
        // The first to be due comes first where all can be tried.
        let mut next = if self.blocked.jobs.len() <= TRIES { 0 } else { self.blocked.next };
        for _ in 0..self.blocked.jobs.len() {
            let Some((_, index)) = self.blocked.jobs.get(next).copied() else {
                next = 0;
                continue;
            };
            let stream = &self.streams[self.jobs[index].stream as usize];
            if stream.waiting >= stream.config.queue {
                next += 1;
                continue;
            }
            if left == 0 {
                break;
            }
            left -= 1;
            let stream = self.jobs[index].stream as usize;
            match self.offer(now, index) {
                Ok(_) => {
                    self.blocked.jobs.remove(next);
                    self.streams[stream].blocked -= 1;
                }
                Err(_) => next += 1,
            }
        }
        self.blocked.next = next;
    }
}
