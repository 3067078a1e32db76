//! The agent of the slot tests.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use tandem_link::{
    LinkError, SlotClass,
    master::LinkMaster,
    memory::HostMemory,
    message::FromPeer,
    slot::{Granted, Owned},
};

use crate::{
    GEOMETRY,
    common::{Plan, Watched},
    params, slots,
};

/// The agent's end; it may die at any access, and the next one comes.
pub struct AgentSide {
    mem: Watched,
    /// None while it is dead.
    master: Option<LinkMaster<Watched>>,
    epoch: u32,
    next_id: u32,
    /// Jobs of the accepted peer epoch that are not answered.
    pub open: BTreeMap<u32, (Granted, Granted)>,
    /// Jobs that the agent gave up on.
    forgotten: BTreeSet<u32>,
    /// Grants of such jobs.
    loose: Vec<Granted>,
    /// Slots that the hardware may touch.
    hardware: Rc<RefCell<BTreeSet<u16>>>,
}

impl AgentSide {
    /// A formatted block.
    pub fn new(mem: &HostMemory, hardware: Rc<RefCell<BTreeSet<u16>>>) -> Self {
        let mut agent = Self {
            mem: Watched::new(mem),
            master: None,
            epoch: 0,
            next_id: 0,
            open: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            loose: Vec::new(),
            hardware,
        };
        agent.restart();
        agent
    }

    /// Its link; it is alive.
    pub fn link(&mut self) -> &mut LinkMaster<Watched> {
        self.master.as_mut().expect("alive")
    }

    pub fn plan(&self) -> Rc<Plan> {
        self.mem.plan.clone()
    }

    /// One operation, in which the process may die; then the next one starts.
    pub fn run(&mut self, operation: impl FnOnce(&mut Self)) {
        if self.plan().run(|| operation(self)).is_none() {
            self.restart();
        }
    }

    fn check_free(&self, owned: &Owned) {
        let touched = self.hardware.borrow().contains(&owned.index());
        assert!(!touched, "slot {} is owned while the hardware uses it", owned.index());
    }

    pub fn act(&mut self, what: u8) {
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

    pub fn submit(&mut self) {
        let table = self.link().slots().clone();
        let Some(frame) = table.take(SlotClass::Frame) else { return };
        let Some(tensor) = table.take(SlotClass::Tensor) else { return };
        self.check_free(&frame);
        self.check_free(&tensor);
        let id = self.next_id;
        self.next_id += 1;
        match self.link().submit_pre(id, 0, frame, tensor, params()) {
            Ok(pair) => assert!(self.open.insert(id, pair).is_none()),
            Err(refused) => {
                assert!(matches!(refused.error, LinkError::Full | LinkError::NotLinked));
                self.check_free(&refused.input);
                self.check_free(&refused.output);
            }
        }
    }

    pub fn take_and_drop(&mut self) {
        let table = self.link().slots().clone();
        for class in [SlotClass::Frame, SlotClass::Tensor] {
            let held: Vec<_> = std::iter::from_fn(|| table.take(class)).collect();
            let indices: BTreeSet<_> = held.iter().map(Owned::index).collect();
            assert_eq!(indices.len(), held.len(), "a slot was given twice");
            held.iter().for_each(|owned| self.check_free(owned));
        }
    }

    pub fn receive(&mut self) {
        if let Some(message) = self.link().receive() {
            let FromPeer::Done { id, .. } = message.expect("the ring is whole") else {
                panic!("the peer only says Done")
            };
            if self.forgotten.remove(&id) {
                return;
            }
            let (frame, tensor) = self.open.remove(&id).expect("answered once, in its own epoch");
            for granted in [frame, tensor] {
                let owned = granted.try_reclaim(self.link().slots()).expect("returned before Done");
                self.check_free(&owned);
            }
        }
    }

    pub fn reclaim(&mut self, pick: usize) {
        if !self.loose.is_empty() {
            let granted = self.loose.swap_remove(pick % self.loose.len());
            match granted.try_reclaim(self.link().slots()) {
                Ok(owned) => self.check_free(&owned),
                Err(granted) => self.loose.push(granted),
            }
        }
    }

    pub fn forget(&mut self, pick: usize) {
        if let Some((id, (frame, tensor))) = self.open.pop_first() {
            self.forgotten.insert(id);
            self.loose.extend([frame, tensor]);
        }
        if !self.loose.is_empty() && pick.is_multiple_of(2) {
            self.loose.swap_remove(pick % self.loose.len());
        }
    }

    pub fn poll_epoch(&mut self) {
        if self.link().poll_epoch().is_some() {
            let table = self.link().slots().clone();
            self.forgotten.clear();
            let open = std::mem::take(&mut self.open).into_values().flat_map(|(a, b)| [a, b]);
            for granted in open.chain(self.loose.drain(..)).collect::<Vec<_>>() {
                let owned = table.reclaim_after_epoch(granted).expect("an earlier life's");
                self.check_free(&owned);
            }
        }
    }

    pub fn restart(&mut self) {
        self.epoch += 1;
        self.open.clear();
        self.forgotten.clear();
        self.loose.clear();
        self.master = None;
        let master = LinkMaster::new(self.mem.clone(), GEOMETRY, &slots(), self.epoch);
        self.master = Some(master.expect("formats"));
    }
}
