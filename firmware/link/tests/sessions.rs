//! Messages under any interleaving, death and restart of both sides, against queues: what a session
//! sent arrives in it, in order, once, and nothing else does.

mod common;

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use common::Watched;
use proptest::prelude::*;
use tandem_link::{
    Geometry, LinkError, SharedMemory,
    layout::{agent, peer},
    master::LinkMaster,
    memory::HostMemory,
    message::{FromPeer, ToPeer},
    peer::LinkPeer,
};

const GEOMETRY: Geometry = Geometry { ring_entries: 4, slots: 0 };
const COUNT: usize = GEOMETRY.ring_entries as usize;

/// Agent epoch and peer epoch.
type Session = (u32, u32);

/// One direction of a session, as it should be.
#[derive(Default)]
struct Queue {
    sent: Vec<u32>,
    received: usize,
    /// The receiver died, or was interrupted, in an operation: it may have taken one more.
    unsure: bool,
}

impl Queue {
    fn pending(&self) -> usize {
        self.sent.len() - self.received
    }

    /// A message came.
    fn take(&mut self, number: u32) {
        assert_eq!(self.sent.get(self.received), Some(&number), "lost, twice, or out of order");
        self.received += 1;
    }

    /// What a try to send came to, with so many pending before it.
    fn tried(&mut self, number: u32, before: usize, result: Result<(), LinkError>) {
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
struct Model {
    to_peer: BTreeMap<Session, Queue>,
    from_peer: BTreeMap<Session, Queue>,
    /// Numbers given to messages.
    numbers: u32,
    /// Epoch of the present agent.
    agent_epoch: u32,
}

impl Model {
    fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }
}

/// What a side can do.
#[derive(Clone, Copy, Debug)]
enum Act {
    Send,
    Receive,
    /// The agent looks for a new epoch; the peer joins one.
    Poll,
    Restart,
}

trait End: 'static {
    fn act(&mut self, act: Act);
    /// The process, or core, is gone.
    fn die(&mut self);
    fn memory(&self) -> &Watched;
}

struct Agent {
    mem: Watched,
    link: Option<LinkMaster<Watched>>,
    model: Rc<RefCell<Model>>,
}

impl Agent {
    fn session(&self) -> Session {
        self.link.as_ref().map_or((0, 0), |link| (link.epoch(), link.peer_epoch()))
    }

