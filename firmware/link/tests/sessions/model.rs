//! What both sides have done, and what must come of it.

use std::collections::BTreeMap;

use tandem_link::LinkError;

use crate::COUNT;

/// Agent epoch and peer epoch.
pub type Session = (u32, u32);

/// One direction of a session, as it should be.
#[derive(Default)]
pub struct Queue {
    pub sent: Vec<u32>,
    pub received: usize,
    /// The receiver died, or was interrupted, in an operation: it may have taken one more.
    pub unsure: bool,
}

impl Queue {
    pub fn pending(&self) -> usize {
        self.sent.len() - self.received
    }

    /// A message came.
    pub fn take(&mut self, number: u32) {
        assert_eq!(self.sent.get(self.received), Some(&number), "lost, twice, or out of order");
        self.received += 1;
    }

    /// What a try to send came to, with so many pending before it.
    pub fn tried(&mut self, number: u32, before: usize, result: Result<(), LinkError>) {
        match result {
            Ok(()) => {
                assert!(self.pending() < COUNT || self.unsure, "more than the ring holds");
                self.sent.push(number);
            }
            Err(LinkError::Full) => {
                assert!(before == COUNT || self.unsure && before > COUNT, "full with room left");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// What both sides have done.
#[derive(Default)]
pub struct Model {
    pub to_peer: BTreeMap<Session, Queue>,
    pub from_peer: BTreeMap<Session, Queue>,
    /// Numbers given to messages.
    numbers: u32,
    /// Epoch of the present agent.
    pub agent_epoch: u32,
}

impl Model {
    pub fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }
}
