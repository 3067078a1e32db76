//! The scheduler. Its invariant: the plan of every engine, walked with the engine's costs, keeps
//! every promise (see `plan`). [`Scheduler::submit`] promises only what leaves it so.

mod admit;
mod blocked;
mod config;
mod demand;
mod displace;
mod repair;
mod run;

use std::collections::VecDeque;

use tandem_policy::EngineSet;

use crate::answer::{Answer, Counters, Outcome, Refusal};
use crate::cost::{Curve, Nanos};
use crate::job::{JobId, Jobs, State};
use crate::lane::{Lane, in_flight};
use crate::plan::{self, Entry};
use crate::share::Shares;
use blocked::Blocked;
pub use config::{Config, ConfigError, EngineConfig, MAX_ENGINES, StreamConfig};
use demand::Demand;
pub use run::{Ended, RunId, Started};

/// A stream of a scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamId(u32);

/// A job as it comes.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Its stream.
    pub stream: StreamId,
    /// Number of its model.
    pub model: u16,
    /// When it has to be done.
    pub deadline: Nanos,
    /// Engines that may run it, by position.
    pub engines: EngineSet,
    /// What its owner calls it.
    pub tag: u64,
}

/// A promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Engine.
    pub engine: usize,
    /// The job will be done by then if engines are as measured. It may get earlier, and later up
    /// to the deadline less the slack.
    pub finish: Nanos,
}

/// A job that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Its id.
    pub job: JobId,
    /// The promise; `None` while it waits for room ([`tandem_policy::DropPolicy::Block`]).
    pub planned: Option<Planned>,
}

#[derive(Debug)]
struct Stream {
    config: StreamConfig,
    /// In plans.
    waiting: u32,
    /// Wait for room.
    blocked: u32,
    counters: Counters,
}

/// See the module, and README.md.
///
/// After every call with a time its owner asks the engines for runs ([`Scheduler::start`]) until none
/// of them has one (what one begins may let a job in that waits for another), and takes the
/// answers. It calls [`Scheduler::tick`] at [`Scheduler::next_wake`] at the latest. Nothing is
/// allocated after [`Scheduler::new`] and [`Scheduler::add_stream`].
#[derive(Debug)]
pub struct Scheduler {
    config: Config,
    lanes: Vec<Lane>,
    jobs: Jobs,
    streams: Vec<Stream>,
    shares: Shares,
    demand: Demand,
    answers: VecDeque<u32>,
    blocked: Blocked,
    /// A changed plan that is being checked.
    scratch: Vec<Entry>,
    /// Its jobs, and the same packed anew.
    list: Vec<Entry>,
    packed: Vec<Entry>,
    /// Jobs that lose their place.
    victims: Vec<u32>,
    /// Jobs of an engine that was lost.
    orphans: Vec<u32>,
    admissions: u64,
    runs: u64,
}

impl Scheduler {
    /// A scheduler for these engines, all of them up.
    ///
    /// # Errors
    /// [`ConfigError::Engines`], [`ConfigError::Models`].
    pub fn new(config: Config, engines: &[EngineConfig]) -> Result<Scheduler, ConfigError> {
        if !(1..=MAX_ENGINES).contains(&engines.len()) {
            return Err(ConfigError::Engines(engines.len()));
        }
        let models = engines.iter().map(|engine| engine.curves.len()).max().unwrap_or(0);
        if models > usize::from(u16::MAX) {
            return Err(ConfigError::Models(models));
        }
        let limited = |engine: &EngineConfig| -> Vec<Option<Curve>> {
            let curves = engine.curves.iter();
            curves.map(|curve| curve.map(|curve| curve.limited(config.largest_batch))).collect()
        };
        // What waits, and what engines can have: only answers that nobody takes can fill the table.
        let waiting = config.jobs as usize;
        let running: usize = engines.iter().map(|engine| in_flight(&limited(engine)).1).sum();
        let table = waiting + running;
        Ok(Scheduler {
            lanes: engines.iter().map(|engine| Lane::new(limited(engine), table)).collect(),
            jobs: Jobs::with_capacity(table),
            streams: Vec::with_capacity(config.streams as usize),
            shares: Shares::new(config.share_window, config.streams as usize),
            demand: Demand::default(),
            answers: VecDeque::with_capacity(table),
            blocked: Blocked::with_capacity(waiting),
            scratch: Vec::with_capacity(table + 1),
            list: Vec::with_capacity(table + 1),
            packed: Vec::with_capacity(table + 1),
            victims: Vec::with_capacity(table),
            orphans: Vec::with_capacity(table),
            admissions: 0,
            runs: 0,
            config,
        })
    }

    /// Adds a stream.
    ///
    /// # Errors
    /// [`ConfigError::Streams`], [`ConfigError::Queue`], [`ConfigError::Jobs`].
    pub fn add_stream(&mut self, config: StreamConfig) -> Result<StreamId, ConfigError> {
        if self.streams.len() >= self.config.streams as usize {
            return Err(ConfigError::Streams(self.config.streams));
        }
        if config.queue == 0 || config.weight == 0 {
            return Err(ConfigError::Queue);
        }
        let queues: u64 = self.streams.iter().map(|stream| stream.config.entries()).sum();
        let queues = queues + config.entries();
        if queues > u64::from(self.config.jobs) {
            return Err(ConfigError::Jobs { queues, jobs: self.config.jobs });
        }
        let id = StreamId(self.streams.len() as u32);
        self.shares.add(config.weight, config.priority);
        self.streams.push(Stream { config, waiting: 0, blocked: 0, counters: Counters::default() });
        Ok(id)
    }

