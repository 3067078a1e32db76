//! What a job asks of its channels, held against its deadline.

use serde::{Deserialize, Serialize};

use crate::Nanos;
use crate::kind::Kind;
use crate::line::Line;

/// Bytes that a job sends over a channel, and gets back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// There.
    pub out: u64,
    /// Back.
    pub back: u64,
}

impl Bytes {
    /// The least time that they take on `line`; 0 where no line is known.
    pub fn bound(self, kind: Kind, line: Option<Line>) -> Nanos {
        let Some(line) = line else { return 0 };
        let bytes = if kind.overlaps() {
            self.out.max(self.back)
        } else {
            self.out.saturating_add(self.back)
        };
        line.bound(bytes)
    }
}

/// A job's way over one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Position of the channel in its table.
    pub channel: usize,
    /// What travels.
    pub bytes: Bytes,
    /// The least time that it takes.
    pub bound: Nanos,
}

/// A deadline that is shorter than what the lines of a way need. It names no time for computing:
/// that comes on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// The way, at most three legs: before the model, the model's, behind it.
    pub legs: [Option<Leg>; 3],
    /// The sum of their bounds.
    pub bound: Nanos,
    /// What the deadline leaves.
    pub within: Nanos,
}

impl Shortfall {
    /// The way does not fit.
    pub fn of(legs: [Option<Leg>; 3], within: Nanos) -> Option<Self> {
        let bound = legs.iter().flatten().fold(0, |sum: Nanos, leg| sum.saturating_add(leg.bound));
        (bound > within).then_some(Self { legs, bound, within })
    }
}
