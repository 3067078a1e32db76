//! One engine: its plan, the runs it has, and how it does against its measured costs.

use crate::cost::{Curve, MAX_BATCH, MAX_RUNS, Nanos};
use crate::job::JobId;
use crate::plan::{self, Edit, Entry, Miss, Terms, Walked};

/// A run that an engine has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub number: u64,
    pub model: u16,
    pub started: Nanos,
    /// When it should end by the costs it was planned with.
    pub expected: Nanos,
    pub batch: usize,
    pub jobs: [JobId; MAX_BATCH],
}

impl Run {
    /// Its jobs; an answered one's id is stale.
    pub fn jobs(&self) -> &[JobId] {
        &self.jobs[..self.batch]
    }
}

/// Slowness is kept in 1/1024 and used in 1/16, rounded up: costs change rarely.
const ON_TIME: u64 = 1024;
const SLOWEST: u64 = 64 * ON_TIME;

#[derive(Debug)]
pub(crate) struct Lane {
    pub plan: Vec<Entry>,
    pub runs: Vec<Run>,
    /// Earliest next start by the intervals of what was started.
    pub free_at: Nanos,
    pub alive: bool,
    measured: Vec<Option<Curve>>,
    /// The measured costs times the slowness.
    costs: Vec<Option<Curve>>,
    slowness: u64,
    /// Size of a batch that the demand makes likely, by model.
    reserve: Vec<u8>,
    /// Most runs at once: as many as start within the longest latency, at the shortest intervals.
    depth: usize,
}

/// Most runs that an engine has at once, and most jobs in them.
pub(crate) fn in_flight(curves: &[Option<Curve>]) -> (usize, usize) {
    let costs = curves.iter().flatten().flat_map(|c| (1..=c.largest()).map(|b| c.cost(b)));
    let (latency, interval) = costs.fold((1, Nanos::MAX), |(latency, interval), cost| {
        (cost.latency.max(latency), cost.interval.min(interval))
    });
    let depth = latency.div_ceil(interval).min(MAX_RUNS as u64) as usize;
    let batch = curves.iter().flatten().map(Curve::largest).max().unwrap_or(0);
    (depth, depth * batch)
}

impl Lane {
    pub fn new(measured: Vec<Option<Curve>>, jobs: usize) -> Lane {
        let (depth, _) = in_flight(&measured);
        Lane {
            depth,
            // One more: a change is made on a copy before what it displaces has left.
            plan: Vec::with_capacity(jobs + 1),
            runs: Vec::with_capacity(depth),
            free_at: 0,
            alive: true,
            costs: measured.clone(),
            reserve: vec![1; measured.len()],
            measured,
            slowness: ON_TIME,
        }
    }

    pub fn curve(&self, model: u16) -> Option<&Curve> {
        self.costs.get(usize::from(model))?.as_ref()
    }

    /// By how much the oldest run is behind its time.
    fn overdue(&self, now: Nanos) -> Nanos {
        let first = self.runs.iter().map(|run| run.expected).min();
        first.map_or(0, |expected| now.saturating_sub(expected))
    }

    /// Earliest next start. Of a run that is behind, nothing is known but that it may take as long
    /// again as it is behind already.
    pub fn base(&self, now: Nanos) -> Nanos {
        self.free_at.max(now.saturating_add(self.overdue(now)))
    }

    /// A run may start now: the interval is over, and every run that should have ended has.
    pub fn is_ready(&self, now: Nanos) -> bool {
        self.alive
            && now >= self.free_at
            && self.runs.len() < self.depth
            && self.runs.iter().all(|run| run.expected > now)
    }

    /// Ready, and nothing waits for it.
    pub fn is_idle(&self, now: Nanos) -> bool {
        self.plan.is_empty() && self.is_ready(now)
    }

