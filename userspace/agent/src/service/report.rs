//! What the service reports, as clients see it.

use serde::{Deserialize, Serialize};

use super::Service;
use crate::api::Silicon;
use crate::channels::ChannelReport;
use crate::control::Bytes;
use crate::dataplane::Report;
use crate::serial::LineReport;

/// How the agent does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of agentd.
    pub version: String,
    /// Board's name.
    pub board: String,
    /// The board is a model on this machine: its clock counts are no measurement of silicon.
    pub simulated: bool,
    /// Seconds since the agent started.
    pub uptime_s: f64,
    /// Model in use, `name/version`.
    pub model: String,
    /// Runtime of the main model.
    pub engine: String,
    /// Recipe in force.
    pub recipe: String,
    /// State of the core that runs the firmware: `running`, `stopped`, `crashed`.
    pub core: String,
    /// The firmware, the slots and the jobs; `None` if the data plane did not answer in time.
    pub report: Option<Report>,
    /// Largest frame in bytes.
    pub frame_capacity: u64,
    /// Incidents since the start, those that happened at all.
    pub incidents: Vec<(String, u64)>,
    /// Routing policies.
    pub policy: Option<tandem_policy::Status>,
    /// agentctl's serial line, where there is one.
    pub serial: Option<LineReport>,
}

impl Status {
    /// The firmware answers and jobs go to the programmable logic.
    pub fn is_ready(&self) -> bool {
        let up = |report: &Report| report.peer.state == crate::dataplane::PeerState::Up;
        self.report.as_ref().is_some_and(up)
    }
}

/// The tensor that the model was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorDump {
    /// Name that the client gave.
    pub image: String,
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
    /// `planar` (channel, row, column) or `interleaved` (row, column, channel).
    pub layout: String,
    /// Where it was made.
    pub silicon: Silicon,
    /// Why it was made on a fallback; empty when it was not.
    pub degraded: Vec<String>,
    /// u8 values.
    pub bytes: Bytes,
}

/// Times of one stage, in microseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchRow {
    /// Stage, or `total`.
    pub stage: String,
    /// Where it ran; `None` for `total`.
    pub silicon: Option<Silicon>,
    /// Runs.
    pub count: u64,
    /// Median.
    pub p50_us: f64,
    /// 90th percentile.
    pub p90_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// Longest.
    pub max_us: f64,
}

/// What `bench` measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchReport {
    /// Image.
    pub image: String,
    /// Its sides in pixels.
    pub size: [u32; 2],
    /// Model that ran.
    pub model: String,
    /// Runtime of the main model.
    pub engine: String,
    /// The board is a model on this machine.
    pub simulated: bool,
    /// Images measured.
    pub count: u32,
    /// Images under way at once.
    pub in_flight: u32,
    /// From the first to the last answer.
    pub seconds: f64,
    /// Images a second.
    pub per_second: f64,
    /// Images of which a stage ran on a fallback.
    pub degraded: u32,
    /// Why, with how many images each; sorted by name.
    pub degraded_by: Vec<(String, u32)>,
    /// Images whose verdict was unknown.
    pub unknown: u32,
    /// Stages in order, then the total.
    pub stages: Vec<BenchRow>,
}

/// Ring round trips to the firmware and back, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PingReport {
    /// Asked.
    pub sent: u32,
    /// Answered.
    pub answered: u32,
    /// Shortest.
    pub min_us: f64,
    /// Median.
    pub p50_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// Longest.
    pub max_us: f64,
}

/// Faults of a virtual board.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultReport {
    /// What can be planted.
    pub available: Vec<String>,
    /// Planted and not taken yet.
    pub pending: Vec<String>,
    /// Taken since the board started, oldest first.
    pub taken: Vec<String>,
}

impl Service {
    /// The channels with what went over them, and what other kinds this machine could have.
    pub fn channels(&self) -> ChannelReport {
        ChannelReport::of(self.agent.channels(), &self.care.probe)
    }
}
