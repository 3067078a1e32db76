//! AMD AXI DMA in scatter-gather mode (PG021).
//!
//! [`plan`] says which bytes move, [`chain`] puts that into descriptors and checks them,
//! [`channel`] drives one direction's registers, [`engine`] joins both into jobs, [`probe`]
//! measures the length field. Only the last three touch device registers.

pub mod chain;
pub mod channel;
pub mod engine;
pub mod error;
pub mod limits;
pub mod loopback;
pub mod plan;
pub mod probe;

pub use chain::{Astray, Chain, ChainCache, Key, Verify};
pub use channel::{Channel, Status};
pub use engine::{AxiDma, Completion, Job, Progress};
pub use error::{Direction, DmaError, DmaFault};
pub use limits::{Limits, PlanError};
pub use plan::{Plan, Segment};
pub use probe::{LengthProbe, ProbeStep};

/// A limit for a short wait on the DMA's registers: true from the `polls`-th call on. Each poll
/// is one uncached read, so it bounds the time, too, and needs no clock.
pub fn polls(polls: u32) -> impl FnMut() -> bool {
    let mut left = polls;
    move || {
        left = left.saturating_sub(1);
        left == 0
    }
}
