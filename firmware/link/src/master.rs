//! The agent's end of a link.

use tandem_model::{post::PostParams, pre::PreParams};

use crate::{
    error::LinkError,
    layout::{ENTRY_BYTES, FORMATTING, Geometry, LAYOUT_VERSION, MAGIC, agent, peer},
    memory::SharedMemory,
    message::{FromPeer, JobId, Nanos, PostJob, PreJob, SlotRef, ToPeer, Work},
    ring::{Consumer, Place, Producer},
    seqlock,
    slot::{Granted, Owned, SlotInit, SlotTable},
};

/// The peer began a new life, and the agent has accepted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochChange {
    /// Epoch that was accepted before; 0 if this is the first.
    pub previous: u32,
    /// Epoch from now on. Jobs of earlier ones will not be answered; their slots are reclaimed by
    /// [`SlotTable::reclaim_after_epoch`].
    pub current: u32,
}

/// A job that was not sent, with its slots.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub error: LinkError,
    /// The input slot.
    pub input: Owned,
    /// The output slot.
    pub output: Owned,
}

/// The agent's end. One thread sends and receives; [`SlotTable`] handles go anywhere.
#[derive(Debug)]
pub struct LinkMaster<M: SharedMemory + Clone> {
    mem: M,
    geometry: Geometry,
    epoch: u32,
    beat: u32,
    slots: SlotTable<M>,
    tx: Producer,
    /// Index at which the accepted peer epoch begins in the ring to the peer.
    tx_start: u32,
    /// Set while a peer epoch is accepted.
    rx: Option<Consumer>,
    /// Peer epoch that was accepted last; 0 if none was.
    accepted: u32,
}

/// Refuses what cannot be a link.
fn check<M: SharedMemory>(
    mem: &M,
    geometry: Geometry,
    slots: &[SlotInit],
    epoch: u32,
) -> Result<(), LinkError> {
    if !geometry.is_valid() {
        return Err(LinkError::Geometry("ring_entries or slots"));
    }
    if geometry.slots as usize != slots.len() {
        return Err(LinkError::Geometry("number of slots given"));
    }
    if mem.size() < geometry.bytes() {
        return Err(LinkError::TooSmall { have: mem.size(), need: geometry.bytes() });
    }
    if epoch == 0 || epoch == mem.load(agent::EPOCH) || epoch == mem.load(peer::SERVES) {
        return Err(LinkError::EpochReused(epoch));
    }
    Ok(())
}

impl<M: SharedMemory + Clone> LinkMaster<M> {
    /// Formats the block and begins a new life of the agent.
    ///
    /// `agent_epoch` is not 0 and was not used in this block since power-up ([`fresh_epoch`] makes
    /// one). If an earlier agent formatted the block, its peer may still have DMA under way: then
    /// no slot is handed out before the peer's next epoch (or [`LinkMaster::assume_quiesced`]).
    ///
    /// # Errors
    /// [`LinkError::Geometry`], [`LinkError::TooSmall`], [`LinkError::EpochReused`].
    pub fn new(
        mem: M,
        geometry: Geometry,
        slots: &[SlotInit],
        agent_epoch: u32,
    ) -> Result<Self, LinkError> {
        check(&mem, geometry, slots, agent_epoch)?;
        let used_before = [MAGIC, FORMATTING].contains(&mem.load(agent::MAGIC));
        // A peer that reads the words below, or an entry, meanwhile finds the epoch changed.
        mem.store(agent::EPOCH, 0);
        mem.store(agent::MAGIC, FORMATTING);
        mem.store(agent::ACCEPTED, 0);
        mem.store(agent::VERSION, LAYOUT_VERSION);
        mem.store(agent::RING_ENTRIES, geometry.ring_entries);
        mem.store(agent::ENTRY_BYTES, ENTRY_BYTES);
        mem.store(agent::SLOT_COUNT, geometry.slots);
        let slots = SlotTable::new(mem.clone(), slots, used_before);
        let to_peer = Place {
            head: agent::TO_PEER_HEAD,
            tail: peer::TO_PEER_TAIL,
            entries: geometry.to_peer(),
            count: geometry.ring_entries,
        };
        let tx = Producer::resume(&mem, to_peer);
        mem.store(agent::MAGIC, MAGIC);
        mem.store(agent::EPOCH, agent_epoch);
        let tx_start = tx.head();
        Ok(Self {
            mem,
            geometry,
            epoch: agent_epoch,
            beat: 0,
            slots,
            tx,
            tx_start,
            rx: None,
            accepted: 0,
        })
    }

    /// The slots. Clone the handle for other threads.
    pub fn slots(&self) -> &SlotTable<M> {
        &self.slots
    }

    /// Own epoch.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Peer epoch that was accepted last; 0 if none was.
    pub fn peer_epoch(&self) -> u32 {
        self.accepted
    }

    /// A peer epoch is accepted. Says nothing about whether that peer is still alive.
    pub fn is_linked(&self) -> bool {
        self.rx.is_some()
    }

    /// Counts the peer's beats of progress.
    pub fn peer_heartbeat(&self) -> u32 {
        self.mem.load(peer::HEARTBEAT)
    }

    /// Time of the peer's last beat; `None` if the peer died while writing it.
    pub fn peer_beat_at(&self) -> Option<Nanos> {
        seqlock::read(&self.mem, peer::BEAT_AT)
    }

