//! What people use without a scheduler: one queue for all, nothing refused.

use std::collections::BTreeMap;

use super::costs::Costs;
use super::load::Load;
use super::world::{Event, Queue, Run};
use crate::answer::{Outcome, Refusal};
use crate::cost::Nanos;

/// Order of a plain queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// First come, first served.
    Fifo,
    /// Earliest deadline first, late ones, too.
    Edf,
    /// Earliest deadline first; what a largest batch would make late when its turn comes is thrown
    /// away.
    EdfDroppingLate,
}

/// A plain queue. Batches are formed from what waits, in its order, up to the largest.
#[derive(Debug)]
pub struct Baseline<'a> {
    order: Order,
    load: &'a Load,
    costs: &'a Costs,
    largest_batch: usize,
    waiting: BTreeMap<(Nanos, usize), u16>,
    runs: BTreeMap<u64, (usize, Vec<usize>)>,
    free_at: Vec<Nanos>,
    numbers: u64,
    answers: Vec<(usize, Outcome)>,
    /// Most jobs that waited at once.
    pub longest: usize,
}

impl<'a> Baseline<'a> {
    /// A queue before these engines.
    pub fn new(
        order: Order,
        load: &'a Load,
        costs: &'a Costs,
        largest_batch: usize,
    ) -> Baseline<'a> {
        Baseline {
            order,
            load,
            costs,
            largest_batch,
            waiting: BTreeMap::new(),
            runs: BTreeMap::new(),
            free_at: vec![0; costs.engines.len()],
            numbers: 0,
            answers: Vec::new(),
            longest: 0,
        }
    }
}

const LATE: Outcome = Outcome::Late { needed: 0, available: 0 };

impl Queue for Baseline<'_> {
    fn submit(&mut self, _: Nanos, job: usize) -> Result<bool, Refusal> {
        let arrival = &self.load.arrivals[job];
        let rank = if self.order == Order::Fifo { 0 } else { arrival.deadline };
        self.waiting.insert((rank, job), arrival.model);
        self.longest = self.longest.max(self.waiting.len());
        Ok(true)
    }

    fn start(&mut self, engine: usize, now: Nanos, run: &mut Run) -> bool {
        if now < self.free_at[engine] {
            return false;
        }
        if self.order == Order::EdfDroppingLate {
            while let Some((&(deadline, job), model)) = self.waiting.first_key_value()
                && let Some(curve) = self.costs.curve(engine, *model)
                && now + curve.cost(curve.largest().min(self.largest_batch)).latency > deadline
            {
                self.waiting.remove(&(deadline, job));
                self.answers.push((job, LATE));
            }
        }
        let able = |model: &u16| self.costs.curve(engine, *model);
        let first = self.waiting.iter().find_map(|(_, model)| Some((*model, able(model)?)));
        let Some((model, curve)) = first else { return false };
        let largest = curve.largest().min(self.largest_batch);
        let same = self.waiting.iter().filter(|(_, other)| **other == model).take(largest);
        let keys: Vec<(Nanos, usize)> = same.map(|(key, _)| *key).collect();
        self.numbers += 1;
        (run.number, run.model) = (self.numbers, model);
        run.jobs.clear();
        for key in &keys {
            self.waiting.remove(key);
            run.jobs.push(key.1);
        }
        self.free_at[engine] = now + curve.cost(keys.len()).interval;
        self.runs.insert(self.numbers, (engine, run.jobs.clone()));
        true
    }

    fn finish(&mut self, engine: usize, number: u64, now: Nanos) {
        let Some((_, jobs)) = self.runs.remove(&number) else { return };
        let busy = self.runs.values().any(|(other, _)| *other == engine);
        if !busy {
            self.free_at[engine] = self.free_at[engine].min(now);
        }
        for job in jobs {
            let done = now <= self.load.arrivals[job].deadline;
            self.answers.push((job, if done { Outcome::Done } else { LATE }));
        }
    }

    fn event(&mut self, _: Nanos, event: Event) {
        if let Event::Cancel(job) = event {
            let before = self.waiting.len();
            self.waiting.retain(|(_, other), _| *other != job);
            if self.waiting.len() < before {
                self.answers.push((job, Outcome::Cancelled));
            }
        }
    }

    fn answers(&mut self, _: Nanos, give: &mut dyn FnMut(usize, Outcome)) {
        self.answers.drain(..).for_each(|(job, outcome)| give(job, outcome));
    }

    fn tick(&mut self, _: Nanos) {}

    fn wake(&self, now: Nanos) -> Nanos {
        if self.waiting.is_empty() {
            return Nanos::MAX;
        }
        // A pipeline takes the next run before the last one ends.
        self.free_at.iter().copied().filter(|at| *at > now).min().unwrap_or(Nanos::MAX)
    }
}
