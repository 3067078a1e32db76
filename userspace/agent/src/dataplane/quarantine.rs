//! Slots that the peer still has for jobs that no longer wait for it.
//!
//! A hung or dead peer's DMA may write into such a slot at any time, so nobody gets it before the
//! peer returns it or a new epoch says that its DMA is stopped.

use tandem_link::slot::{Granted, SlotTable};
use tandem_link::{SharedMemory, SlotClass};

/// See the module. Never grows: it has room for every slot there is.
#[derive(Debug)]
pub struct Quarantine(Vec<(Granted, SlotClass)>);

impl Quarantine {
    /// Room for `slots` slots.
    pub fn with_capacity(slots: usize) -> Self {
        Self(Vec::with_capacity(slots))
    }

    /// Takes a slot in.
    pub fn push(&mut self, granted: Granted, class: SlotClass) {
        self.0.push((granted, class));
    }

    /// Nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Slots of a class.
    pub fn count(&self, class: SlotClass) -> usize {
        self.0.iter().filter(|(_, of)| *of == class).count()
    }

    /// Frees what was returned, or outlived its epoch. Returns how many frame slots came free.
    pub fn reclaim<M: SharedMemory>(&mut self, table: &SlotTable<M>) -> usize {
        let mut frames = 0;
        let mut i = 0;
        while i < self.0.len() {
            let (granted, class) = self.0.swap_remove(i);
            let back =
                table.reclaim_after_epoch(granted).or_else(|granted| granted.try_reclaim(table));
            match back {
                Ok(owned) => {
                    drop(owned);
                    frames += usize::from(class == SlotClass::Frame);
                }
                Err(granted) => {
                    // Back to where it was: `swap_remove` left the last one there.
                    self.0.push((granted, class));
                    let last = self.0.len() - 1;
                    self.0.swap(i, last);
                    i += 1;
                }
            }
        }
        frames
    }
}
