//! How a job ends, and the counters of that.

use serde::Serialize;
use thiserror::Error;

use crate::cost::Nanos;
use crate::job::JobId;

/// Why a job is not admitted. Times are from now, ns.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// No engine that the job may use has costs for its model.
    #[error("No engine that this job may use runs its model")]
    NoEngine,
    /// Every engine that could run it is lost.
    #[error("Every engine that could run it is lost")]
    EnginesLost,
    /// The deadline is nearer than a run takes on an idle engine.
    #[error(
        "A run takes {} us, the deadline is in {} us: no engine can be in time",
        needed / 1000, available / 1000
    )]
    TooLate {
        /// What the quickest engine needs.
        needed: Nanos,
        /// Until the deadline, less the slack.
        available: Nanos,
    },
    /// Behind what is promised already it would be late.
    #[error(
        "It would be done in {} us, the deadline is in {} us: the engines are full",
        needed / 1000, available / 1000
    )]
    NoRoom {
        /// Until it would end.
        needed: Nanos,
        /// Until the deadline, less the slack.
        available: Nanos,
    },
    /// It would be in time, and an admitted job would not be any more.
    #[error(
        "An admitted job would be done in {} us, its deadline is in {} us: the engines are full",
        needed / 1000, available / 1000
    )]
    WouldDelay {
        /// Until that job would end.
        needed: Nanos,
        /// Until its deadline, less the slack.
        available: Nanos,
    },
    /// Streams that got less than their share need the room.
    #[error(
        "The stream is above its share, so it may plan {} us ahead, and needs {} us",
        available / 1000, needed / 1000
    )]
    OverShare {
        /// Until it would end.
        needed: Nanos,
        /// How far ahead the stream may plan.
        available: Nanos,
    },
    /// The stream has as many waiting jobs as it may.
    #[error("The stream's queue is full: {waiting} jobs wait, {queue} may")]
    QueueFull {
        /// Jobs that wait.
        waiting: u32,
        /// Jobs that may.
        queue: u32,
    },
    /// The scheduler has as many jobs as it was made for.
    #[error("The job table is full: {0} jobs")]
    TableFull(u32),
    /// No such stream, or no such model.
    #[error("No such stream or model")]
    Unknown,
}

/// How an admitted job ends, or one that waited for room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// The engine has done it in time.
    Done,
    /// It is not in time, or cannot be any more: an engine is slower than it was measured, or the
    /// caller was late to start a run. Times are from now, ns.
    Late {
        /// Until it would end; 0 where it has.
        needed: Nanos,
        /// Until its deadline; 0 where it has passed.
        available: Nanos,
    },
    /// A job of this priority needed its place.
    Displaced {
        /// Its priority.
        by: u8,
    },
    /// A newer job of its stream took its place (`drop: oldest`).
    Dropped,
    /// It waited for room (`drop: block`) and there was none in time.
    Refused(Refusal),
    /// Its engine was lost, and no other could be in time.
    EngineLost,
    /// The engine failed the run.
    Failed,
    /// Its owner took it back.
    Cancelled,
}

/// The end of a job; each has exactly one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// Which.
    pub job: JobId,
    /// What its owner called it.
    pub tag: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// Counts of a stream, or of all. Every job is counted in `submitted`, then in exactly one of the
/// refusals or ends, or it is still there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Jobs that came.
    pub submitted: u64,
    /// Planned, at once or after waiting for room.
    pub admitted: u64,
    /// Refused: nothing runs the model, or what does is lost.
    pub no_engine: u64,
    /// Refused: the deadline is nearer than a run takes.
    pub too_late: u64,
    /// Refused: the engines are full.
    pub no_room: u64,
    /// Refused: the stream is above its share.
    pub over_share: u64,
    /// Refused: the stream's queue or the job table is full.
    pub queue_full: u64,
    /// Done in time.
    pub done: u64,
    /// Admitted and late.
    pub late: u64,
    /// Gave their place to a higher priority.
    pub displaced: u64,
    /// Gave their place to a newer job of the stream.
    pub dropped: u64,
    /// Lost with their engine.
    pub engine_lost: u64,
    /// Failed by their engine.
    pub failed: u64,
    /// Taken back.
    pub cancelled: u64,
    /// Went to another engine than the one they were admitted to.
    pub moved: u64,
}

impl Counters {
    pub(crate) fn refused(&mut self, refusal: &Refusal) {
        *match refusal {
            Refusal::NoEngine | Refusal::EnginesLost | Refusal::Unknown => &mut self.no_engine,
            Refusal::TooLate { .. } => &mut self.too_late,
            Refusal::NoRoom { .. } | Refusal::WouldDelay { .. } => &mut self.no_room,
            Refusal::OverShare { .. } => &mut self.over_share,
            Refusal::QueueFull { .. } | Refusal::TableFull(_) => &mut self.queue_full,
        } += 1;
    }

    pub(crate) fn ended(&mut self, outcome: &Outcome) {
        *match outcome {
            Outcome::Done => &mut self.done,
            Outcome::Late { .. } => &mut self.late,
            Outcome::Displaced { .. } => &mut self.displaced,
            Outcome::Dropped => &mut self.dropped,
            Outcome::Refused(refusal) => return self.refused(refusal),
            Outcome::EngineLost => &mut self.engine_lost,
            Outcome::Failed => &mut self.failed,
            Outcome::Cancelled => &mut self.cancelled,
        } += 1;
    }

    /// Refused, at once or after waiting for room.
    pub fn refusals(&self) -> u64 {
        self.no_engine + self.too_late + self.no_room + self.over_share + self.queue_full
    }

    /// Jobs that have their end.
    pub fn ends(&self) -> u64 {
        self.refusals()
            + self.done
            + self.late
            + self.displaced
            + self.dropped
            + self.engine_lost
            + self.failed
            + self.cancelled
    }

    /// Adds the counts of `other`.
    pub fn add(&mut self, other: &Counters) {
        let Counters { submitted, admitted, no_engine, too_late, no_room, over_share, .. } = other;
        let Counters { queue_full, done, late, displaced, dropped, engine_lost, .. } = other;
        let Counters { failed, cancelled, moved, .. } = other;
        self.submitted += submitted;
        self.admitted += admitted;
        self.no_engine += no_engine;
        self.too_late += too_late;
        self.no_room += no_room;
        self.over_share += over_share;
        self.queue_full += queue_full;
        self.done += done;
        self.late += late;
        self.displaced += displaced;
        self.dropped += dropped;
        self.engine_lost += engine_lost;
        self.failed += failed;
        self.cancelled += cancelled;
        self.moved += moved;
    }
}
