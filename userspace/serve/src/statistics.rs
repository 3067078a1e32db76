//! Exact counters of a model's version.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::Kind;

/// How often and how long in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatisticDuration {
    /// Times.
    pub count: u64,
    /// Nanoseconds.
    pub ns: u64,
}

impl StatisticDuration {
    fn add(&mut self, time: Duration) {
        self.count += 1;
        self.ns = self.ns.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// Where the time of one run went.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunTimes {
    /// Waiting for an instance.
    pub queue: Duration,
    /// Joining the inputs of a batch.
    pub input: Duration,
    /// In the runtime.
    pub infer: Duration,
    /// Making the answer of its outputs: parts of a batch, classes, shared memory.
    pub output: Duration,
}

/// Why a request failed, as `nv_inference_request_failure` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No place in the queue, too late, or its model was on its way out.
    Rejected,
    /// Its client went while it waited or ran.
    Canceled,
    /// The runtime failed.
    Backend,
    /// It was not in order, or its answer could not be made.
    Other,
}

impl Failure {
    /// Every one, with the metric's name for it, in the order of [`Counts::failures`].
    pub const ALL: [(Failure, &'static str); 4] = [
        (Self::Rejected, "REJECTED"),
        (Self::Canceled, "CANCELED"),
        (Self::Backend, "BACKEND"),
        (Self::Other, "OTHER"),
    ];
}

impl From<Kind> for Failure {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Unavailable => Self::Rejected,
            Kind::Internal => Self::Backend,
            _ => Self::Other,
        }
    }
}

/// Times of runs, or of the requests that were in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchStatistics {
    /// Preparing inputs.
    pub compute_input: StatisticDuration,
    /// In the runtime.
    pub compute_infer: StatisticDuration,
    /// Making the answer.
    pub compute_output: StatisticDuration,
}

impl BatchStatistics {
    fn add(&mut self, times: RunTimes) {
        self.compute_input.add(times.input);
        self.compute_infer.add(times.infer);
        self.compute_output.add(times.output);
    }
}

/// What has been counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Of the last inference, milliseconds since 1970; 0: none.
    pub last_inference: u64,
    /// Inferences that succeeded, each element of a batch one.
    pub inference_count: u64,
    /// Runs that succeeded.
    pub execution_count: u64,
    /// Requests answered with outputs.
    pub success: StatisticDuration,
    /// Requests answered with an error after their model was found, or given up by their client.
    pub fail: StatisticDuration,
    /// The same by reason, as [`Failure::ALL`] lists them.
    pub failures: [u64; Failure::ALL.len()],
    /// Waiting for an instance.
    pub queue: StatisticDuration,
    /// Of requests: each has the times of the run it was in.
    pub compute: BatchStatistics,
    /// Of runs, by batch size.
    pub batches: BTreeMap<u64, BatchStatistics>,
    /// Bytes of payload that were copied from a socket's memory or shared memory into tensors.
    pub bytes_in: u64,
}

/// The counters of one version, for all its instances.
#[derive(Debug, Default)]
pub struct Statistics {
    counts: Mutex<Counts>,
}

impl Statistics {
    /// What has been counted so far.
    pub fn counts(&self) -> Counts {
        self.lock().clone()
    }

    /// The model ran on `batch` inferences, of one request or of several.
    pub fn executed(&self, batch: u64, times: RunTimes) {
        let mut counts = self.lock();
        counts.execution_count += 1;
        counts.batches.entry(batch).or_default().add(times);
    }

    /// A request of `batch` inferences was answered with outputs, `whole` after it was read.
    pub fn succeed(&self, batch: u64, times: RunTimes, whole: Duration, bytes_in: u64) {
        let mut counts = self.lock();
        counts.last_inference = now();
        counts.inference_count += batch;
        counts.bytes_in += bytes_in;
        counts.success.add(whole);
        counts.queue.add(times.queue);
        counts.compute.add(times);
    }

    /// A request was answered with an error, or its client went.
    pub fn fail(&self, whole: Duration, why: Failure) {
        let mut counts = self.lock();
        counts.failures[why as usize] += 1;
        counts.last_inference = now();
        counts.fail.add(whole);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        // Plain additions: nothing is half done after a panic.
        self.counts.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
