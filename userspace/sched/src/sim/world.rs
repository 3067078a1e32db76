//! Virtual time: arrivals, runs that end, engines that come and go, in order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::costs::Costs;
use super::load::Load;
use super::synthetic::Random;
use crate::answer::{Counters, Outcome, Refusal};
use crate::cost::Nanos;

/// Something that happens besides arrivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// The owner of this arrival takes it back.
    Cancel(usize),
    /// An engine is lost; what it runs never ends.
    Lose(usize),
    /// It is there again.
    Restore(usize),
    /// From now on an engine's runs take this many hundredths of what was measured.
    Slow(usize, u32),
}

/// What became of an arrival.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fate {
    /// When it had its answer.
    pub at: Nanos,
    /// Promised to be in time at some time.
    pub admitted: bool,
    /// The answer; a refusal at once is [`Outcome::Refused`].
    pub outcome: Outcome,
}

/// A run as a queue starts it.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// The queue's number of it.
    pub number: u64,
    /// Model.
    pub model: u16,
    /// Arrivals in it.
    pub jobs: Vec<usize>,
}

/// What stands between arrivals and engines.
pub trait Queue {
    /// An arrival; true if it is promised to be in time.
    ///
    /// # Errors
    /// It is refused.
    fn submit(&mut self, now: Nanos, job: usize) -> Result<bool, Refusal>;
    /// The next run of an engine.
    fn start(&mut self, engine: usize, now: Nanos, run: &mut Run) -> bool;
    /// A run has ended.
    fn finish(&mut self, engine: usize, number: u64, now: Nanos);
    /// An event that is the queue's to know.
    fn event(&mut self, now: Nanos, event: Event);
    /// Gives the answers since the last call.
    fn answers(&mut self, now: Nanos, give: &mut dyn FnMut(usize, Outcome));
    /// The clock has come to the time that `wake` told.
    fn tick(&mut self, now: Nanos);
    /// When to call `tick` next.
    fn wake(&self, now: Nanos) -> Nanos;
    /// Counts, if it has any.
    fn counters(&self) -> Counters {
        Counters::default()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    /// Before anything else of the same instant: what ends by its deadline is in time.
    Ends {
        engine: usize,
        run: u64,
        life: u32,
    },
    Told(Event),
    Arrives(usize),
    Wakes,
}

/// A load on engines.
#[derive(Clone, Debug)]
pub struct World<'a> {
    /// Arrivals.
    pub load: &'a Load,
    /// Engines as measured.
    pub costs: &'a Costs,
    /// What happens besides.
    pub events: Vec<(Nanos, Event)>,
    /// Runs take up to this part more or less than measured.
    pub jitter: f64,
    /// Seed of the jitter.
    pub seed: u64,
}

impl<'a> World<'a> {
    /// Engines as measured, and nothing happens to them.
    pub fn new(load: &'a Load, costs: &'a Costs) -> World<'a> {
        World { load, costs, events: Vec::new(), jitter: 0.0, seed: 1 }
    }

    /// Runs the load through a queue to its end; what became of each arrival, in their order. An
    /// arrival with two answers or none is the queue's defect and a panic.
    pub fn run(&self, queue: &mut dyn Queue) -> Vec<Fate> {
        Running::new(self).run(queue)
    }
}

struct Running<'w, 'a> {
    world: &'w World<'a>,
    agenda: BinaryHeap<Reverse<(Nanos, Happens)>>,
    fates: Vec<Option<Fate>>,
    /// Promised and not yet answered, or not: by arrival.
    admitted: Vec<bool>,
    engines: Vec<Engine>,
    random: Random,
    run: Run,
    /// Earliest wake on the agenda.
    wake: Nanos,
    left: usize,
}

#[derive(Clone, Debug)]
struct Engine {
    up: bool,
    life: u32,
    percent: u32,
}

impl<'w, 'a> Running<'w, 'a> {
    fn new(world: &'w World<'a>) -> Self {
        let arrivals = world.load.arrivals.iter().enumerate();
        let mut agenda: BinaryHeap<_> =
            arrivals.map(|(job, a)| Reverse((a.at, Happens::Arrives(job)))).collect();
        agenda.extend(world.events.iter().map(|(at, e)| Reverse((*at, Happens::Told(*e)))));
        let jobs = world.load.arrivals.len();
        Running {
            world,
            agenda,
            fates: vec![None; jobs],
            admitted: vec![false; jobs],
            engines: vec![Engine { up: true, life: 0, percent: 100 }; world.costs.engines.len()],
            random: Random::new(world.seed),
            run: Run::default(),
            wake: Nanos::MAX,
            left: jobs,
        }
    }

