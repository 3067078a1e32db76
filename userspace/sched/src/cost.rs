//! What a run costs on an engine, by the size of its batch, as measured.

use thiserror::Error;

/// Nanoseconds on whichever clock the caller keeps.
pub type Nanos = u64;

/// Largest batch that is planned.
pub const MAX_BATCH: usize = 16;
/// Most runs that an engine has at once.
pub const MAX_RUNS: usize = 32;
/// Longest latency, ns: an hour. Sums over a plan then stay far from the end of the clock.
pub const MAX_LATENCY: Nanos = 3_600_000_000_000;

/// Cost of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// From its start to its result, ns.
    pub latency: Nanos,
    /// From its start to the earliest start of the next run, ns. Equal to the latency where the
    /// engine does one run at a time, less where it is a pipeline.
    pub interval: Nanos,
}

/// A point of the batch curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Jobs in the run, from 1.
    pub batch: usize,
    /// What it took.
    pub cost: Cost,
}

/// Why a curve was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum CostError {
    /// No point at all.
    #[error("The batch curve has no point, measure at least batch 1")]
    Empty,
    /// Sizes must be 1 to [`MAX_BATCH`] and rise.
    #[error("Batch {0} is out of order or not 1 to {MAX_BATCH}")]
    Batch(usize),
    /// 0 or above [`MAX_LATENCY`].
    #[error("Latency {0} ns of a run is not 1 ns to an hour")]
    Latency(Nanos),
    /// 0, above the latency, or so short that more than [`MAX_RUNS`] runs would be under way.
    #[error(
        "Interval {interval} ns of a run is not within 1/{MAX_RUNS} of its latency {latency} ns"
    )]
    Interval {
        /// Interval.
        interval: Nanos,
        /// Latency.
        latency: Nanos,
    },
}

/// Costs of one model on one engine for each batch from 1 to the largest that was measured.
///
/// Both costs never fall with the size. The planner rests on that: a batch that loses a member
/// may only get shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curve {
    costs: [Cost; MAX_BATCH],
    largest: u8,
}

impl Curve {
    /// From measured points in rising order of their sizes. A size between two points costs what
    /// the larger one does, and a larger one at least what a smaller one does.
    ///
    /// # Errors
    /// See [`CostError`].
    pub fn new(points: &[Point]) -> Result<Curve, CostError> {
        let mut costs = [Cost { latency: 0, interval: 0 }; MAX_BATCH];
        let mut done = 0;
        let mut least = Cost { latency: 0, interval: 0 };
        for Point { batch, cost: Cost { latency, interval } } in points.iter().copied() {
            if batch <= done || batch > MAX_BATCH {
                return Err(CostError::Batch(batch));
            }
            if !(1..=MAX_LATENCY).contains(&latency) {
                return Err(CostError::Latency(latency));
            }
            if interval > latency || interval < latency.div_ceil(MAX_RUNS as u64) {
                return Err(CostError::Interval { interval, latency });
            }
            least.latency = least.latency.max(latency);
            least.interval = least.interval.max(interval);
            costs[done..batch].fill(least);
            done = batch;
        }
        match done {
            0 => Err(CostError::Empty),
            largest => Ok(Curve { costs, largest: largest as u8 }),
        }
    }

    /// An engine that runs one job at a time, each in `latency` ns.
    ///
    /// # Errors
    /// [`CostError::Latency`].
    pub fn single(latency: Nanos) -> Result<Curve, CostError> {
        Curve::new(&[Point { batch: 1, cost: Cost { latency, interval: latency } }])
    }

    /// Largest batch.
    pub fn largest(&self) -> usize {
        usize::from(self.largest)
    }

    /// The same with batches of at most `largest`.
    #[must_use]
    pub fn limited(mut self, largest: usize) -> Curve {
        self.largest = self.largest.min(largest.clamp(1, MAX_BATCH) as u8);
        self
    }

    /// Cost of a batch of 1 to [`Curve::largest`] jobs.
    pub fn cost(&self, batch: usize) -> Cost {
        self.costs[batch - 1]
    }

    /// Smallest batch that does at least `gain` thousandths of the work of single runs in the same
    /// time; the one that does most where none does as much.
    pub fn batch_for(&self, gain: u64) -> usize {
        let single = u128::from(self.cost(1).interval) * 1000;
        let done = |batch: usize| single * batch as u128 / u128::from(self.cost(batch).interval);
        let sizes = 1..=self.largest();
        let enough = sizes.clone().find(|batch| done(*batch) >= u128::from(gain));
        enough.or_else(|| sizes.max_by_key(|b| (done(*b), usize::MAX - b))).unwrap_or(1)
    }

    /// Every cost times `sixteenths`/16, rounded up.
    #[must_use]
    pub fn slowed(&self, sixteenths: u64) -> Curve {
        let slow = |ns: Nanos| ns.saturating_mul(sixteenths).div_ceil(16);
        let costs = self
            .costs
            .map(|cost| Cost { latency: slow(cost.latency), interval: slow(cost.interval) });
        Curve { costs, largest: self.largest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(batch: usize, latency: Nanos, interval: Nanos) -> Point {
        Point { batch, cost: Cost { latency, interval } }
    }

    #[test]
    fn sizes_between_points_cost_what_the_larger_does_and_costs_never_fall() {
        let curve = Curve::new(&[point(1, 10, 10), point(4, 16, 16), point(8, 15, 12)]).unwrap();
        let latencies: Vec<_> = (1..=8).map(|batch| curve.cost(batch).latency).collect();
        assert_eq!(latencies, [10, 16, 16, 16, 16, 16, 16, 16]);
        assert_eq!(curve.cost(8).interval, 16);
        assert_eq!(curve.limited(3).largest(), 3);
        // Single runs do 1 in 10, batches of 4 do 4 in 16, of 8 do 8 in 16.
        assert_eq!(
            [0, 1000, 1001, 2500, 2501, 9999].map(|g| curve.batch_for(g)),
            [1, 1, 2, 4, 5, 8]
        );
        assert_eq!(curve.slowed(24).cost(1), Cost { latency: 15, interval: 15 });
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert_eq!(Curve::new(&[]), Err(CostError::Empty));
        assert_eq!(Curve::new(&[point(0, 1, 1)]), Err(CostError::Batch(0)));
        assert_eq!(Curve::new(&[point(2, 1, 1), point(2, 1, 1)]), Err(CostError::Batch(2)));
        assert_eq!(Curve::new(&[point(17, 1, 1)]), Err(CostError::Batch(17)));
        assert_eq!(Curve::single(0), Err(CostError::Latency(0)));
        assert_eq!(Curve::single(MAX_LATENCY + 1), Err(CostError::Latency(MAX_LATENCY + 1)));
        for interval in [0, 101, 3] {
            assert!(Curve::new(&[point(1, 100, interval)]).is_err(), "{interval}");
        }
    }
}
