//! Both ends at work, each held against the model.

use std::{cell::RefCell, rc::Rc};

use tandem_link::{
    LinkError,
    master::LinkMaster,
    message::{FromPeer, ToPeer},
    peer::LinkPeer,
};

use crate::{
    GEOMETRY,
    common::Watched,
    model::{Model, Queue, Session},
};

/// What a side can do.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Send,
    Receive,
    /// The agent looks for a new epoch; the peer joins one.
    Poll,
    Restart,
}

pub trait End: 'static {
    fn act(&mut self, act: Act);
    /// The process, or core, is gone.
    fn die(&mut self);
    fn memory(&self) -> &Watched;
}

pub struct Agent {
    pub mem: Watched,
    pub link: Option<LinkMaster<Watched>>,
    pub model: Rc<RefCell<Model>>,
}

impl Agent {
    pub fn session(&self) -> Session {
        self.link.as_ref().map_or((0, 0), |link| (link.epoch(), link.peer_epoch()))
    }

    pub fn restart(&mut self) {
        self.link = None;
        let epoch = self.model.borrow().agent_epoch + 1;
        self.model.borrow_mut().agent_epoch = epoch;
        let link = LinkMaster::new(self.mem.clone(), GEOMETRY, &[], epoch);
        self.link = Some(link.expect("formats"));
    }

    fn send(&mut self) {
        let session = self.session();
        let Some(link) = &mut self.link else { return };
        let number = self.model.borrow_mut().number();
        let before = self.model.borrow().to_peer.get(&session).map_or(0, Queue::pending);
        let result = link.send(&ToPeer::Ping { sequence: number });
        if session.1 == 0 {
            return assert_eq!(result, Err(LinkError::NotLinked));
        }
        self.model.borrow_mut().to_peer.entry(session).or_default().tried(number, before, result);
    }

    fn receive(&mut self) {
        let session = self.session();
        let Some(link) = &mut self.link else { return };
        let sent = self.model.borrow().from_peer.get(&session).map_or(0, |queue| queue.sent.len());
        let message = link.receive();
        let mut model = self.model.borrow_mut();
        let queue = model.from_peer.entry(session).or_default();
        match message {
            None => assert!(queue.received >= sent || session.1 == 0, "a message was lost"),
            Some(Ok(FromPeer::Pong { sequence })) => queue.take(sequence),
            Some(other) => panic!("{other:?}"),
        }
    }
}

impl End for Agent {
    fn act(&mut self, act: Act) {
        match act {
            _ if self.link.is_none() => self.restart(),
            Act::Send => self.send(),
            Act::Receive => self.receive(),
            Act::Poll => {
                let change = self.link.as_mut().and_then(LinkMaster::poll_epoch);
                assert!(change.is_none_or(|change| change.current != change.previous));
            }
            Act::Restart => self.restart(),
        }
    }
    fn die(&mut self) {
        self.model.borrow_mut().from_peer.entry(self.session()).or_default().unsure = true;
        self.link = None;
    }
    fn memory(&self) -> &Watched {
        &self.mem
    }
}

pub struct Peer {
    pub mem: Watched,
    pub link: Option<LinkPeer<Watched>>,
    pub model: Rc<RefCell<Model>>,
}

impl Peer {
    pub fn session(&self) -> Session {
        self.link.as_ref().map_or((0, 0), |link| (link.agent_epoch(), link.epoch()))
    }

    fn restart(&mut self) {
        self.link = match LinkPeer::attach(self.mem.clone()) {
            Ok(link) => Some(link),
            Err(LinkError::NotReady) => None,
            Err(error) => panic!("{error}"),
        };
        if let Some(link) = &mut self.link {
            link.announce(0);
        }
    }

    fn send(&mut self) {
        let session = self.session();
        let Some(link) = &mut self.link else { return };
        let number = self.model.borrow_mut().number();
        let before = self.model.borrow().from_peer.get(&session).map_or(0, Queue::pending);
        match link.send(&FromPeer::Pong { sequence: number }) {
            Err(LinkError::NotLinked) => {}
            Err(LinkError::AgentRestarted) => self.restart(),
            result => {
                let mut model = self.model.borrow_mut();
                model.from_peer.entry(session).or_default().tried(number, before, result);
            }
        }
    }

    fn receive(&mut self) {
        let session = self.session();
        let Some(link) = &mut self.link else { return };
        let sent = self.model.borrow().to_peer.get(&session).map_or(0, |queue| queue.sent.len());
        let message = link.receive();
        let mut model = self.model.borrow_mut();
        let over = model.agent_epoch != session.0;
        let queue = model.to_peer.entry(session).or_default();
        match message {
            None => assert!(queue.received >= sent || over, "a message was lost"),
            Some(Ok(ToPeer::Ping { sequence })) => queue.take(sequence),
            Some(Err(LinkError::AgentRestarted)) => {
                assert!(over, "the agent is the same");
                drop(model);
                self.restart();
            }
            Some(other) => panic!("{other:?}"),
        }
    }
}

impl End for Peer {
    fn act(&mut self, act: Act) {
        match act {
            _ if self.link.is_none() => self.restart(),
            Act::Send => self.send(),
            Act::Receive => self.receive(),
            Act::Poll => {
                let _ = self.link.as_mut().is_some_and(LinkPeer::linked);
            }
            Act::Restart => self.restart(),
        }
    }
    fn die(&mut self) {
        self.model.borrow_mut().to_peer.entry(self.session()).or_default().unsure = true;
        self.link = None;
    }
    fn memory(&self) -> &Watched {
        &self.mem
    }
}
