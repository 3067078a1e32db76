//! What can be wrong with a link.

use thiserror::Error;

/// Why an operation on a link was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LinkError {
    /// The block is too small for the geometry.
    #[error("link block holds {have} bytes, the geometry needs {need}")]
    TooSmall {
        /// Bytes of the block.
        have: u32,
        /// Bytes needed.
        need: u32,
    },
    /// A number of the geometry is outside its limits, or the slot list has another length.
    #[error("link geometry: {0} is out of range")]
    Geometry(&'static str),
    /// The agent has not formatted the block (yet). Try again.
    #[error("link block is not formatted")]
    NotReady,
    /// The block was formatted by another version of this crate.
    #[error("link block: {field} is {have:#x}, this side needs {want:#x}")]
    Layout {
        /// Word that differs.
        field: &'static str,
        /// Value in the block.
        have: u32,
        /// Value of this side.
        want: u32,
    },
    /// The agent epoch is 0 or was in use before.
    #[error("agent epoch {0} is zero or was used before")]
    EpochReused(u32),
    /// The ring has no free entry. Try again after the other side consumed.
    #[error("ring is full")]
    Full,
    /// The other side has not accepted this epoch (yet).
    #[error("the other side has not joined this epoch")]
    NotLinked,
    /// The agent has a new epoch: quiesce, then attach and announce again.
    #[error("the agent restarted; this epoch is over")]
    AgentRestarted,
    /// An entry's length word is impossible; the entry is consumed.
    #[error("ring entry says {0} bytes")]
    BadLength(u32),
    /// An entry does not decode; the entry is consumed.
    #[error("ring entry does not decode")]
    Undecodable,
    /// The two indices of a ring are further apart than it is long. Its consumer drops everything
    /// in it; its producer can send again only in a new epoch.
    #[error("ring indices are {0} entries apart")]
    IndexCorrupt(u32),
    /// The message does not fit an entry.
    #[error("message does not fit a ring entry")]
    TooLong,
    /// The slot table has no such slot.
    #[error("slot {0} is not in the table")]
    NoSuchSlot(u16),
    /// The slot is not granted under this generation.
    #[error("slot {index} is not granted under generation {generation}")]
    StaleSlot {
        /// Slot.
        index: u16,
        /// Generation that was named.
        generation: u32,
    },
}
