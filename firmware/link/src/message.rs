//! The message set: what the agent asks of the R5F and what it answers.
//!
//! Every message fits one ring entry ([`crate::layout::MESSAGE_BYTES`]); a test holds that for the
//! largest value of each variant.
//!
//! What differs from one job to the next has a fixed width on the wire, so that all jobs with the same
//! parameters differ in the same bytes, which [`crate::job`] reads and writes without a look at the rest.

use serde::{Deserialize, Serialize};
use tandem_model::{post::PostParams, pre::PreParams};

/// Absolute time in nanoseconds on the board's one clock.
pub type Nanos = u64;

/// Names one job for its whole life; unique within an agent epoch.
pub type JobId = u32;

/// A slot and the generation under which it was granted; a stale generation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotRef {
    /// Index in the slot table.
    #[serde(with = "postcard::fixint::le")]
    pub index: u16,
    /// Generation of the grant.
    #[serde(with = "postcard::fixint::le")]
    pub generation: u32,
}

/// Frame in, tensor out: one run of the `pre` kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreJob {
    /// Frame slot, read by the kernel.
    pub frame: SlotRef,
    /// Tensor slot, written by the kernel.
    pub tensor: SlotRef,
    /// What the kernel does.
    pub params: PreParams,
}

/// Raw heads in, detections out: one run of the `post` kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PostJob {
    /// Heads slot, read by the kernel.
    pub heads: SlotRef,
    /// Result slot, written by the kernel.
    pub result: SlotRef,
    /// What the kernel does.
    pub params: PostParams,
}

/// The work of a job.
#[allow(clippy::large_enum_variant)] // lives in a ring entry of one size
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// Run the `pre` kernel.
    Pre(PreJob),
    /// Run the `post` kernel.
    Post(PostJob),
}

/// Which lane of the programmable logic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Lane {
    /// The `pre` kernel and its DMA.
    Pre = 0,
    /// The `post` kernel and its DMA.
    Post = 1,
}

/// From the agent.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToPeer {
    /// Do this by `deadline`.
    Job {
        /// Answered with the same number.
        #[serde(with = "postcard::fixint::le")]
        id: JobId,
        /// Absolute; a job that cannot make it is answered [`JobStatus::Late`].
        #[serde(with = "postcard::fixint::le")]
        deadline: Nanos,
        /// What to do.
        work: Work,
    },
    /// The part with this tag is good: take back its reject.
    CancelReject {
        /// Tag that the gate gave at the trigger.
        tag: u32,
        /// Gate epoch under which the tag was given.
        gate_epoch: u32,
    },
    /// Set the gate's delay from trigger to reject and the pulse length.
    ConfigureGate {
        /// Trigger to pulse start: ns, or counts of the encoder on a board whose gate counts.
        delay: Nanos,
        /// Pulse length.
        pulse: Nanos,
    },
    /// Answer with [`FromPeer::Pong`].
    Ping {
        /// Echoed.
        sequence: u32,
    },
}

/// How a job ended. Each variant but `Ok` names exactly one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum JobStatus {
    /// Output is in its slot.
    Ok = 0,
    /// Deadline had passed or could not be met.
    Late = 1,
    /// Slave error response on the DMA's data or descriptor port.
    DmaSlaveError = 2,
    /// Decode error response on the DMA's data or descriptor port.
    DmaDecodeError = 3,
    /// The kernel finished but its packet never ended, or ended at another length.
    StreamMismatch = 4,
    /// The kernel never finished.
    KernelHung = 5,
    /// A descriptor in memory is not what was written.
    DescriptorCorrupt = 6,
    /// The kernel refused its parameters.
    KernelRefused = 7,
    /// The message named a slot that is not granted, or parameters that do not hold together.
    BadJob = 8,
    /// The DMA reported an internal error (a descriptor that makes no sense).
    DmaInternalError = 9,
    /// The programmable logic was loaded anew under the job: [`Event::LogicReset`] counts it.
    LogicReset = 10,
}

/// When each step of a job on its lane happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamps {
    /// Taken from the ring.
    #[serde(with = "postcard::fixint::le")]
    pub received: Nanos,
    /// Doorbell to the hardware (tail write).
    #[serde(with = "postcard::fixint::le")]
    pub started: Nanos,
    /// Hardware done, as the firmware saw it.
    #[serde(with = "postcard::fixint::le")]
    pub finished: Nanos,
}

/// Something that happened on the firmware's side and is counted by the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Event {
    /// A completion that no interrupt announced, found by the timed poll.
    LostInterrupt(Lane),
    /// A message that does not decode; dropped.
    BadMessage,
    /// The programmable logic was loaded anew under the running firmware.
    LogicReset,
    /// A descriptor flipped under this job, and the DMA may have written anywhere in memory:
    /// whatever lies in a slot is in doubt.
    Astray {
        /// The job.
        id: JobId,
        /// Its own input may be hit, too.
        own: bool,
    },
}

/// From the R5F.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromPeer {
    /// A job ended; its slots are the agent's again (see [`crate::slot`]).
    Done {
        /// The job.
        #[serde(with = "postcard::fixint::le")]
        id: JobId,
        /// How.
        status: JobStatus,
        /// When.
        stamps: Stamps,
        /// Bytes that the kernel wrote into the output slot.
        #[serde(with = "postcard::fixint::le")]
        written: u32,
    },
    /// A part passed the trigger.
    Triggered {
        /// Names the part.
        tag: u32,
        /// Cancel under this epoch.
        gate_epoch: u32,
        /// When it passed.
        at: Nanos,
        /// When the reject pulse starts unless cancelled; the last of all times if the gate counts
        /// and nobody knows.
        due: Nanos,
    },
    /// To be counted.
    Event(Event),
    /// Answer to [`ToPeer::Ping`].
    Pong {
        /// Echo.
        sequence: u32,
    },
}
