//! Slots that the agent granted to the peer.

use super::LinkPeer;
use crate::{error::LinkError, layout::slot, memory::SharedMemory, message::SlotRef};

/// A granted slot, as the peer may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotView {
    /// Bus address.
    pub addr: u32,
    /// Bytes.
    pub capacity: u32,
    /// [`crate::slot::SlotClass`] as a number.
    pub class: u32,
}

impl<M: SharedMemory> LinkPeer<M> {
    /// What is behind a slot that the agent granted.
    ///
    /// # Errors
    /// [`LinkError::NoSuchSlot`], [`LinkError::StaleSlot`], [`LinkError::AgentRestarted`].
    #[inline(always)]
    pub fn slot(&self, slot: SlotRef) -> Result<SlotView, LinkError> {
        let at = self.place(slot)?;
        let word = |field: u32| self.mem.load(at.wrapping_add(field));
        let view = SlotView {
            addr: word(slot::ADDR),
            capacity: word(slot::CAPACITY),
            class: word(slot::CLASS),
        };
        // Last: what was read belongs to this grant, unless the agent restarted meanwhile.
        self.held(at, slot)?;
        Ok(view)
    }

    /// Gives a slot back. To be called when nothing of this side touches it any more, and before
    /// the message that tells the agent.
    ///
    /// # Errors
    /// As [`LinkPeer::slot`].
    #[inline(always)]
    pub fn release(&mut self, slot: SlotRef) -> Result<(), LinkError> {
        let at = self.place(slot)?;
        self.held(at, slot)?;
        self.mem.store(slot::returned(slot.index), slot.generation);
        Ok(())
    }

    /// Offset of a slot's words.
    #[inline(always)]
    fn place(&self, SlotRef { index, .. }: SlotRef) -> Result<u32, LinkError> {
        if u32::from(index) < self.geometry.slots {
            Ok(slot::word(index, 0))
        } else {
            Err(LinkError::NoSuchSlot(index))
        }
    }

    /// The slot, whose words lie at `at`, is granted to this side, and was not given back.
    #[inline(always)]
    fn held(&self, at: u32, SlotRef { index, generation }: SlotRef) -> Result<(), LinkError> {
        let granted = self.mem.load(at.wrapping_add(slot::GRANT));
        let returned = self.mem.load(slot::returned(index));
        if self.agent_restarted() {
            return Err(LinkError::AgentRestarted);
        }
        if generation == 0 || granted != generation || returned == generation {
            return Err(LinkError::StaleSlot { index, generation });
        }
        Ok(())
    }
}
