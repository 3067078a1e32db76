//! Everything the agent counts: incidents, flow, stage times, copied bytes.
//!
//! Incrementing is one relaxed atomic add: the frame path takes no lock and allocates nothing.
//! One fault moves exactly one [`Incident`] by exactly one; what it led to (a stage on a fallback,
//! an unknown verdict) shows in [`Flow`] and in a job's `degraded` list, never in a second incident.

mod histogram;
mod prometheus;
mod snapshot;

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use tandem_link::message::JobStatus;

use crate::api::Silicon;
pub use histogram::Histogram;
pub use prometheus::to_prometheus;
pub use snapshot::{Bucket, Snapshot, StageTimes};

/// Declares a C-like enum whose values index an array of counters and have stable names.
macro_rules! names {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every value, in the order of its counter.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The stable name that clients and dashboards see.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }
    };
}

names! {
    /// A fault that was seen, by what it was.
    Incident {
        /// A completion that no interrupt announced; the firmware's timed poll found it.
        LostInterrupt = "lost_interrupt",
        /// Slave error on a DMA's data or descriptor port.
        DmaSlaveError = "dma_slave_error",
        /// Decode error on a DMA's data or descriptor port.
        DmaDecodeError = "dma_decode_error",
        /// Internal error of a DMA: a descriptor that makes no sense.
        DmaInternalError = "dma_internal_error",
        /// A packet never ended, or ended at another length than the kernel's.
        StreamMismatch = "stream_mismatch",
        /// A kernel never finished.
        KernelHung = "kernel_hung",
        /// A kernel refused its parameters or its input.
        KernelRefused = "kernel_refused",
        /// A descriptor in memory was not what the firmware had written.
        DescriptorCorrupt = "descriptor_corrupt",
        /// A job missed its deadline.
        Late = "late",
        /// A job's deadline left less time than the lines of its route need; it never began.
        LinkTooSlow = "link_too_slow",
        /// The firmware found a job that named no granted slot or impossible parameters.
        BadJob = "bad_job",
        /// A message that does not decode, on either side of the link.
        BadMessage = "bad_message",
        /// The slots of a job came back, but never the word on how it ended.
        AnswerLost = "answer_lost",
        /// The firmware gave a job its `Done` without giving back its slots.
        SlotsWithheld = "slots_withheld",
        /// A result in memory did not decode.
        ResultCorrupt = "result_corrupt",
        /// The heartbeat stands still while the core runs.
        R5Frozen = "r5_frozen",
        /// The core crashed or stopped, or came back under a new epoch unasked.
        R5Dead = "r5_dead",
        /// The core never announced itself.
        R5Absent = "r5_absent",
        /// The core could not be restarted.
        R5RestartFailed = "r5_restart_failed",
        /// An operator holds the core: its firmware is renewed, or the logic is loaded. Marks jobs, and
        /// is counted by nobody: it is no fault.
        R5Held = "r5_held",
        /// The programmable logic was loaded anew under the running firmware.
        LogicReset = "logic_reset",
        /// No room in the ring to the firmware.
        RingFull = "ring_full",
        /// The main model's runtime failed.
        EngineFailed = "engine_failed",
        /// The main model put out NaN or infinity.
        EngineNotFinite = "engine_not_finite",
        /// A worker's connection was lost, or a worker was not there at the start.
        WorkerLost = "worker_lost",
        /// The fallback of a stage failed as well, or was the first to refuse the job.
        CpuRefused = "cpu_refused",
    }
}

