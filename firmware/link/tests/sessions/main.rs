//! Messages under any interleaving, death and restart of both sides, against queues: what a session
//! sent arrives in it, in order, once, and nothing else does.

#[path = "../common/mod.rs"]
mod common;
mod ends;
mod model;

use std::{cell::RefCell, rc::Rc};

use common::Watched;
use ends::{Act, Agent, End, Peer};
use model::Model;
use proptest::prelude::*;
use tandem_link::{
    Geometry, SharedMemory,
    layout::{agent, peer},
    master::LinkMaster,
    memory::HostMemory,
    peer::LinkPeer,
};

const GEOMETRY: Geometry = Geometry { ring_entries: 4, slots: 0 };
const COUNT: usize = GEOMETRY.ring_entries as usize;

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
        let mut agent = Agent { mem: Watched::new(&mem), link: None, model: model.clone() };
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
