//! What a client and a worker say to each other. README.md has the layout and the rules.
//!
//! A message is one entry of [`ENTRY_BYTES`], whatever it says, so that a reader never asks the
//! peer how much to read. Payloads follow the entry that announces them, as long as it says.

mod entry;
mod identity;

use serde::{Deserialize, Serialize};
use tandem_link::message::JobId;

pub use entry::{ENTRY_BYTES, EntryError, decode, encode};
pub use identity::{Identity, IdentityError, Interface, ModelName};

/// Changes whenever an entry or its meaning changes.
pub const VERSION: u32 = 1;

/// Most slots that one connection may have.
pub const MAX_CREDITS: u32 = 16;

/// What went wrong, for people; cut where it does not fit.
pub type Note = heapless::String<120>;

/// Cuts a text to a [`Note`], at a character's border.
pub fn note(text: &str) -> Note {
    let mut note = Note::new();
    for letter in text.chars() {
        if note.push(letter).is_err() {
            break;
        }
    }
    note
}

/// The first message of both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`] of the sender.
    pub version: u32,
    /// Epoch of the sender: a fresh one for each connection, never 0. The other side puts it into
    /// every message of the session.
    pub epoch: u32,
    /// The client: slots that it would like. The worker: slots that it has for this session.
    pub credits: u32,
    /// The model that the sender has.
    pub identity: Identity,
}

/// From a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToWorker {
    /// Opens the session.
    Hello(Hello),
    /// Run the model on the tensor that follows.
    Submit {
        /// The worker's epoch.
        epoch: u32,
        /// Counts up by one in a session, from 1.
        id: JobId,
        /// Time until the answer is of no use, ns. Clocks of two machines differ, so the absolute
        /// deadline stays with the client.
        left_ns: u64,
        /// Bytes that follow.
        bytes: u32,
        /// Their CRC-32.
        crc: u32,
    },
    /// The client is there.
    Heartbeat {
        /// The worker's epoch.
        epoch: u32,
    },
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// The heads follow.
    Ok,
    /// Its time ran out before the model ran; it did not run.
    Expired,
    /// The runtime failed.
    Failed(Note),
}

/// From a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromWorker {
    /// Answer to a hello that fits.
    Hello(Hello),
    /// What runs the model, for people; follows the hello.
    Engine(Note),
    /// A job ended.
    Done {
        /// The client's epoch.
        epoch: u32,
        /// The job.
        id: JobId,
        /// How.
        status: Status,
        /// Time in the runtime, ns.
        engine_ns: u64,
        /// Bytes that follow: the heads one behind the other, without the gaps of a heads slot.
        bytes: u32,
        /// Their CRC-32.
        crc: u32,
    },
    /// Jobs that the client may have submitted in this session so far. Only grows.
    Credit {
        /// The client's epoch.
        epoch: u32,
        /// Slots granted in the hello, plus one for each that came back.
        total: u32,
    },
    /// The worker is there.
    Heartbeat {
        /// The client's epoch.
        epoch: u32,
        /// As in `Credit`.
        total: u32,
    },
    /// The worker ends the connection.
    Refused(Refusal),
}

/// Why a worker ends a connection. Each names one of its counters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// It speaks another version: its own.
    Version(u32),
    /// It has another model: its own.
    Model(Identity),
    /// Every slot is with another client.
    NoSlots,
    /// It is shutting down.
    Stopping,
    /// What came is no message, or none that may come here.
    BadMessage,
    /// A message of another session.
    StaleEpoch,
    /// A job out of turn: its number is not the next one.
    OutOfOrder,
    /// A tensor of another size.
    Size {
        /// Bytes that were announced.
        have: u32,
        /// Bytes that the model takes.
        need: u32,
    },
    /// More jobs at once than slots.
    NoCredit,
    /// A tensor was damaged on the way.
    Damaged,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(version) => {
                write!(f, "it speaks protocol {version}, this side {VERSION}; use the same release")
            }
            Self::Model(identity) => write!(f, "it has {identity}"),
            Self::NoSlots => f.write_str("all its slots are with other clients; give it --slots"),
            Self::Stopping => f.write_str("it is shutting down"),
            Self::BadMessage => f.write_str("it could not read a message"),
            Self::StaleEpoch => f.write_str("it saw a message of an earlier session"),
            Self::OutOfOrder => f.write_str("it saw a job out of turn"),
            Self::Size { have, need } => {
                write!(f, "its model takes {need} bytes, it was sent {have}")
            }
            Self::NoCredit => f.write_str("it was sent more jobs than it has slots for"),
            Self::Damaged => f.write_str("a tensor was damaged on the way"),
        }
    }
}
