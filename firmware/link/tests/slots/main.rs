//! Slots under any interleaving, death and restart: never lost, never given twice.
//!
//! The peer runs operation by operation between the agent's; besides, every shared-memory access
//! of the peer is a point at which the agent may act, and every access of either side one at which
//! it may die (by unwinding).

mod agent;
#[path = "../common/mod.rs"]
mod common;
mod peer;

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use agent::AgentSide;
use peer::PeerSide;
use proptest::prelude::*;
use tandem_link::{Geometry, LinkError, SlotClass, SlotInit, memory::HostMemory, message::SlotRef};
use tandem_model::pre::{Frame, Layout, PreParams};

const GEOMETRY: Geometry = Geometry { ring_entries: 4, slots: 5 };

fn slots() -> Vec<SlotInit> {
    (0..GEOMETRY.slots)
        .map(|i| SlotInit {
            class: if i < 2 { SlotClass::Frame } else { SlotClass::Tensor },
            addr: 0x1000 * i,
            capacity: 0x1000,
        })
        .collect()
}

fn params() -> PreParams {
    let frame = Frame::rgb8(8, 8);
    PreParams::letterbox(frame, frame.full(), 8, 8, [0; 3], Layout::Planar).expect("good")
}

/// What one side does next.
#[derive(Clone, Copy, Debug)]
enum Op {
    Submit,
    TakeAndDrop,
    Receive,
    ReclaimAny(u8),
    /// The agent gives up on a job: it keeps, or even drops, the right to reclaim.
    Forget(u8),
    PollEpoch,
    RestartAgent,
    PeerTurn,
    PeerFinish(u8),
    /// The peer dies, and a new life begins.
    PeerRestart,
    /// During the peer's next operation, at its access of this number, the agent does one thing.
    Interrupt(u8, u8),
    /// During the peer's next operation the peer dies at its access of this number.
    Kill(u8),
    /// During its next operation the agent dies at its access of this number.
    KillAgent(u8),
}

struct World {
    agent: Rc<RefCell<AgentSide>>,
    peer: PeerSide,
}

impl World {
    fn new() -> Self {
        let mem = HostMemory::filled(GEOMETRY.bytes(), |i| i.wrapping_mul(0x9E37_79B9));
        let hardware = Rc::new(RefCell::new(BTreeSet::new()));
        let agent = Rc::new(RefCell::new(AgentSide::new(&mem, hardware.clone())));
        Self { agent, peer: PeerSide::new(&mem, hardware) }
    }

    fn run(&mut self, op: Op) {
        let agent = |operation: &dyn Fn(&mut AgentSide)| self.agent.borrow_mut().run(operation);
        match op {
            Op::Submit => agent(&AgentSide::submit),
            Op::TakeAndDrop => agent(&AgentSide::take_and_drop),
            Op::Receive => agent(&AgentSide::receive),
            Op::ReclaimAny(pick) => agent(&|agent| agent.reclaim(pick.into())),
            Op::Forget(pick) => agent(&|agent| agent.forget(pick.into())),
            Op::PollEpoch => agent(&AgentSide::poll_epoch),
            Op::RestartAgent => agent(&AgentSide::restart),
            Op::PeerTurn => self.peer.run(PeerSide::turn),
            Op::PeerFinish(pick) => self.peer.run(|peer| peer.finish(pick.into())),
            Op::PeerRestart => self.peer.run(PeerSide::boot),
            Op::Interrupt(at, what) => {
                let agent = self.agent.clone();
                let act = move || agent.borrow_mut().run(|agent| agent.act(what));
                self.peer.plan().interrupt(at.into(), act);
            }
            Op::Kill(at) => self.peer.plan().kill(at.into()),
            Op::KillAgent(at) => self.agent.borrow().plan().kill(at.into()),
        }
    }

    /// One more life of the peer, and every slot is back.
    fn settle(&mut self) {
        self.peer.plan().clear();
        self.peer.run(PeerSide::boot);
        let mut agent = self.agent.borrow_mut();
        agent.plan().clear();
        agent.poll_epoch();
        agent.take_and_drop();
        for class in [SlotClass::Frame, SlotClass::Tensor] {
            let table = agent.link().slots();
            assert_eq!(table.free(class), table.total(class), "{class:?} slots were lost");
        }
    }
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => Just(Op::Submit),
        2 => Just(Op::TakeAndDrop),
        4 => Just(Op::Receive),
        1 => any::<u8>().prop_map(Op::ReclaimAny),
        1 => any::<u8>().prop_map(Op::Forget),
        3 => Just(Op::PollEpoch),
        1 => Just(Op::RestartAgent),
        6 => Just(Op::PeerTurn),
        4 => any::<u8>().prop_map(Op::PeerFinish),
        1 => Just(Op::PeerRestart),
        3 => (0u8..24, any::<u8>()).prop_map(|(at, what)| Op::Interrupt(at, what)),
        1 => (0u8..40).prop_map(Op::Kill),
        1 => (0u8..40).prop_map(Op::KillAgent),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn never_lost_never_given_twice(ops in proptest::collection::vec(op(), 1..80)) {
        let mut world = World::new();
        ops.into_iter().for_each(|op| world.run(op));
        world.settle();
    }
}

#[test]
fn a_dropped_grant_comes_back_when_the_peer_returns_it() {
    let mut world = World::new();
    world.peer.run(PeerSide::boot);
    world.agent.borrow_mut().poll_epoch();
    world.agent.borrow_mut().submit();
    world.agent.borrow_mut().open.clear();
    world.peer.run(PeerSide::turn);
    let free = |world: &World| world.agent.borrow_mut().link().slots().free(SlotClass::Frame);
    assert_eq!(free(&world), 1);
    world.peer.run(|peer| peer.finish(0));
    assert_eq!(free(&world), 2);
}

#[test]
fn the_peer_refuses_stale_and_unknown_slots() {
    let mut world = World::new();
    world.peer.run(PeerSide::boot);
    world.agent.borrow_mut().poll_epoch();
    let table = world.agent.borrow_mut().link().slots().clone();
    let granted = table.grant(table.take(SlotClass::Frame).expect("free"));
    let slot = granted.slot_ref();
    let link = world.peer.link.as_mut().expect("booted");
    assert_eq!(link.slot(slot).map(|view| view.capacity), Ok(0x1000));
    for (index, generation) in [(slot.index, 0), (slot.index, 99), (1, slot.generation)] {
        let stale = SlotRef { index, generation };
        assert_eq!(link.slot(stale), Err(LinkError::StaleSlot { index, generation }));
    }
    let beyond = SlotRef { index: 5, generation: 1 };
    assert_eq!(link.slot(beyond), Err(LinkError::NoSuchSlot(5)));
    link.release(slot).expect("granted");
    assert!(link.release(slot).is_err(), "a slot is returned once");
    let owned = granted.try_reclaim(&table).expect("returned");
    assert!(link.slot(slot).is_err(), "it is the agent's again");
    let again = table.grant(owned);
    assert_ne!(again.slot_ref().generation, slot.generation);
}
