//! The scheduler of main-model runs: who is admitted, on which engine, in which order and batch.
//!
//! Pure and without a clock: time is an argument of every call, so the simulator in [`sim`] runs
//! the very code that an agent runs, faster than real time. See README.md.
#![forbid(unsafe_code)]

mod answer;
mod cost;
mod job;
mod lane;
mod plan;
mod scheduler;
mod share;
pub mod sim;

pub use answer::{Answer, Counters, Outcome, Refusal};
pub use cost::{Cost, CostError, Curve, MAX_BATCH, MAX_LATENCY, MAX_RUNS, Nanos, Point};
pub use job::JobId;
pub use scheduler::{
    Config, ConfigError, Ended, EngineConfig, MAX_ENGINES, Planned, Request, RunId, Scheduler,
    Started, StreamConfig, StreamId, Submitted,
};
