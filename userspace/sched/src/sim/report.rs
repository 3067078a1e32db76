//! What became of a load, in numbers.

use serde::Serialize;

use super::load::Load;
use super::world::Fate;
use crate::answer::{Counters, Outcome};

/// What became of a load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Jobs.
    pub jobs: u64,
    /// Done in time, a second.
    pub goodput: f64,
    /// Done in time, part of all jobs.
    pub in_time: f64,
    /// Late, part of those that were promised to be in time.
    pub misses: f64,
    /// Refused, part of all jobs: at once, or after waiting for room.
    pub refused: f64,
    /// Given up for a higher priority or a newer job, part of all jobs.
    pub given_up: f64,
    /// Latency of what was done in time, ms: half is below.
    pub p50_ms: f64,
    /// 99 of 100 are below.
    pub p99_ms: f64,
    /// Jain's index over streams of the part of their jobs that was done in time, 0 to 1; over
    /// those of the lowest priority, for higher ones are meant to get more.
    pub fairness: f64,
    /// The least part that a stream of the lowest priority got done in time, over the mean.
    pub least_share: f64,
}

/// Jain's fairness index (Jain, Chiu, Hawe 1984): 1 if all are equal, 1/n if one has all.
pub fn jain(shares: &[f64]) -> f64 {
    let (sum, squares) = shares.iter().fold((0.0, 0.0), |(s, q), x| (s + x, q + x * x));
    if squares == 0.0 { 1.0 } else { sum * sum / (shares.len() as f64 * squares) }
}

impl Report {
    /// Of what became of a load's jobs.
    pub fn new(load: &Load, fates: &[Fate]) -> Report {
        let jobs = fates.len().max(1) as f64;
        let part = |count: &dyn Fn(&Fate) -> bool| {
            fates.iter().filter(|fate| count(fate)).count() as f64 / jobs
        };
        let in_time = part(&|fate| fate.outcome == Outcome::Done);
        let admitted = part(&|fate| fate.admitted);
        let late = part(&|fate| matches!(fate.outcome, Outcome::Late { .. }));
        let done = load.arrivals.iter().zip(fates).filter(|(_, f)| f.outcome == Outcome::Done);
        let mut latencies: Vec<u64> = done.map(|(arrival, fate)| fate.at - arrival.at).collect();
        latencies.sort_unstable();
        let percentile = |part: f64| {
            let at = ((latencies.len() as f64 * part).ceil() as usize).saturating_sub(1);
            latencies.get(at).map_or(0.0, |ns| *ns as f64 / 1e6)
        };
        let shares = lowest_shares(load, fates);
        let mean = shares.iter().sum::<f64>() / shares.len().max(1) as f64;
        let least = shares.iter().copied().fold(f64::INFINITY, f64::min);
        Report {
            jobs: fates.len() as u64,
            goodput: in_time * jobs / load.seconds(),
            in_time,
            misses: if admitted > 0.0 { late / admitted } else { 0.0 },
            refused: part(&|fate| matches!(fate.outcome, Outcome::Refused(_))),
            given_up: part(&|fate| {
                matches!(fate.outcome, Outcome::Displaced { .. } | Outcome::Dropped)
            }),
            p50_ms: percentile(0.5),
            p99_ms: percentile(0.99),
            fairness: jain(&shares),
            least_share: if mean > 0.0 { least / mean } else { 1.0 },
        }
    }
}

/// Part of its jobs that each stream of the lowest priority got done in time.
fn lowest_shares(load: &Load, fates: &[Fate]) -> Vec<f64> {
    let mut streams = vec![(0u64, 0u64); load.streams.len()];
    for (arrival, fate) in load.arrivals.iter().zip(fates) {
        let (jobs, done) = &mut streams[arrival.stream as usize];
        *jobs += 1;
        *done += u64::from(fate.outcome == Outcome::Done);
    }
    let lowest = load.streams.iter().map(|stream| stream.priority).min().unwrap_or_default();
    let shares = load.streams.iter().zip(streams);
    let shares = shares.filter(|(stream, (jobs, _))| stream.priority == lowest && *jobs > 0);
    shares.map(|(_, (jobs, done))| done as f64 / jobs as f64).collect()
}

impl Report {
    /// The ends that the queue counted agree with what its jobs' owners saw.
    pub fn agrees(&self, fates: &[Fate], counters: &Counters) -> bool {
        let seen = |what: &dyn Fn(&Outcome) -> bool| {
            fates.iter().filter(|fate| what(&fate.outcome)).count() as u64
        };
        counters.submitted == self.jobs
            && counters.ends() == self.jobs
            && counters.done == seen(&|o| *o == Outcome::Done)
            && counters.late == seen(&|o| matches!(o, Outcome::Late { .. }))
            && counters.refusals() == seen(&|o| matches!(o, Outcome::Refused(_)))
            && counters.displaced == seen(&|o| matches!(o, Outcome::Displaced { .. }))
            && counters.dropped == seen(&|o| *o == Outcome::Dropped)
            && counters.cancelled == seen(&|o| *o == Outcome::Cancelled)
            && counters.engine_lost == seen(&|o| *o == Outcome::EngineLost)
    }
}
