//! Messages that wait for room in the ring to the agent.

use heapless::Deque;
use tandem_link::{LinkError, SharedMemory, message::FromPeer, peer::LinkPeer};

/// With this many waiting, nothing more is taken from the agent.
pub const RECEIVE_LIMIT: usize = 32;
/// With this many waiting, the gate keeps its triggers.
pub const GATE_LIMIT: usize = 48;
/// Every accepted job (two lanes' queues, and the running ones) may add its end and an event.
const ROOM: usize = GATE_LIMIT + 4 * (crate::edf::DEPTH + 1);

/// A bounded queue in front of the ring. The limits above keep it from overflowing.
pub struct Outbox {
    waiting: Deque<FromPeer, ROOM>,
}

/// What a flush did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// Nothing was sent.
    Nothing,
    /// Something was sent: ring the doorbell.
    Sent,
    /// The link is over: a new epoch is needed.
    Broken,
}

impl Outbox {
    /// An empty one.
    pub const fn new() -> Self {
        Self { waiting: Deque::new() }
    }

    /// Nothing waits.
    pub fn forget(&mut self) {
        self.waiting.clear();
    }

    /// Messages that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Adds a message.
    pub fn push(&mut self, message: FromPeer) {
        if self.waiting.push_back(message).is_err() {
            // Cannot happen while the limits hold; the agent's timeout answers for the message.
            defmt::error!("outbox overflow");
        }
    }

    /// Sends what fits.
    pub fn flush<M: SharedMemory>(&mut self, link: &mut LinkPeer<M>) -> Flushed {
        let mut flushed = Flushed::Nothing;
        while let Some(message) = self.waiting.front() {
            match link.send(message) {
                Ok(()) => {
                    self.waiting.pop_front();
                    flushed = Flushed::Sent;
                }
                Err(LinkError::Full | LinkError::NotLinked) => break,
                Err(LinkError::TooLong) => {
                    // A test holds that no message is; were one, it must not block the others.
                    defmt::error!("message too long");
                    self.waiting.pop_front();
                }
                Err(_) => return Flushed::Broken,
            }
        }
        flushed
    }
}
