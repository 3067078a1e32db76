//! Payload slots: who may touch one is a type.
//!
//! An [`Owned`] slot is the agent's and has an address; a [`Granted`] one is the peer's and has
//! none. There is one token per slot in the process, tokens cannot be copied, and a dropped token
//! goes back to the table, so a slot is neither lost nor given twice.

use core::fmt;

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum SlotClass {
    /// A camera frame: read by the `pre` kernel.
    Frame = 0,
    /// Network input: written by the `pre` kernel.
    Tensor = 1,
    /// Raw network output: read by the `post` kernel.
    Heads = 2,
    /// Detections: a record, written by the `post` kernel and read by the agent.
    Result = 3,
}

impl SlotClass {
    /// Every class, in the order of its number.
    pub const ALL: [Self; 4] = [Self::Frame, Self::Tensor, Self::Heads, Self::Result];

    /// `frame`, `tensor`, `heads`, `result`: the names in a board's description.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Tensor => "tensor",
            Self::Heads => "heads",
            Self::Result => "result",
        }
    }

    /// The class with this number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
}

impl fmt::Display for SlotClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One slot, as the board describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotInit {
    /// What it holds.
    pub class: SlotClass,
    /// Bus address.
    pub addr: u32,
    /// Bytes.
    pub capacity: u32,
}

#[cfg(feature = "std")]
pub use table::{Granted, Owned, SlotTable};

#[cfg(feature = "std")]
mod table;
