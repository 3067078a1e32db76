//! What can be wrong.

use crate::{Area, Slot};
use std::io;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The disk refused.
    #[error("{area}, byte {offset}: {source}")]
    Disk {
        /// Where.
        area: Area,
        /// First byte of the access.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// Neither copy of the record is whole.
    #[error("neither copy of the slots' record is whole: this is no card of `cargo xtask image`")]
    NoRecord,
    /// Nothing to boot.
    #[error("no slot has whole content: A is {a}, B is {b}; write the card again")]
    NoSlot {
        /// What is wrong with A.
        a: String,
        /// What is wrong with B.
        b: String,
    },
    /// The running slot must stay as it is.
    #[error("slot {0} runs: install into {other}", other = .0.other())]
    Running(Slot),
    /// Its only alternative would be overwritten.
    #[error("slot {0} runs and is not marked good yet: `tandem-slot good` first")]
    Unproved(Slot),
    /// Larger than a slot, or empty.
    #[error("the image has {length} bytes, a slot takes 1 to {room}")]
    Length {
        /// Of the image, bytes.
        length: u64,
        /// Of the slot, bytes.
        room: u64,
    },
    /// A slot that never boots is no slot.
    #[error("a new slot needs at least one try")]
    NoTries,
    /// The image could not be read.
    #[error("reading the image: {0}")]
    Image(io::Error),
    /// It is not what it should be.
    #[error("the image's SHA-256 is {found}, not {wanted}")]
    Hash {
        /// What was asked for.
        wanted: String,
        /// What came.
        found: String,
    },
    /// What was written does not read back.
    #[error("slot {0} does not read back as it was written: the card is worn or faulty")]
    ReadBack(Slot),
}
