//! The message set: what the agent asks of the R5F and what it answers.
//!
//! Every message fits one ring entry ([`crate::layout::MESSAGE_BYTES`]); a test holds that for the
//! largest value of each variant.
//!
//! What differs from one job to the next has a fixed width on the wire, so that all jobs with the same
//! parameters differ in the same bytes: a [`JobHead`] is read, and a [`FromPeer::Done`] written,
//! without a look at the rest.

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

/// What differs from one job to the next: everything in a [`ToPeer::Job`] but the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobHead {
    /// Answered with the same number.
    pub id: JobId,
    /// Absolute.
    pub deadline: Nanos,
    /// Whose parameters follow.
    pub lane: Lane,
    /// Read by the kernel.
    pub input: SlotRef,
    /// Written by the kernel.
    pub output: SlotRef,
}

impl JobHead {
    /// Bytes of a head: the message's variant, id, deadline, the work's variant, two slots.
    pub const BYTES: usize = 26;

    /// A job's message as its head and the postcard bytes of its parameters, which are not looked at.
    /// None if it is not a job's message.
    #[must_use]
    pub fn split(message: &[u8]) -> Option<(Self, &[u8])> {
        let (head, params) = message.split_first_chunk::<{ Self::BYTES }>()?;
        let lane = match (head[0], head[13]) {
            (0, 0) => Lane::Pre,
            (0, 1) => Lane::Post,
            _ => return None,
        };
        let half = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        let word = |at: usize| u32::from(half(at)) | u32::from(half(at + 2)) << 16;
        let slot = |at: usize| SlotRef { index: half(at), generation: word(at + 2) };
        let deadline = u64::from(word(5)) | u64::from(word(9)) << 32;
        Some((Self { id: word(1), deadline, lane, input: slot(14), output: slot(20) }, params))
    }
}

/// Bytes of a [`FromPeer::Done`].
pub const DONE_BYTES: usize = 34;

/// The postcard bytes of a [`FromPeer::Done`], as the words of a ring entry.
#[must_use]
pub fn encode_done(
    id: JobId,
    status: JobStatus,
    stamps: &Stamps,
    written: u32,
) -> [u32; DONE_BYTES.div_ceil(4)] {
    // The variant is 0. Six bytes come before the first time, so every word is halves of two.
    let halves = |before: u32, after: u32| before >> 16 | after << 16;
    let parts = |time: Nanos| (time as u32, (time >> 32) as u32);
    let head = id >> 24 << 16 | (status as u32) << 24;
    let (received, started, finished) =
        (parts(stamps.received), parts(stamps.started), parts(stamps.finished));
    [
        id << 8,
        halves(head, received.0),
        halves(received.0, received.1),
        halves(received.1, started.0),
        halves(started.0, started.1),
        halves(started.1, finished.0),
        halves(finished.0, finished.1),
        halves(finished.1, written),
        written >> 16,
    ]
}