    fn run(mut self, queue: &mut dyn Queue) -> Vec<Fate> {
        while self.left > 0
            && let Some(Reverse((now, happens))) = self.agenda.pop()
        {
            match happens {
                Happens::Ends { engine, run, life } => {
                    if self.engines[engine].life == life {
                        queue.finish(engine, run, now);
                    }
                }
                Happens::Told(event) => self.told(queue, now, event),
                Happens::Arrives(job) => self.arrives(queue, now, job),
                Happens::Wakes => {
                    self.wake = Nanos::MAX;
                    queue.tick(now);
                }
            }
            self.take_answers(queue, now);
            // What happens at one instant happens before anything is started.
            if self.agenda.peek().is_some_and(|Reverse((next, _))| *next == now) {
                continue;
            }
            self.start(queue, now);
            self.take_answers(queue, now);
            let wake = queue.wake(now);
            if wake < self.wake {
                self.wake = wake;
                self.agenda.push(Reverse((wake.max(now + 1), Happens::Wakes)));
            }
        }
        let fates = self.fates.into_iter().enumerate();
        fates.map(|(job, fate)| fate.unwrap_or_else(|| panic!("{job} has no answer"))).collect()
    }

    fn arrives(&mut self, queue: &mut dyn Queue, now: Nanos, job: usize) {
        match queue.submit(now, job) {
            Ok(admitted) => self.admitted[job] = admitted,
            Err(refusal) => self.answered(now, job, Outcome::Refused(refusal)),
        }
    }

    fn answered(&mut self, at: Nanos, job: usize, outcome: Outcome) {
        // Who waited for room and was not refused had its promise in between.
        let refused = matches!(outcome, Outcome::Refused(_));
        let admitted = self.admitted[job] || !refused && outcome != Outcome::Cancelled;
        let before = self.fates[job].replace(Fate { at, admitted, outcome });
        assert!(before.is_none(), "{job} is answered twice: {before:?}, then {outcome:?}");
        self.left -= 1;
    }

    fn take_answers(&mut self, queue: &mut dyn Queue, now: Nanos) {
        queue.answers(now, &mut |job, outcome| self.answered(now, job, outcome));
    }

    fn told(&mut self, queue: &mut dyn Queue, now: Nanos, event: Event) {
        match event {
            Event::Cancel(_) => {}
            Event::Lose(engine) => {
                self.engines[engine].up = false;
                self.engines[engine].life += 1;
            }
            Event::Restore(engine) => self.engines[engine].up = true,
            Event::Slow(engine, percent) => {
                self.engines[engine].percent = percent;
                return;
            }
        }
        queue.event(now, event);
    }

    /// Asks every engine until none has a run to begin: what one begins may make room for a job
    /// that then waits for another.
    fn start(&mut self, queue: &mut dyn Queue, now: Nanos) {
        let mut begun = true;
        while std::mem::take(&mut begun) {
            for engine in 0..self.engines.len() {
                while self.engines[engine].up && queue.start(engine, now, &mut self.run) {
                    self.begun(engine, now);
                    begun = true;
                }
            }
        }
    }

    fn begun(&mut self, engine: usize, now: Nanos) {
        let curve = self.world.costs.curve(engine, self.run.model);
        let curve = curve.unwrap_or_else(|| panic!("engine {engine} cannot run this"));
        let ends = now + self.lasts(engine, curve.cost(self.run.jobs.len()).latency);
        let Engine { life, .. } = self.engines[engine];
        let happens = Happens::Ends { engine, run: self.run.number, life };
        self.agenda.push(Reverse((ends, happens)));
    }

    fn lasts(&mut self, engine: usize, measured: Nanos) -> Nanos {
        let percent = self.engines[engine].percent;
        if self.world.jitter == 0.0 && percent == 100 {
            return measured;
        }
        let factor = 1.0 + self.world.jitter * (2.0 * self.random.unit() - 1.0);
        ((measured as f64 * factor * f64::from(percent) / 100.0) as Nanos).max(1)
    }
}
