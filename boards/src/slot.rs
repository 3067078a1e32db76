//! Payload slots: what the counts and sizes of a description come to.

use crate::schema::{Board, SlotPlan};
use std::fmt;

/// What a slot is for. The number is the `class` of the link's slot table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum SlotClass {
    /// A camera's frame; `pre` reads it.
    Frame = 0,
    /// The network's input; `pre` writes it, the engine reads it.
    Tensor = 1,
    /// The network's raw output; the engine writes it, `post` reads it.
    Heads = 2,
    /// Detections; `post` writes them, the agent reads them (a record, not a payload).
    Result = 3,
}

impl SlotClass {
    /// Every class, in the order in which they are cut from the pool.
    pub const ALL: [Self; 4] = [Self::Frame, Self::Tensor, Self::Heads, Self::Result];

    /// Name in the description.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Tensor => "tensor",
            Self::Heads => "heads",
            Self::Result => "result",
        }
    }

    /// The class with this number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|class| *class as u8 == code)
    }
}

impl fmt::Display for SlotClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One slot at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// What it is for.
    pub class: SlotClass,
    /// Bus address.
    pub addr: u32,
    /// Bytes.
    pub capacity: u32,
}

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
    pub fn resolve_slots(&self) -> Vec<Slot> {
        let mut addr = u64::from(self.regions.pool.base);
        let mut slots = Vec::new();
        for class in SlotClass::ALL {
            let plan = self.plan(class);
            for _ in 0..plan.count {
                slots.push(Slot { class, addr: addr as u32, capacity: plan.size });
                addr += u64::from(plan.size);
            }
        }
        slots
    }
}