    /// Says that the agent makes progress.
    pub fn heartbeat(&mut self) {
        self.beat = self.beat.wrapping_add(1);
        self.mem.store(agent::HEARTBEAT, self.beat);
    }

    /// Accepts a new peer epoch, if there is one for this agent. Cheap; to be called at each turn,
    /// before [`LinkMaster::receive`].
    pub fn poll_epoch(&mut self) -> Option<EpochChange> {
        let current = self.mem.load(peer::EPOCH);
        if current == 0 || current == self.accepted {
            return None;
        }
        let serves = self.mem.load(peer::SERVES);
        let start = self.mem.load(peer::FROM_PEER_START);
        // The words belong together only if no later life announced itself meanwhile.
        if serves != self.epoch || self.mem.load(peer::EPOCH) != current {
            return None;
        }
        self.slots.next_session();
        let from_peer = Place {
            head: peer::FROM_PEER_HEAD,
            tail: agent::FROM_PEER_TAIL,
            entries: self.geometry.from_peer(),
            count: self.geometry.ring_entries,
        };
        self.rx = Some(Consumer::start(&self.mem, from_peer, start));
        self.tx_start = self.tx.head();
        self.mem.store(agent::TO_PEER_START, self.tx_start);
        self.mem.store(agent::ACCEPTED, current);
        let previous = std::mem::replace(&mut self.accepted, current);
        Some(EpochChange { previous, current })
    }

    /// Ends the present peer epoch without a new one: every DMA of the peer is known to be stopped
    /// by other means (the programmable logic is in reset). All slots become reclaimable; the same
    /// peer epoch is never accepted again.
    pub fn assume_quiesced(&mut self) {
        self.mem.store(agent::ACCEPTED, 0);
        self.rx = None;
        self.slots.next_session();
    }

    /// Takes the next message of the accepted epoch.
    ///
    /// # Errors
    /// As [`Consumer::pop`]: count it and go on.
    pub fn receive(&mut self) -> Option<Result<FromPeer, LinkError>> {
        self.rx.as_mut()?.pop(&self.mem)
    }

    /// Consumer index of the ring to the peer. Until the peer has joined the epoch its index word
    /// is that of an earlier life.
    fn tx_tail(&self) -> u32 {
        let joined = self.mem.load(peer::SYNCED) == self.accepted;
        if joined { self.tx.tail(&self.mem) } else { self.tx_start }
    }

    /// Free entries towards the peer; 0 while not linked.
    pub fn free(&self) -> u32 {
        if self.is_linked() { self.tx.free(self.tx_tail()) } else { 0 }
    }

    /// Sends to the peer. The caller rings the doorbell.
    ///
    /// # Errors
    /// [`LinkError::NotLinked`], and as [`Producer::push`].
    pub fn send(&mut self, message: &ToPeer) -> Result<(), LinkError> {
        if self.rx.is_none() {
            return Err(LinkError::NotLinked);
        }
        let tail = self.tx_tail();
        self.tx.push(&self.mem, tail, message)
    }

    /// Grants the slots and sends a `pre` job; in the order given the tokens are frame and tensor.
    /// The caller rings the doorbell.
    ///
    /// # Errors
    /// [`Refused`] with the slots; nothing was granted.
    pub fn submit_pre(
        &mut self,
        id: JobId,
        deadline: Nanos,
        frame: Owned,
        tensor: Owned,
        params: PreParams,
    ) -> Result<(Granted, Granted), Refused> {
        self.submit(id, deadline, frame, tensor, |frame, tensor| {
            Work::Pre(PreJob { frame, tensor, params })
        })
    }

    /// Grants the slots and sends a `post` job; in the order given the tokens are heads and result.
    /// The caller rings the doorbell.
    ///
    /// # Errors
    /// [`Refused`] with the slots; nothing was granted.
    pub fn submit_post(
        &mut self,
        id: JobId,
        deadline: Nanos,
        heads: Owned,
        result: Owned,
        params: PostParams,
    ) -> Result<(Granted, Granted), Refused> {
        self.submit(id, deadline, heads, result, |heads, result| {
            Work::Post(PostJob { heads, result, params })
        })
    }

    fn submit(
        &mut self,
        id: JobId,
        deadline: Nanos,
        input: Owned,
        output: Owned,
        work: impl FnOnce(SlotRef, SlotRef) -> Work,
    ) -> Result<(Granted, Granted), Refused> {
        if self.rx.is_none() {
            return Err(Refused { error: LinkError::NotLinked, input, output });
        }
        let (input, output) = (self.slots.grant(input), self.slots.grant(output));
        let work = work(input.slot_ref(), output.slot_ref());
        match self.send(&ToPeer::Job { id, deadline, work }) {
            Ok(()) => Ok((input, output)),
            Err(error) => Err(Refused {
                error,
                input: self.slots.withdraw(input),
                output: self.slots.withdraw(output),
            }),
        }
    }
}

/// An agent epoch that the block has not seen: `seed` (a clock, say) unless that one was used last.
pub fn fresh_epoch<M: SharedMemory>(mem: &M, seed: u32) -> u32 {
    let used = [0, mem.load(agent::EPOCH), mem.load(peer::SERVES)];
    (0..=3).map(|step| seed.wrapping_add(step)).find(|epoch| !used.contains(epoch)).unwrap_or(1)
}