names! {
    /// What passed through, by what became of it.
    Flow {
        /// Jobs taken in.
        Submitted = "submitted",
        /// Jobs answered, each exactly once.
        Answered = "answered",
        /// Verdict pass.
        Passed = "passed",
        /// Verdict fail.
        Failed = "failed",
        /// Verdict unknown.
        Unknown = "unknown",
        /// Jobs that wanted the tensor and not a verdict.
        TensorsDumped = "tensors_dumped",
        /// Stages that ran on a fallback: the CPU in place of the programmable logic, the engine
        /// that stands by in place of a worker.
        Fallbacks = "fallbacks",
        /// Parts that the gate saw.
        GateTriggered = "gate_triggered",
        /// Triggers that nobody collected in time; their parts are rejected.
        GateTriggersDropped = "gate_triggers_dropped",
        /// Rejects taken back.
        GateCancelSent = "gate_cancel_sent",
        /// Answers of the firmware to jobs that no longer waited for one.
        StaleDone = "stale_done",
        /// Restarts of the core that were asked for, by the agent or an operator.
        R5Restarts = "r5_restarts",
        /// Epochs that the firmware announced.
        R5Epochs = "r5_epochs",
        /// Bytes that ingest read: files, sockets.
        IngestBytesIn = "ingest_bytes_in",
        /// Bytes that ingest wrote into frame slots.
        IngestBytesOut = "ingest_bytes_out",
        /// Tensor bytes copied since an engine cannot read its slot.
        EngineTensorCopied = "engine_tensor_bytes_copied",
        /// Head bytes copied since an engine cannot write its slot.
        EngineHeadsCopied = "engine_heads_bytes_copied",
        /// Tensor bytes sent to workers.
        WorkerBytesOut = "worker_bytes_out",
        /// Head bytes received from workers.
        WorkerBytesIn = "worker_bytes_in",
    }
}

names! {
    /// One stage of a job.
    StageName {
        /// Source into a frame slot.
        Ingest = "ingest",
        /// Frame to tensor.
        Pre = "pre",
        /// The main model.
        Main = "main",
        /// Heads to detections.
        Post = "post",
        /// Detections to verdict.
        Verdict = "verdict",
    }
}

impl Incident {
    /// The incident that a job's status names; `None` for `Ok`.
    pub fn of_status(status: JobStatus) -> Option<Self> {
        Some(match status {
            JobStatus::Ok => return None,
            JobStatus::Late => Self::Late,
            JobStatus::DmaSlaveError => Self::DmaSlaveError,
            JobStatus::DmaDecodeError => Self::DmaDecodeError,
            JobStatus::StreamMismatch => Self::StreamMismatch,
            JobStatus::KernelHung => Self::KernelHung,
            JobStatus::DescriptorCorrupt => Self::DescriptorCorrupt,
            JobStatus::KernelRefused => Self::KernelRefused,
            JobStatus::BadJob => Self::BadJob,
            JobStatus::DmaInternalError => Self::DmaInternalError,
            JobStatus::LogicReset => Self::LogicReset,
        })
    }
}

/// A set of incidents: what degraded one job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IncidentSet(u32);

impl IncidentSet {
    /// Adds one; `false` if it was there already.
    pub fn insert(&mut self, incident: Incident) -> bool {
        let bit = 1 << incident as u32;
        let fresh = self.0 & bit == 0;
        self.0 |= bit;
        fresh
    }

    /// Whether it holds this one.
    pub fn contains(self, incident: Incident) -> bool {
        self.0 & (1 << incident as u32) != 0
    }

    /// Nothing degraded the job.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its members in the order of [`Incident::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Incident> {
        Incident::ALL.iter().copied().filter(move |&incident| self.contains(incident))
    }
}

const SILICON: usize = 3;

/// All counters of one agent. Shared by reference; every method is safe on the frame path.
#[derive(Debug)]
pub struct Counters {
    incidents: [AtomicU64; Incident::ALL.len()],
    flow: [AtomicU64; Flow::ALL.len()],
    stages: [[Histogram; SILICON]; StageName::ALL.len()],
    total: Histogram,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            incidents: std::array::from_fn(|_| AtomicU64::new(0)),
            flow: std::array::from_fn(|_| AtomicU64::new(0)),
            stages: std::array::from_fn(|_| std::array::from_fn(|_| Histogram::default())),
            total: Histogram::default(),
        }
    }
}