    /// Takes a job back; what an engine has of it runs to its end for nothing. False if it has its
    /// answer already.
    pub fn cancel(&mut self, job: JobId, now: Nanos) -> bool {
        let Some(state) = self.jobs.get(job).map(|job| job.state) else { return false };
        match state {
            State::Free | State::Answered(_) => return false,
            State::Blocked => {
                self.blocked.remove(job.index);
                self.streams[self.jobs[job.index].stream as usize].blocked -= 1;
            }
            State::Planned(_) => self.unplan(job.index),
            State::Running(_) => {}
        }
        self.end(job.index, Outcome::Cancelled);
        self.settle(now);
        true
    }

    /// Takes the next answer.
    pub fn answer(&mut self) -> Option<Answer> {
        let index = self.answers.pop_front()?;
        let (id, job) = (self.jobs.id(index), self.jobs[index]);
        let State::Answered(outcome) = job.state else { unreachable!("answered once") };
        self.jobs.release(index);
        Some(Answer { job: id, tag: job.tag, outcome })
    }

    /// Counts of a stream; none for one that is not there.
    pub fn counters(&self, stream: StreamId) -> Counters {
        self.streams.get(stream.0 as usize).map(|stream| stream.counters).unwrap_or_default()
    }

    /// Counts of all streams.
    pub fn total(&self) -> Counters {
        self.streams.iter().fold(Counters::default(), |mut total, stream| {
            total.add(&stream.counters);
            total
        })
    }

    /// Jobs of a stream that wait: in plans, and for room.
    pub fn waiting(&self, stream: StreamId) -> (u32, u32) {
        self.streams.get(stream.0 as usize).map_or((0, 0), |s| (s.waiting, s.blocked))
    }

    /// How much slower than measured an engine is planned to be, 1 for not at all.
    pub fn slowness(&self, engine: usize) -> Option<f64> {
        self.lanes.get(engine).map(Lane::slowness)
    }

    /// Ends the windows that are over.
    fn roll(&mut self, now: Nanos) {
        self.shares.roll(now);
        let engines = self.lanes.iter().filter(|lane| lane.alive).count();
        if let Some(demand) = self.demand.roll(now, engines) {
            self.lanes.iter_mut().for_each(|lane| lane.reserve_for(demand));
        }
    }

    /// Gives a job its end.
    fn end(&mut self, index: u32, outcome: Outcome) {
        let job = &mut self.jobs[index];
        debug_assert!(!matches!(job.state, State::Free | State::Answered(_)));
        job.state = State::Answered(outcome);
        let stream = job.stream;
        let charge = job.charge;
        self.streams[stream as usize].counters.ended(&outcome);
        if let Outcome::Refused(_) = outcome {
            self.shares.refuse(stream, charge);
        }
        self.answers.push_back(index);
    }

    /// Takes a job out of its plan. Everything behind it gets earlier or stays.
    fn unplan(&mut self, index: u32) {
        let State::Planned(lane) = self.jobs[index].state else { return };
        let plan = &mut self.lanes[lane].plan;
        if let Some(at) = plan.iter().position(|entry| entry.job == index) {
            plan::remove(plan, at);
        }
        self.left_plan(index);
    }

    /// Notes that a job has left its plan without being started.
    fn left_plan(&mut self, index: u32) {
        let job = &self.jobs[index];
        self.streams[job.stream as usize].waiting -= 1;
        self.shares.refund(job.stream, job.charge);
    }

    /// How a job stands in a plan.
    fn entry(&self, index: u32) -> Entry {
        let job = &self.jobs[index];
        Entry {
            due: job.deadline.saturating_sub(self.config.slack),
            turn: job.turn,
            seq: job.seq,
            job: index,
            model: job.model,
            priority: job.priority,
            leads: true,
        }
    }

    /// The curves of the engines that a job may use, and whether they are up.
    fn curves(&self, model: u16, engines: EngineSet) -> impl Iterator<Item = (&Curve, bool)> {
        let allowed = self.lanes.iter().enumerate().filter(move |(at, _)| engines.has(*at));
        allowed.filter_map(move |(_, lane)| Some((lane.curve(model)?, lane.alive)))
    }
}

/// Why nothing can run a job, or how long the quickest engine needs.
fn quickest<'a>(curves: impl Iterator<Item = (&'a Curve, bool)>) -> Result<Nanos, Refusal> {
    let mut quickest = Err(Refusal::NoEngine);
    for (curve, alive) in curves {
        let latency = curve.cost(1).latency;
        quickest = match (quickest, alive) {
            (Ok(other), true) => Ok(latency.min(other)),
            (Err(_), true) => Ok(latency),
            (Err(_), false) => Err(Refusal::EnginesLost),
            (ok, false) => ok,
        };
    }
    quickest
}
