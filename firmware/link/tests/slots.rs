//! Slots under any interleaving, death and restart: never lost, never given twice.
//!
//! The peer runs operation by operation between the agent's; besides, every shared-memory access
//! of the peer is a point at which the agent may act, or the peer may die (by unwinding).

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
};

use proptest::prelude::*;
use tandem_link::{
    Geometry, LinkError, SharedMemory, SlotClass, SlotInit,
    master::LinkMaster,
    memory::HostMemory,
    message::{FromPeer, JobStatus, SlotRef, Stamps, ToPeer, Work},
    peer::LinkPeer,
    slot::{Granted, Owned},
};
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
}

/// The peer's memory: each access is counted, and may run something or end the peer's life.
#[derive(Clone)]
struct Watched {
    mem: HostMemory,
    plan: Rc<Plan>,
}

#[derive(Default)]
struct Plan {
    access: Cell<u32>,
    kill_at: Cell<Option<u32>>,
    interrupt: Cell<Option<(u32, u8)>>,
    agent: RefCell<Option<Rc<RefCell<AgentSide>>>>,
}

struct Died;

impl Watched {
    fn step(&self) {
        let n = self.plan.access.replace(self.plan.access.get() + 1);
        if self.plan.kill_at.get() == Some(n) {
            resume_unwind(Box::new(Died));
        }
        if let Some((at, what)) = self.plan.interrupt.get()
            && at == n
        {
            self.plan.interrupt.set(None);
            let agent = self.plan.agent.borrow().clone().expect("agent is set");
            agent.borrow_mut().act(what);
        }
    }
}

impl SharedMemory for Watched {
    fn size(&self) -> u32 {
        self.mem.size()
    }
    fn load(&self, offset: u32) -> u32 {
        self.step();
        self.mem.load(offset)
    }
    fn store(&self, offset: u32, value: u32) {
        self.step();
        self.mem.store(offset, value);
    }
}

struct AgentSide {
    mem: HostMemory,
    master: LinkMaster<HostMemory>,
    epoch: u32,
    next_id: u32,
    /// Jobs of the accepted peer epoch that are not answered.
    open: BTreeMap<u32, (Granted, Granted)>,
    /// Jobs that the agent gave up on.
    forgotten: BTreeSet<u32>,
    /// Grants of such jobs.
    loose: Vec<Granted>,
    /// Slots that the hardware may touch.
    hardware: Rc<RefCell<BTreeSet<u16>>>,
}

impl AgentSide {
    fn check_free(&self, owned: &Owned) {
        let touched = self.hardware.borrow().contains(&owned.index());
        assert!(!touched, "slot {} is owned while the hardware uses it", owned.index());
    }

    fn act(&mut self, what: u8) {
        match what % 7 {
            0 => self.submit(),
            1 => self.take_and_drop(),
            2 => self.receive(),
            3 => self.reclaim(usize::from(what / 7)),
            4 => self.poll_epoch(),
            5 => self.forget(usize::from(what / 7)),
            _ => self.restart(),
        }
    }

    fn submit(&mut self) {
        let table = self.master.slots().clone();
        let Some(frame) = table.take(SlotClass::Frame) else { return };
        let Some(tensor) = table.take(SlotClass::Tensor) else { return };
        self.check_free(&frame);
        self.check_free(&tensor);
        let id = self.next_id;
        self.next_id += 1;
        match self.master.submit_pre(id, 0, frame, tensor, params()) {
            Ok(pair) => assert!(self.open.insert(id, pair).is_none()),
            Err(refused) => {
                assert!(matches!(refused.error, LinkError::Full | LinkError::NotLinked));
                self.check_free(&refused.input);
                self.check_free(&refused.output);
            }
        }
    }

    fn take_and_drop(&self) {
        for class in [SlotClass::Frame, SlotClass::Tensor] {
            let held: Vec<_> = std::iter::from_fn(|| self.master.slots().take(class)).collect();
            let indices: BTreeSet<_> = held.iter().map(Owned::index).collect();
            assert_eq!(indices.len(), held.len(), "a slot was given twice");
            held.iter().for_each(|owned| self.check_free(owned));
        }
    }

