//! Payload slots: what the counts and sizes of a description come to.

use crate::schema::{Board, SlotPlan};
use tandem_link::{SlotClass, SlotInit};

impl Board {
    /// Count and size of one class.
    #[must_use]
    pub fn plan(&self, class: SlotClass) -> SlotPlan {
        match class {
            SlotClass::Frame => self.slots.frame,
            SlotClass::Tensor => self.slots.tensor,
            SlotClass::Heads => self.slots.heads,
            SlotClass::Result => self.slots.result,
        }
    }

    /// Every slot, packed from the start of the pool in the order of [`SlotClass::ALL`]; the
    /// position in the list is the slot's index in the link's table.
    ///
    /// The checks at load make the sums safe: all slots fit the pool, which fits 32 bits.
    #[must_use]
    pub fn resolve_slots(&self) -> Vec<SlotInit> {
        let mut addr = u64::from(self.regions.pool.base);
        let mut slots = Vec::new();
        for class in SlotClass::ALL {
            let plan = self.plan(class);
            for _ in 0..plan.count {
                slots.push(SlotInit { class, addr: addr as u32, capacity: plan.size });
                addr += u64::from(plan.size);
            }
        }
        slots
    }
}
