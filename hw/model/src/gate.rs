//! `gate`: a reject is scheduled when the trigger fires; a verdict can only cancel it.
//!
//! Behavioural model on absolute time and the belt's position. Without a cancel in time, under the right tag and epoch, the
//! part is rejected: a late, crashed or rebooting system is a safe one.

mod line;
mod model;

pub use model::Gate;

/// Parts that can be between trigger and due time at once.
pub const DEPTH: usize = 32;

/// Position of the belt after power-up: it may run back from there.
pub const FIRST_POSITION: u64 = 1 << 63;

/// What delays and due places are counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds: the belt's speed is constant.
    #[default]
    Nanoseconds,
    /// Counts of the encoder: it is not.
    Counts,
}

/// What one clock of the encoder's inputs says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// One count on.
    Forward,
    /// One count back.
    Backward,
    /// Both inputs changed at once: counts were lost, and nobody knows in which direction.
    Slip,
}

/// What the reject line did for one part. Ground truth, as a probe on the wire would see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Tag given at the trigger.
    pub tag: u32,
    /// Epoch under which it was given.
    pub epoch: u32,
    /// Trigger time, ns.
    pub triggered: u64,
    /// Time, ns, or position at which the pulse starts unless cancelled.
    pub due: u64,
    /// The pulse fired.
    pub rejected: bool,
}

/// A part between trigger and due time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Tag given at the trigger.
    pub tag: u32,
    /// Trigger time, ns.
    pub triggered: u64,
    /// Position of the belt at the trigger.
    pub position: u64,
    /// Due time, ns, or position.
    pub due: u64,
    /// It will pass.
    pub cancelled: bool,
}

/// What became of a cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CancelOutcome {
    /// The part will pass. Also said of a part that was cancelled before.
    Cancelled = 0,
    /// The part was due already; its fate was sealed, nothing was done.
    TooLate = 1,
    /// The cancel speaks of another epoch; nothing was done.
    WrongEpoch = 2,
    /// No part of this epoch ever had the tag; nothing was done.
    UnknownTag = 3,
}

/// Outcomes since power-up; wrapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Triggers that got a tag.
    pub triggers: u32,
    /// Tagged parts that passed.
    pub passed: u32,
    /// Tagged parts that were rejected.
    pub rejected: u32,
    /// Parts that were cancelled in time (each counts once).
    pub cancelled: u32,
    /// Cancels that came too late.
    pub late: u32,
    /// Cancels under another epoch, or while there was none.
    pub wrong_epoch: u32,
    /// Cancels with a tag never given.
    pub unknown: u32,
    /// Triggers without a tag because the table was full: parts rejected untracked.
    pub overrun: u32,
    /// Triggers without a tag because the gate was not armed, or the line was still held for parts
    /// from before, or the encoder was in doubt: rejected untracked.
    pub unready: u32,
    /// Steps that were [`Step::Slip`].
    pub slips: u32,
    /// In counts: times that all pending parts were given up, for nobody knew where they were.
    pub doubts: u32,
}