    fn receive(&mut self) {
        if let Some(message) = self.master.receive() {
            let FromPeer::Done { id, .. } = message.expect("the ring is whole") else {
                panic!("the peer only says Done")
            };
            if self.forgotten.remove(&id) {
                return;
            }
            let (frame, tensor) = self.open.remove(&id).expect("answered once, in its own epoch");
            for granted in [frame, tensor] {
                let owned = granted.try_reclaim(self.master.slots()).expect("returned before Done");
                self.check_free(&owned);
            }
        }
    }

    fn reclaim(&mut self, pick: usize) {
        if !self.loose.is_empty() {
            let granted = self.loose.swap_remove(pick % self.loose.len());
            match granted.try_reclaim(self.master.slots()) {
                Ok(owned) => self.check_free(&owned),
                Err(granted) => self.loose.push(granted),
            }
        }
    }

    fn forget(&mut self, pick: usize) {
        if let Some((id, (frame, tensor))) = self.open.pop_first() {
            self.forgotten.insert(id);
            self.loose.extend([frame, tensor]);
        }
        if !self.loose.is_empty() && pick.is_multiple_of(2) {
            self.loose.swap_remove(pick % self.loose.len());
        }
    }

    fn poll_epoch(&mut self) {
        if self.master.poll_epoch().is_some() {
            let table = self.master.slots().clone();
            self.forgotten.clear();
            let open = std::mem::take(&mut self.open).into_values().flat_map(|(a, b)| [a, b]);
            for granted in open.chain(self.loose.drain(..)).collect::<Vec<_>>() {
                let owned = table.reclaim_after_epoch(granted).expect("an earlier life's");
                self.check_free(&owned);
            }
        }
    }

    fn restart(&mut self) {
        self.epoch += 1;
        self.open.clear();
        self.forgotten.clear();
        self.loose.clear();
        self.master =
            LinkMaster::new(self.mem.clone(), GEOMETRY, &slots(), self.epoch).expect("formats");
    }
}

/// The peer and the hardware that it drives. What the hardware touches outlives the peer.
struct PeerSide {
    mem: Watched,
    link: Option<LinkPeer<Watched>>,
    jobs: Vec<(u32, SlotRef, SlotRef)>,
    hardware: Rc<RefCell<BTreeSet<u16>>>,
}

impl PeerSide {
    fn boot(&mut self) {
        self.link = None;
        self.jobs.clear();
        self.hardware.borrow_mut().clear(); // DMA reset
        let mut link = match LinkPeer::attach(self.mem.clone()) {
            Ok(link) => link,
            // Another agent took over meanwhile: the next turn tries again.
            Err(LinkError::NotReady) => return,
            Err(error) => panic!("{error}"),
        };
        link.announce(0);
        self.link = Some(link);
    }

