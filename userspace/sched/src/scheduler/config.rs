//! What a scheduler is made of.

use tandem_policy::DropPolicy;
use thiserror::Error;

use crate::cost::{Curve, Nanos};

/// Most engines: as many as a [`tandem_policy::EngineSet`] tells apart.
pub const MAX_ENGINES: usize = 64;

/// Sizes and choices of a scheduler. Everything is allocated for them at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Jobs that may wait, over all streams.
    pub jobs: u32,
    /// Most streams.
    pub streams: u32,
    /// Largest batch, whatever the curves go up to.
    pub largest_batch: usize,
    /// Jobs are planned to end this long before their deadline, ns: room for engines that are now
    /// and then slower than measured.
    pub slack: Nanos,
    /// Streams' shares are balanced over windows of this length, ns.
    pub share_window: Nanos,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            jobs: 1024,
            streams: 128,
            largest_batch: crate::MAX_BATCH,
            slack: 0,
            share_window: 1_000_000_000,
        }
    }
}

/// An engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineConfig {
    /// Costs by number of the model; `None` and beyond the end: it does not run this model.
    pub curves: Vec<Option<Curve>>,
}

/// A stream, or the jobs of a stream that have one priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamConfig {
    /// Priority, 255 the highest.
    pub priority: u8,
    /// Share among streams of its priority, from 1.
    pub weight: u32,
    /// What it gives up where there is no room.
    pub drop: DropPolicy,
    /// Its jobs that may wait in plans; with [`DropPolicy::Block`] as many again may wait for room.
    pub queue: u32,
}

impl StreamConfig {
    /// Entries of the job table that its waiting jobs may take.
    pub(super) fn entries(&self) -> u64 {
        u64::from(self.queue) * if self.drop == DropPolicy::Block { 2 } else { 1 }
    }
}

/// Why a scheduler or a stream was refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Not 1 to [`MAX_ENGINES`].
    #[error("{0} engines, use 1 to {MAX_ENGINES}")]
    Engines(usize),
    /// More models than numbers.
    #[error("{0} models, use 65535 at most")]
    Models(usize),
    /// More streams than it was made for.
    #[error("More than {0} streams, make the scheduler for more")]
    Streams(u32),
    /// A queue of none.
    #[error("A stream's queue and weight are at least 1")]
    Queue,
    /// The queues together would be more than the waiting jobs that it was made for.
    #[error(
        "The streams' queues come to {queues} waiting jobs, the scheduler was made for {jobs}: \
         shorten the queues, or make it for more"
    )]
    Jobs {
        /// Sum over the streams.
        queues: u64,
        /// [`Config::jobs`].
        jobs: u32,
    },
}
