//! A run that is nothing but a seed: random load and random faults on one thread in virtual time,
//! and what must hold after each.
//!
//! Seeds come in two kinds. In an orderly run (odd seeds) faults come one at a time, with jobs
//! around them, and each is exactly the one incident that it must be. In a wild run (even seeds)
//! everything overlaps: deaths in recoveries, loads of the logic under hung kernels; there an
//! incident may hide another, and none may be invented.

pub mod faults;
mod line;
mod load;
mod run;

use std::collections::BTreeMap;
use std::sync::Arc;

use tandem_agent::judge::Policy;
use tandem_model::pre::PixelFormat;

use crate::MS;
use crate::picture::{Expected, Picture};
use crate::small::{self, Small};
pub use line::{Line, Missed};

/// Trigger to reject pulse, and its length, of every run.
pub const DELAY: u64 = 60 * MS;
/// See there.
pub const PULSE: u64 = MS;

/// What runs share: pictures of several sizes, two recipes, and the right answers.
pub struct Chaos {
    policies: [Arc<Policy>; 2],
    pictures: Vec<(Picture, [Expected; 2])>,
    /// Say on stderr what happens, fault by fault and answer by answer.
    pub aloud: bool,
}

/// What a run was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Of everything that happened; the same for the same seed.
    pub hash: u64,
    /// Jobs, all answered.
    pub jobs: u64,
    /// Parts at the gate.
    pub parts: u64,
    /// Faults that took effect, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Incidents that the agent counted.
    pub incidents: BTreeMap<&'static str, u64>,
}

impl Default for Chaos {
    fn default() -> Self {
        Self::new()
    }
}

impl Chaos {
    /// Computes the right answers.
    pub fn new() -> Self {
        let policies = [0.5, 0.6].map(|least| Arc::new(small::policy(least)));
        let sizes = [(48, 32), (20, 50), (96, 64), (33, 7), (64, 64)];
        let pictures = (0..15u8).map(|i| {
            let (w, h) = sizes[usize::from(i) % sizes.len()];
            let picture = match i % 3 {
                2 => Picture::pattern_of(PixelFormat::Nv12, w & !1, (h & !1).max(2), i * 17),
                _ => Picture::pattern_of(PixelFormat::Rgb8, w, h, i * 17),
            };
            let expected = std::array::from_fn(|of| picture.expected(&policies[of], &mut Small));
            (picture, expected)
        });
        Self { pictures: pictures.collect(), policies, aloud: false }
    }

    /// Runs a seed to its end; panics with what does not hold.
    pub fn run(&self, seed: u64) -> Outcome {
        run::run(self, seed)
    }
}