    fn turn(&mut self) {
        let Some(link) = &mut self.link else { return self.boot() };
        match link.receive() {
            Some(Err(LinkError::AgentRestarted)) => self.boot(),
            Some(Ok(ToPeer::Job { id, work: Work::Pre(job), .. })) => {
                let views = (link.slot(job.frame), link.slot(job.tensor));
                match views {
                    (Ok(_), Ok(_)) => {
                        for slot in [job.frame.index, job.tensor.index] {
                            assert!(self.hardware.borrow_mut().insert(slot), "slot used twice");
                        }
                        self.jobs.push((id, job.frame, job.tensor));
                    }
                    (Err(LinkError::AgentRestarted), _) | (_, Err(LinkError::AgentRestarted)) => {}
                    other => panic!("a fresh job names a slot that is not granted: {other:?}"),
                }
            }
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    }

    fn finish(&mut self, pick: usize) {
        let Some(link) = &mut self.link else { return };
        if self.jobs.is_empty() || link.free() == 0 {
            return;
        }
        let (id, frame, tensor) = self.jobs.remove(pick % self.jobs.len());
        for slot in [frame, tensor] {
            self.hardware.borrow_mut().remove(&slot.index);
            match link.release(slot) {
                Ok(()) | Err(LinkError::AgentRestarted) => {}
                Err(error) => panic!("{error}"),
            }
        }
        let (status, stamps) = (JobStatus::Ok, Stamps::default());
        match link.send(&FromPeer::Done { id, status, stamps, written: 0 }) {
            Ok(()) | Err(LinkError::AgentRestarted) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

struct World {
    agent: Rc<RefCell<AgentSide>>,
    peer: PeerSide,
    plan: Rc<Plan>,
}

impl World {
    fn new() -> Self {
        let mem = HostMemory::filled(GEOMETRY.bytes(), |i| i.wrapping_mul(0x9E37_79B9));
        let hardware = Rc::new(RefCell::new(BTreeSet::new()));
        let master = LinkMaster::new(mem.clone(), GEOMETRY, &slots(), 1).expect("formats");
        let agent = AgentSide {
            mem: mem.clone(),
            master,
            epoch: 1,
            next_id: 0,
            open: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            loose: Vec::new(),
            hardware: hardware.clone(),
        };
        let agent = Rc::new(RefCell::new(agent));
        let plan = Rc::new(Plan::default());
        *plan.agent.borrow_mut() = Some(agent.clone());
        let mem = Watched { mem, plan: plan.clone() };
        Self { agent, peer: PeerSide { mem, link: None, jobs: Vec::new(), hardware }, plan }
    }

    /// One operation of the peer, which may die in it.
    fn peer(&mut self, op: impl FnOnce(&mut PeerSide)) {
        self.plan.access.set(0);
        if let Err(cause) = catch_unwind(AssertUnwindSafe(|| op(&mut self.peer))) {
            if !cause.is::<Died>() {
                resume_unwind(cause);
            }
            // The core is dead; the hardware goes on with what it was given.
            self.peer.link = None;
            self.peer.jobs.clear();
        }
        self.plan.kill_at.set(None);
        self.plan.interrupt.set(None);
    }

    fn run(&mut self, op: Op) {
        match op {
            Op::Submit => self.agent.borrow_mut().submit(),
            Op::TakeAndDrop => self.agent.borrow().take_and_drop(),
            Op::Receive => self.agent.borrow_mut().receive(),
            Op::ReclaimAny(pick) => self.agent.borrow_mut().reclaim(pick.into()),
            Op::Forget(pick) => self.agent.borrow_mut().forget(pick.into()),
            Op::PollEpoch => self.agent.borrow_mut().poll_epoch(),
            Op::RestartAgent => self.agent.borrow_mut().restart(),
            Op::PeerTurn => self.peer(PeerSide::turn),
            Op::PeerFinish(pick) => self.peer(|peer| peer.finish(pick.into())),
            Op::PeerRestart => self.peer(PeerSide::boot),
            Op::Interrupt(at, what) => self.plan.interrupt.set(Some((at.into(), what))),
            Op::Kill(at) => self.plan.kill_at.set(Some(at.into())),
        }
    }

    /// One more life of the peer, and every slot is back.
    fn settle(&mut self) {
        self.plan.kill_at.set(None);
        self.plan.interrupt.set(None);
        self.peer(PeerSide::boot);
        let mut agent = self.agent.borrow_mut();
        agent.poll_epoch();
        agent.take_and_drop();
        for class in [SlotClass::Frame, SlotClass::Tensor] {
            let table = agent.master.slots();
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
    world.peer(PeerSide::boot);
    world.agent.borrow_mut().poll_epoch();
    world.agent.borrow_mut().submit();
    world.agent.borrow_mut().open.clear();
    world.peer(PeerSide::turn);
    let free = |world: &World| world.agent.borrow().master.slots().free(SlotClass::Frame);
    assert_eq!(free(&world), 1);
    world.peer(|peer| peer.finish(0));
    assert_eq!(free(&world), 2);
}

#[test]
fn the_peer_refuses_stale_and_unknown_slots() {
    let mut world = World::new();
    world.peer(PeerSide::boot);
    world.agent.borrow_mut().poll_epoch();
    let table = world.agent.borrow().master.slots().clone();
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
