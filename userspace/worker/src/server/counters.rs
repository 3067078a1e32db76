//! What a worker counts: jobs by their end, connections by why they ended.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::protocol::Refusal;

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// Something that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Event { $($(#[$doc])* $variant,)* }

        impl Event {
            /// Every event, in the order of its counter.
            pub const ALL: &'static [Event] = &[$(Event::$variant,)*];

            /// Its stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Event::$variant => $text,)* }
            }
        }
    };
}

events! {
    /// A session began.
    Session = "sessions",
    /// A job was answered with heads.
    Done = "jobs_done",
    /// A job's time ran out before the model ran.
    Expired = "jobs_expired",
    /// The runtime failed on a job.
    Failed = "jobs_failed",
    /// A job whose client had gone; its slot was taken back.
    Reclaimed = "jobs_reclaimed",
    /// The client ended the connection.
    Closed = "closed_by_client",
    /// The client was silent, or did not take what it was sent.
    Silent = "closed_silent",
    /// The network failed.
    Network = "closed_network",
    /// The client speaks another version.
    Version = "refused_version",
    /// The client has another model.
    Model = "refused_model",
    /// Every slot was with other clients.
    NoSlots = "refused_no_slots",
    /// The worker was shutting down.
    Stopping = "refused_stopping",
    /// What came was no message, or none that may come there.
    BadMessage = "refused_bad_message",
    /// A message of another session.
    StaleEpoch = "refused_stale_epoch",
    /// A job out of turn.
    OutOfOrder = "refused_out_of_order",
    /// A tensor of another size.
    Size = "refused_size",
    /// More jobs at once than slots.
    NoCredit = "refused_no_credit",
    /// A tensor was damaged on the way.
    Damaged = "refused_damaged",
    /// More connections than a worker takes.
    TooManyConnections = "refused_too_many_connections",
}

impl From<&Refusal> for Event {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Version(_) => Self::Version,
            Refusal::Model(_) => Self::Model,
            Refusal::NoSlots => Self::NoSlots,
            Refusal::Stopping => Self::Stopping,
            Refusal::BadMessage => Self::BadMessage,
            Refusal::StaleEpoch => Self::StaleEpoch,
            Refusal::OutOfOrder => Self::OutOfOrder,
            Refusal::Size { .. } => Self::Size,
            Refusal::NoCredit => Self::NoCredit,
            Refusal::Damaged => Self::Damaged,
        }
    }
}

/// All counters of a worker.
#[derive(Debug)]
pub struct Counters([AtomicU64; Event::ALL.len()]);

impl Default for Counters {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Counters {
    /// Counts one.
    pub(super) fn count(&self, event: Event) {
        self.0[event as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How often an event was counted.
    pub fn of(&self, event: Event) -> u64 {
        self.0[event as usize].load(Ordering::Relaxed)
    }

    /// Those that are not zero, by name.
    pub fn seen(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Event::ALL
            .iter()
            .map(|event| (event.name(), self.of(*event)))
            .filter(|(_, count)| *count > 0)
    }
}