impl Counters {
    /// Counts one incident.
    pub fn incident(&self, incident: Incident) {
        self.incidents[incident as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How often an incident was counted.
    pub fn incidents(&self, incident: Incident) -> u64 {
        self.incidents[incident as usize].load(Ordering::Relaxed)
    }

    /// Counts one of a flow.
    pub fn flow(&self, flow: Flow) {
        self.flow_by(flow, 1);
    }

    /// Counts `n` of a flow.
    pub fn flow_by(&self, flow: Flow, n: u64) {
        self.flow[flow as usize].fetch_add(n, Ordering::Relaxed);
    }

    /// A flow's count.
    pub fn flows(&self, flow: Flow) -> u64 {
        self.flow[flow as usize].load(Ordering::Relaxed)
    }

    /// Records how long a stage took, in nanoseconds, queueing included.
    pub fn stage(&self, stage: StageName, silicon: Silicon, ns: u64) {
        self.stages[stage as usize][silicon_index(silicon)].record(ns);
    }

    /// Records a job's time from the start of ingest to its verdict, in nanoseconds.
    pub fn total(&self, ns: u64) {
        self.total.record(ns);
    }

    /// A copy of everything. Counters that move meanwhile may be one apart from each other.
    pub fn snapshot(&self) -> Snapshot {
        let name = |(list, counts): (&[&'static str], &[AtomicU64])| {
            list.iter()
                .zip(counts)
                .map(|(name, count)| ((*name).to_owned(), count.load(Ordering::Relaxed)))
                .collect()
        };
        let incidents: Vec<_> = Incident::ALL.iter().map(|i| i.name()).collect();
        let flow: Vec<_> = Flow::ALL.iter().map(|f| f.name()).collect();
        let mut stages = Vec::new();
        for &stage in StageName::ALL {
            for silicon in [Silicon::Pl, Silicon::Cpu, Silicon::Gpu] {
                let histogram = &self.stages[stage as usize][silicon_index(silicon)];
                if histogram.count() > 0 {
                    let times = StageTimes::of(stage.name(), Some(silicon), histogram);
                    stages.push(times);
                }
            }
        }
        Snapshot {
            incidents: name((&incidents, &self.incidents)),
            flow: name((&flow, &self.flow)),
            stages,
            total: StageTimes::of("total", None, &self.total),
        }
    }
}

const fn silicon_index(silicon: Silicon) -> usize {
    match silicon {
        Silicon::Pl => 0,
        Silicon::Cpu => 1,
        Silicon::Gpu => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_snake_case_and_fit_the_set() {
        let mut names: Vec<_> = Incident::ALL.iter().map(|i| i.name()).collect();
        names.extend(Flow::ALL.iter().map(|f| f.name()));
        for name in &names {
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            );
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(Incident::ALL.len() <= 32, "IncidentSet is 32 bits");
    }

    #[test]
    fn every_error_status_has_its_own_incident() {
        use JobStatus::*;
        let all = [
            Late,
            DmaSlaveError,
            DmaDecodeError,
            StreamMismatch,
            KernelHung,
            DescriptorCorrupt,
            KernelRefused,
            BadJob,
            DmaInternalError,
            LogicReset,
        ];
        let mut set = IncidentSet::default();
        for status in all {
            assert!(set.insert(Incident::of_status(status).unwrap()));
        }
        assert_eq!(set.iter().count(), all.len());
        assert_eq!(Incident::of_status(Ok), None);
    }

    #[test]
    fn an_incident_moves_one_counter() {
        let counters = Counters::default();
        counters.incident(Incident::KernelHung);
        let snapshot = counters.snapshot();
        assert_eq!(snapshot.incidents["kernel_hung"], 1);
        assert_eq!(snapshot.incidents.values().sum::<u64>(), 1);
        assert_eq!(snapshot.incidents.len(), Incident::ALL.len());
    }
}
