//! The peer of the slot tests.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use tandem_link::{
    LinkError,
    memory::HostMemory,
    message::{FromPeer, JobStatus, SlotRef, Stamps, ToPeer, Work},
    peer::LinkPeer,
};

use crate::common::{Plan, Watched};

/// The peer and the hardware that it drives. What the hardware touches outlives the peer.
pub struct PeerSide {
    mem: Watched,
    pub link: Option<LinkPeer<Watched>>,
    jobs: Vec<(u32, SlotRef, SlotRef)>,
    hardware: Rc<RefCell<BTreeSet<u16>>>,
}

impl PeerSide {
    pub fn new(mem: &HostMemory, hardware: Rc<RefCell<BTreeSet<u16>>>) -> Self {
        Self { mem: Watched::new(mem), link: None, jobs: Vec::new(), hardware }
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