    fn terms(&self, now: Nanos, firm_from: usize, grace: Nanos, reserves: bool) -> Terms<'_> {
        let reserve = reserves.then_some(self.reserve.as_slice());
        Terms { costs: &self.costs, base: self.base(now), firm_from, grace, reserve }
    }

    /// Reserves room in batches for this demand, in thousandths of what single runs can do.
    pub fn reserve_for(&mut self, demand: u64) {
        for (reserve, curve) in self.reserve.iter_mut().zip(&self.measured) {
            *reserve = curve.map_or(1, |curve| curve.batch_for(demand) as u8);
        }
    }

    /// Checks `plan`, this engine's or a changed copy; groups before `firm_from` have the grace.
    pub fn check(
        &self,
        plan: &[Entry],
        now: Nanos,
        firm_from: usize,
        grace: Nanos,
        reserves: bool,
    ) -> Result<Walked, Miss> {
        let terms = self.terms(now, firm_from, grace, reserves);
        plan::walk(plan, &terms, &Entry::NOBODY, Edit::Keep)
    }

    /// Packs `plan`, or a changed copy, anew; true if the result keeps every promise.
    pub fn repack(
        &self,
        plan: &mut [Entry],
        into: &mut Vec<Entry>,
        now: Nanos,
        reserves: bool,
    ) -> bool {
        plan::pack(plan, into, &self.terms(now, 0, 0, reserves))
            && self.check(into, now, 0, 0, reserves).is_ok()
    }

    /// Checks this engine's plan with a change, with room for batches that the demand needs.
    pub fn check_edit(
        &self,
        now: Nanos,
        newcomer: &Entry,
        edit: Edit,
        grace: Nanos,
    ) -> Result<Walked, Miss> {
        let firm_from = match edit {
            Edit::Keep => usize::MAX,
            Edit::Alone(at) | Edit::Join(at) => at,
        };
        // Where nothing waits there is nobody whose batch would be cut short.
        let terms = self.terms(now, firm_from, grace, !self.plan.is_empty());
        plan::walk(&self.plan, &terms, newcomer, edit)
    }

    /// When the group of the entry at `index` ends by the plan.
    pub fn planned_finish(&self, index: usize, now: Nanos) -> Nanos {
        let group = plan::group_end(&self.plan, plan::group_start(&self.plan, index));
        let (mut at, mut leader, mut finish) = (self.base(now), 0, 0);
        while leader < group {
            let behind = plan::group_end(&self.plan, leader);
            let curve = self.curve(self.plan[leader].model);
            let cost = curve.map(|curve| curve.cost(behind - leader));
            if let Some(cost) = cost {
                finish = at.saturating_add(cost.latency);
                at = at.saturating_add(cost.interval);
            }
            leader = behind;
        }
        finish
    }

    /// Notes how long a run took; the costs have grown if it says so.
    ///
    /// Slowness rises by half of what it lacks and falls by an eighth, and never below the
    /// measured costs, so an engine that is as measured is planned as measured.
    pub fn ended(&mut self, run: &Run, now: Nanos) -> bool {
        let Some(curve) = self.measured.get(usize::from(run.model)).copied().flatten() else {
            return false;
        };
        let took = now.saturating_sub(run.started);
        let seen = took.saturating_mul(ON_TIME) / curve.cost(run.batch).latency;
        let seen = seen.clamp(ON_TIME, SLOWEST);
        let before = self.slowness;
        self.slowness = match seen > before {
            true => before + (seen - before).div_ceil(2),
            false => before - (before - seen).div_ceil(8),
        };
        self.recost(before)
    }

    /// Back to the measured costs: the engine was started anew.
    pub fn renewed(&mut self, now: Nanos) {
        let before = std::mem::replace(&mut self.slowness, ON_TIME);
        self.recost(before);
        self.free_at = now;
        self.alive = true;
    }

    /// Slowness of this engine, 1 for as measured.
    pub fn slowness(&self) -> f64 {
        self.slowness as f64 / ON_TIME as f64
    }

    fn recost(&mut self, before: u64) -> bool {
        let step = |slowness: u64| slowness.div_ceil(ON_TIME / 16);
        let (before, after) = (step(before), step(self.slowness));
        if before != after {
            for (cost, measured) in self.costs.iter_mut().zip(&self.measured) {
                *cost = measured.as_ref().map(|curve| curve.slowed(after));
            }
        }
        after > before
    }
}
