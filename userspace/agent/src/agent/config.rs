//! Settings of an agent.

use std::sync::Arc;

use tandem_channels::Table;
use tandem_link::message::Nanos;
use tandem_policy::Store;

use crate::health::HealthConfig;

/// How the agent runs. Times in nanoseconds.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// From the start of ingest to the verdict, for jobs that bring no deadline.
    pub deadline: Nanos,
    /// The heartbeat watch.
    pub health: HealthConfig,
    /// Gate: trigger to pulse start, and pulse length. `None` leaves the gate as it is.
    pub gate: Option<(Nanos, Nanos)>,
    /// Runs that may be with the programmable logic at once, per lane of it. Two keep it busy;
    /// more would let a dead peer take more slots with it.
    pub pl_depth: usize,
    /// How long [`Agent::shutdown`] lets jobs under way end.
    pub stop_within: Nanos,
    /// Processor to pin the data plane's thread to.
    pub pin_data_plane: Option<usize>,
    /// Routing policies, whose catalog counts the engines as the agent does: the one that stands
    /// by is the last. `None`: every job may use everything.
    pub routing: Option<Arc<Store>>,
    /// The ways that bytes take, engines in the same order. `None`: ways of unknown speed.
    pub channels: Option<Arc<Table>>,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            deadline: 2_000_000_000,
            health: HealthConfig::default(),
            gate: None,
            pl_depth: 2,
            stop_within: 5_000_000_000,
            pin_data_plane: None,
            routing: None,
            channels: None,
        }
    }
}
