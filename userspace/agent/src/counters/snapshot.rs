//! A copy of the counters that can be serialised, and read by people.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Histogram;
use crate::api::Silicon;

/// Everything that was counted, at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Incidents by name; every name is there, most are zero.
    pub incidents: BTreeMap<String, u64>,
    /// Flow by name.
    pub flow: BTreeMap<String, u64>,
    /// Times of each stage and silicon that ran at least once.
    pub stages: Vec<StageTimes>,
    /// From the start of ingest to the verdict.
    pub total: StageTimes,
}

impl Snapshot {
    /// All incidents together.
    pub fn incident_sum(&self) -> u64 {
        self.incidents.values().sum()
    }
}

/// How long a stage took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageTimes {
    /// Stage, or `total`.
    pub stage: String,
    /// Where it ran; none for `total`.
    pub silicon: Option<Silicon>,
    /// Runs.
    pub count: u64,
    /// Sum in microseconds.
    pub sum_us: f64,
    /// Median in microseconds (upper edge of a bucket: at most an eighth too high).
    pub p50_us: f64,
    /// 99th percentile, likewise.
    pub p99_us: f64,
    /// Longest, exactly.
    pub max_us: f64,
    /// Cumulative counts for the exporter.
    pub buckets: Vec<Bucket>,
}

/// Runs that took less than `le_us`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Upper edge in microseconds.
    pub le_us: f64,
    /// Runs below it.
    pub count: u64,
}

impl StageTimes {
    /// Reads a histogram.
    pub(super) fn of(stage: &str, silicon: Option<Silicon>, histogram: &Histogram) -> Self {
        let us = |ns: u64| ns as f64 / 1e3;
        Self {
            stage: stage.to_owned(),
            silicon,
            count: histogram.count(),
            sum_us: us(histogram.sum()),
            p50_us: us(histogram.percentile(50.0)),
            p99_us: us(histogram.percentile(99.0)),
            max_us: us(histogram.max()),
            buckets: histogram
                .octaves()
                .map(|(edge, count)| Bucket { le_us: us(edge), count })
                .collect(),
        }
    }
}