    fn restart(&mut self) {
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

struct Peer {
    mem: Watched,
    link: Option<LinkPeer<Watched>>,
    model: Rc<RefCell<Model>>,
}

impl Peer {
    fn session(&self) -> Session {
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

/// One operation of a side, which may die in it. Any operation of a dead side brings it back.
fn run<E: End>(end: &Rc<RefCell<E>>, act: Act) {
    let mut side = end.borrow_mut();
    let plan = side.memory().plan.clone();
    if plan.run(|| side.act(act)).is_none() {
        side.die();
    }
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Agent(Act),
    Peer(Act),
    /// During the agent's next operation, before its access of this number, the peer acts.
    InAgent(u8, Act),
    InPeer(u8, Act),
    /// The agent dies instead of an access of its next operation.
    KillAgent(u8),
    KillPeer(u8),
}

struct World {
    agent: Rc<RefCell<Agent>>,
    peer: Rc<RefCell<Peer>>,
    model: Rc<RefCell<Model>>,
}

impl World {
    /// Noise, with the ring indices at `start`.
    fn new(start: u32) -> Self {
        let mem = HostMemory::filled(GEOMETRY.bytes(), |i| i.wrapping_mul(0x9E37_79B9));
        mem.store(agent::TO_PEER_HEAD, start);
        mem.store(peer::FROM_PEER_HEAD, start.wrapping_neg());
        let model = Rc::<RefCell<Model>>::default();
        let mut agent =
            Agent { mem: Watched::new(&mem), link: None, model: model.clone() };
        agent.restart();
        let peer = Peer { mem: Watched::new(&mem), link: None, model: model.clone() };
        Self { agent: Rc::new(agent.into()), peer: Rc::new(peer.into()), model }
    }

    fn run(&self, op: Op) {
        let plan = |mem: &Watched| mem.plan.clone();
        match op {
            Op::Agent(act) => run(&self.agent, act),
            Op::Peer(act) => run(&self.peer, act),
            Op::KillAgent(at) => plan(self.agent.borrow().memory()).kill(at.into()),
            Op::KillPeer(at) => plan(self.peer.borrow().memory()).kill(at.into()),
            Op::InAgent(at, act) => {
                let (peer, model) = (self.peer.clone(), self.model.clone());
                plan(self.agent.borrow().memory()).interrupt(at.into(), move || {
                    interrupted(&model);
                    plan(peer.borrow().memory()).no_interrupt();
                    run(&peer, act);
                });
            }
            Op::InPeer(at, act) => {
                let (agent, model) = (self.agent.clone(), self.model.clone());
                plan(self.peer.borrow().memory()).interrupt(at.into(), move || {
                    interrupted(&model);
                    plan(agent.borrow().memory()).no_interrupt();
                    run(&agent, act);
                });
            }
        }
    }

    /// A new life of both sides, in which both rings are filled and emptied.
    fn settle(&self) {
        self.agent.borrow().memory().plan.clear();
        self.peer.borrow().memory().plan.clear();
        run(&self.agent, Act::Restart);
        run(&self.peer, Act::Restart);
        run(&self.agent, Act::Poll);
        run(&self.peer, Act::Poll);
        for act in [Act::Send, Act::Receive] {
            for _ in 0..COUNT {
                run(&self.agent, act);
                run(&self.peer, act);
            }
        }
        let session = self.agent.borrow().session();
        assert_eq!(session, self.peer.borrow().session(), "they do not find each other");
        let model = self.model.borrow();
        for queue in [&model.to_peer[&session], &model.from_peer[&session]] {
            assert_eq!((queue.sent.len(), queue.received), (COUNT, COUNT));
        }
    }
}

/// Somebody is in the middle of an operation that the model has not seen the end of.
fn interrupted(model: &RefCell<Model>) {
    let mut model = model.borrow_mut();
    let Model { to_peer, from_peer, .. } = &mut *model;
    to_peer.values_mut().chain(from_peer.values_mut()).for_each(|queue| queue.unsure = true);
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => Just(Act::Send),
        8 => Just(Act::Receive),
        4 => Just(Act::Poll),
        1 => Just(Act::Restart),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => act().prop_map(Op::Agent),
        8 => act().prop_map(Op::Peer),
        3 => (0u8..16, act()).prop_map(|(at, act)| Op::InAgent(at, act)),
        3 => (0u8..16, act()).prop_map(|(at, act)| Op::InPeer(at, act)),
        1 => (0u8..16).prop_map(Op::KillAgent),
        1 => (0u8..16).prop_map(Op::KillPeer),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_a_session_sends_arrives_in_it_in_order_and_once(
        start in prop_oneof![any::<u32>(), u32::MAX - 8..=u32::MAX],
        ops in proptest::collection::vec(op(), 1..120),
    ) {
        let world = World::new(start);
        ops.into_iter().for_each(|op| world.run(op));
        world.settle();
    }
}

#[test]
fn a_peer_that_dies_in_its_announcement_to_the_next_agent_is_not_accepted() {
    for stores in 0..3 {
        let mem = HostMemory::new(GEOMETRY.bytes());
        let mut first = LinkMaster::new(mem.clone(), GEOMETRY, &[], 1).unwrap();
        let _ = LinkPeer::attach(mem.clone()).unwrap().announce(7);
        assert!(first.poll_epoch().is_some());
        let mut second = LinkMaster::new(mem.clone(), GEOMETRY, &[], 2).unwrap();
        let watched = Watched::new(&mem);
        let mut peer = LinkPeer::attach(watched.clone()).unwrap();
        watched.plan.kill(1 + stores); // its first access is a load
        assert_eq!(watched.plan.run(|| peer.announce(0)), None);
        assert_eq!(second.poll_epoch(), None, "after {stores} stores");
        LinkPeer::attach(mem).unwrap().announce(0);
        assert!(second.poll_epoch().is_some());
    }
}
