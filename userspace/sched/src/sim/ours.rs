//! The scheduler as a simulated queue.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tandem_policy::{DropPolicy, EngineSet};

use super::costs::Costs;
use super::load::Load;
use super::world::{Event, Queue, Run};
use crate::answer::{Counters, Outcome, Refusal};
use crate::cost::{MAX_BATCH, Nanos};
use crate::job::JobId;
use crate::scheduler::{
    Config, ConfigError, Ended, EngineConfig, Request, RunId, Scheduler, StreamConfig, StreamId,
};

/// What a policy can choose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// What streams give up where there is no room.
    pub drop: DropPolicy,
    /// Jobs of a stream that may wait.
    pub queue: u32,
    /// Largest batch.
    pub largest_batch: usize,
    /// Jobs are planned to end this long before their deadline, ns.
    pub slack_ns: Nanos,
}

impl Default for Choice {
    fn default() -> Choice {
        Choice { drop: DropPolicy::Newest, queue: 8, largest_batch: MAX_BATCH, slack_ns: 0 }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Ours<'a> {
    /// The scheduler.
    pub scheduler: Scheduler,
    /// Its stream of each of the load's.
    pub streams: Vec<StreamId>,
    load: &'a Load,
    ids: Vec<Option<JobId>>,
    runs: HashMap<(usize, u64), RunId>,
    numbers: u64,
}

impl<'a> Ours<'a> {
    /// A scheduler for the streams of a load, all with the same choice and equal weights.
    ///
    /// # Errors
    /// As [`Scheduler::new`] and [`Scheduler::add_stream`].
    pub fn new(load: &'a Load, costs: &Costs, choice: Choice) -> Result<Ours<'a>, ConfigError> {
        let streams = load.streams.iter().map(|stream| StreamConfig {
            priority: stream.priority,
            weight: 1,
            drop: choice.drop,
            queue: choice.queue,
        });
        let streams: Vec<StreamConfig> = streams.collect();
        Self::with_streams(load, costs, choice, &streams)
    }

    /// The same with each stream's own configuration.
    ///
    /// # Errors
    /// As [`Scheduler::new`] and [`Scheduler::add_stream`].
    pub fn with_streams(
        load: &'a Load,
        costs: &Costs,
        choice: Choice,
        streams: &[StreamConfig],
    ) -> Result<Ours<'a>, ConfigError> {
        let entries: u64 = streams.iter().map(|stream| u64::from(stream.queue) * 2).sum();
        let config = Config {
            jobs: entries.clamp(1, u64::from(u32::MAX)) as u32,
            streams: streams.len() as u32,
            largest_batch: choice.largest_batch,
            slack: choice.slack_ns,
            ..Config::default()
        };
        let engines = costs.engines.iter();
        let engines: Vec<_> =
            engines.map(|curves| EngineConfig { curves: curves.clone() }).collect();
        let mut scheduler = Scheduler::new(config, &engines)?;
        let ids: Result<Vec<_>, _> =
            streams.iter().map(|stream| scheduler.add_stream(*stream)).collect();
        Ok(Ours {
            scheduler,
            streams: ids?,
            load,
            ids: vec![None; load.arrivals.len()],
            runs: HashMap::new(),
            numbers: 0,
        })
    }
}

impl Queue for Ours<'_> {
    fn submit(&mut self, now: Nanos, job: usize) -> Result<bool, Refusal> {
        let arrival = &self.load.arrivals[job];
        let request = Request {
            stream: self.streams[arrival.stream as usize],
            model: arrival.model,
            deadline: arrival.deadline,
            engines: EngineSet::ALL,
            tag: job as u64,
        };
        let submitted = self.scheduler.submit(now, request)?;
        self.ids[job] = Some(submitted.job);
        Ok(submitted.planned.is_some())
    }

    fn start(&mut self, engine: usize, now: Nanos, run: &mut Run) -> bool {
        let Some(started) = self.scheduler.start(engine, now) else { return false };
        self.numbers += 1;
        self.runs.insert((engine, self.numbers), started.run);
        (run.number, run.model) = (self.numbers, started.model);
        run.jobs.clear();
        run.jobs.extend(started.tags().iter().map(|tag| *tag as usize));
        true
    }

    fn finish(&mut self, engine: usize, number: u64, now: Nanos) {
        if let Some(run) = self.runs.remove(&(engine, number)) {
            self.scheduler.finish(run, Ended::Done, now);
        }
    }

    fn event(&mut self, now: Nanos, event: Event) {
        match event {
            Event::Cancel(job) => {
                if let Some(id) = self.ids[job] {
                    self.scheduler.cancel(id, now);
                }
            }
            Event::Lose(engine) => self.scheduler.lose(engine, now),
            Event::Restore(engine) => self.scheduler.restore(engine, now),
            Event::Slow(..) => {}
        }
    }

    fn answers(&mut self, _: Nanos, give: &mut dyn FnMut(usize, Outcome)) {
        while let Some(answer) = self.scheduler.answer() {
            give(answer.tag as usize, answer.outcome);
        }
    }

    fn tick(&mut self, now: Nanos) {
        self.scheduler.tick(now);
    }

    fn wake(&self, now: Nanos) -> Nanos {
        self.scheduler.next_wake(now)
    }

    fn counters(&self) -> Counters {
        self.scheduler.total()
    }
}
