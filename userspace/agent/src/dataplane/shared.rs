//! What the data plane shares with the rest of the agent: bounded queues and counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_queue::ArrayQueue;
use serde::{Deserialize, Serialize};
use tandem_channels::Table;
use tandem_link::message::Nanos;
use tokio::sync::Notify;

use crate::counters::Counters;
use crate::job::{GateTag, Submission};
use crate::ticket::Sender;

/// Submissions that may wait; more than any board has frame slots, so it is never full.
const SUBMISSIONS: usize = 64;
const COMMANDS: usize = 32;
/// Triggers that may wait for a client: what the gate itself can hold.
const TRIGGERS: usize = 32;

/// A part passed the gate's trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Names the part; goes into the job that inspects it.
    pub tag: GateTag,
    /// When it passed.
    pub at: Nanos,
    /// When the reject pulse starts unless cancelled; [`Nanos::MAX`] if it is due at a position of
    /// the belt, so that nobody knows when.
    pub due: Nanos,
}

/// How the peer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerState {
    /// Not announced yet.
    Booting,
    /// Beats; jobs go to the programmable logic.
    Up,
    /// Given up: jobs go to the CPU until it announces itself anew.
    Down,
    /// An operator has it: jobs go to the CPU until it is given back.
    Held,
}

/// The peer as the data plane sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerReport {
    /// How it does.
    pub state: PeerState,
    /// Epoch that was accepted last; 0 for none.
    pub epoch: u32,
    /// Its beats.
    pub heartbeat: u32,
}

/// Slots of one class by where they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassAudit {
    /// Slots of this class.
    pub total: u32,
    /// Free.
    pub free: u32,
    /// With a job, a lane, or a client that fills a frame.
    pub in_use: u32,
    /// With the peer, for a job.
    pub granted: u32,
    /// With the peer, which died or was too late with it.
    pub quarantined: u32,
}

/// Where all slots are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotAudit {
    /// Frame slots.
    pub frame: ClassAudit,
    /// Tensor slots.
    pub tensor: ClassAudit,
    /// Heads slots.
    pub heads: ClassAudit,
    /// Result slots.
    pub result: ClassAudit,
}

impl SlotAudit {
    /// Every slot is free.
    pub fn is_clean(&self) -> bool {
        let Self { frame, tensor, heads, result } = self;
        [frame, tensor, heads, result].into_iter().all(|class| class.free == class.total)
    }
}

/// State of the data plane at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The peer.
    pub peer: PeerReport,
    /// The slots.
    pub slots: SlotAudit,
    /// Jobs that are not answered yet.
    pub jobs: u32,
}

/// Asked of the data plane by the control plane.
#[derive(Debug)]
pub enum Command {
    /// Measure the round trip through the rings, in nanoseconds. The sender is dropped if the peer
    /// does not answer.
    Ping(Sender<Nanos>),
    /// Set the gate, now and again after each new epoch of the peer.
    ConfigureGate {
        /// Trigger to pulse start.
        delay: Nanos,
        /// Pulse length.
        pulse: Nanos,
    },
    /// Restart the peer's core.
    Restart,
    /// Give the peer no more jobs. Answered when it has nothing any more (`true`), or after `within` ns,
    /// when what it had is done by the CPU (`false`).
    Hold {
        /// How long the peer's jobs may take to end.
        within: Nanos,
        /// Told the end.
        ended: Sender<bool>,
    },
    /// Give it jobs again.
    Release,
    /// Say how things are.
    Report(Sender<Report>),
}

/// The meeting point of data plane and control plane.
#[derive(Debug)]
pub struct Shared {
    /// Everything that is counted.
    pub counters: Arc<Counters>,
    /// The ways that bytes take.
    pub channels: Arc<Table>,
    /// Jobs, to the data plane.
    pub submissions: ArrayQueue<Box<Submission>>,
    /// Commands, to the data plane.
    pub commands: ArrayQueue<Command>,
    /// Parts, from the data plane.
    pub triggers: ArrayQueue<Trigger>,
    /// Rung when a trigger was queued.
    pub triggered: Notify,
    /// Rung when a frame slot may have come free.
    pub frame_freed: Notify,
    stopping: AtomicBool,
}

impl Shared {
    /// Empty queues.
    pub fn new(counters: Arc<Counters>, channels: Arc<Table>) -> Self {
        Self {
            counters,
            channels,
            submissions: ArrayQueue::new(SUBMISSIONS),
            commands: ArrayQueue::new(COMMANDS),
            triggers: ArrayQueue::new(TRIGGERS),
            triggered: Notify::new(),
            frame_freed: Notify::new(),
            stopping: AtomicBool::new(false),
        }
    }

    /// No new jobs; those under way end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// [`Shared::stop`] was called.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
