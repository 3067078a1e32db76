//! The peer of the slot tests.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use tandem_link::{
    LinkError,
    job::{JobHead, Rest},
    memory::HostMemory,
    message::{FromPeer, JobStatus, SlotRef, Stamps, ToPeer},
    peer::{LinkPeer, Received},
    ring,
};

use crate::common::{Plan, Watched};

/// The peer and the hardware that it drives. What the hardware touches outlives the peer.
pub struct PeerSide {
    mem: Watched,
    pub link: Option<LinkPeer<Watched>>,
    jobs: Vec<(u32, SlotRef, SlotRef)>,
    /// What follows the head of this life's first job: others are recognised by it.
    rest: Option<Rest>,
    hardware: Rc<RefCell<BTreeSet<u16>>>,
}

impl PeerSide {
    pub fn new(mem: &HostMemory, hardware: Rc<RefCell<BTreeSet<u16>>>) -> Self {
        Self { mem: Watched::new(mem), link: None, jobs: Vec::new(), rest: None, hardware }
    }

    pub fn plan(&self) -> Rc<Plan> {
        self.mem.plan.clone()
    }

    /// One operation, in which the core may die; the hardware goes on with what it was given.
    pub fn run(&mut self, operation: impl FnOnce(&mut Self)) {
        if self.plan().run(|| operation(self)).is_none() {
            self.link = None;
            self.jobs.clear();
        }
    }

    pub fn boot(&mut self) {
        self.link = None;
        self.jobs.clear();
        self.rest = None;
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

    pub fn turn(&mut self) {
        let Some(link) = &mut self.link else { return self.boot() };
        let known = self.rest;
        let taken = link.receive_job(|_, rest| known.filter(|known| rest.is(known)));
        let head = match taken {
            Some(Ok(Received::Job(head, _))) => head,
            Some(Ok(Received::Bytes(bytes))) => {
                assert!(matches!(ring::decode(bytes), Ok(ToPeer::Job { .. })), "a job");
                let (head, params) = JobHead::split(bytes).expect("a job");
                assert!(self.rest.is_none(), "all jobs have the same parameters");
                self.rest = Rest::of(params);
                head
            }
            Some(Err(LinkError::AgentRestarted)) => return self.boot(),
            Some(Err(error)) => panic!("{error}"),
            None => return,
        };
        let JobHead { id, input, output, .. } = head;
        match (link.slot(input), link.slot(output)) {
            (Ok(_), Ok(_)) => {
                for slot in [input.index, output.index] {
                    assert!(self.hardware.borrow_mut().insert(slot), "slot used twice");
                }
                self.jobs.push((id, input, output));
            }
            (Err(LinkError::AgentRestarted), _) | (_, Err(LinkError::AgentRestarted)) => {}
            other => panic!("a fresh job names a slot that is not granted: {other:?}"),
        }
    }

    pub fn finish(&mut self, pick: usize) {
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
