//! The peer's end of a link: the R5F, or a worker.

mod slots;

use crate::{
    error::LinkError,
    job::{DONE_BYTES, Incoming, JobHead, encode_done},
    layout::{self, ENTRY_BYTES, Geometry, LAYOUT_VERSION, MAGIC, agent, peer},
    memory::SharedMemory,
    message::{FromPeer, JobId, JobStatus, Nanos, Stamps, ToPeer},
    ring::{self, Consumer, Entry, Place, Producer},
    seqlock,
};

pub use slots::SlotView;

/// A message that was taken from the ring.
#[derive(Debug)]
pub enum Received<'a, T> {
    /// A job that was recognised, and as what.
    Job(JobHead, T),
    /// Any other, as its bytes, which nobody has looked at. They are a copy.
    Bytes(&'a [u8]),
}

/// The peer's end. One per life of the peer; see README.md for the handshake.
#[derive(Debug)]
pub struct LinkPeer<M: SharedMemory> {
    mem: M,
    geometry: Geometry,
    /// Agent epoch that was read at attach.
    serves: u32,
    /// Own epoch; 0 before the announcement.
    epoch: u32,
    beat: u32,
    tx: Producer,
    /// Set when the agent has accepted the epoch.
    rx: Option<Consumer>,
    /// The message that was copied last.
    entry: Entry,
}

/// The layout words, read while the agent epoch stood still around them.
fn read_geometry<M: SharedMemory>(mem: &M) -> Result<(u32, Geometry), LinkError> {
    if mem.size() < layout::RINGS {
        return Err(LinkError::TooSmall { have: mem.size(), need: layout::RINGS });
    }
    let epoch = mem.load(agent::EPOCH);
    if epoch == 0 || mem.load(agent::MAGIC) != MAGIC {
        return Err(LinkError::NotReady);
    }
    let words = [
        ("version", mem.load(agent::VERSION), LAYOUT_VERSION),
        ("entry bytes", mem.load(agent::ENTRY_BYTES), ENTRY_BYTES),
    ];
    let geometry = Geometry {
        ring_entries: mem.load(agent::RING_ENTRIES),
        slots: mem.load(agent::SLOT_COUNT),
    };
    if mem.load(agent::EPOCH) != epoch {
        return Err(LinkError::NotReady);
    }
    for (field, have, want) in words {
        if have != want {
            return Err(LinkError::Layout { field, have, want });
        }
    }
    if !geometry.is_valid() {
        return Err(LinkError::Geometry("ring entries or slot count in the block"));
    }
    if mem.size() < geometry.bytes() {
        return Err(LinkError::TooSmall { have: mem.size(), need: geometry.bytes() });
    }
    Ok((epoch, geometry))
}

impl<M: SharedMemory> LinkPeer<M> {
    /// Reads the formatted block. Nothing is written before [`LinkPeer::announce`].
    ///
    /// # Errors
    /// [`LinkError::NotReady`] while the agent has not formatted the block: try again. Every other
    /// error is lasting until the agent restarts.
    pub fn attach(mem: M) -> Result<Self, LinkError> {
        let (serves, geometry) = read_geometry(&mem)?;
        let place = Place {
            head: peer::FROM_PEER_HEAD,
            tail: agent::FROM_PEER_TAIL,
            entries: geometry.from_peer(),
            count: geometry.ring_entries,
        };
        let tx = Producer::resume(&mem, place);
        Ok(Self { mem, geometry, serves, epoch: 0, beat: 0, tx, rx: None, entry: Entry::EMPTY })
    }

    /// Begins a new life: from here on nothing of an earlier one is seen or answered.
    ///
    /// To be called when every DMA of an earlier life has been stopped: the agent takes back all
    /// slots when it sees the new epoch. Epochs only count up (wrapping, never 0): the epoch is
    /// `proposal` if that is ahead of the one in the block, else the one in the block plus one.
    /// Returns the epoch in use. A second call begins yet another life.
    pub fn announce(&mut self, proposal: u32) -> u32 {
        let last = self.mem.load(peer::EPOCH);
        let ahead = proposal != 0 && proposal.wrapping_sub(last) as i32 > 0;
        let epoch = if ahead { proposal } else { last.wrapping_add(1).max(1) };
        self.rx = None;
        self.mem.store(peer::FROM_PEER_START, self.tx.head());
        self.mem.store(peer::EPOCH, epoch);
        // Last: a new agent that saw it before the epoch would accept the life that is over.
        self.mem.store(peer::SERVES, self.serves);
        self.epoch = epoch;
        epoch
    }

    /// Own epoch; 0 before the announcement.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Agent epoch that this life serves.
    pub fn agent_epoch(&self) -> u32 {
        self.serves
    }

    /// The agent has another epoch than at attach: this life is over.
    #[inline(always)]
    pub fn agent_restarted(&self) -> bool {
        self.mem.load(agent::EPOCH) != self.serves
    }

    /// Joins the epoch if the agent has accepted it. True once joined.
    #[inline(always)]
    pub fn linked(&mut self) -> bool {
        self.rx.is_some() || self.join()
    }

    #[inline(never)]
    fn join(&mut self) -> bool {
        if self.epoch != 0 && self.mem.load(agent::ACCEPTED) == self.epoch {
            let place = Place {
                head: agent::TO_PEER_HEAD,
                tail: peer::TO_PEER_TAIL,
                entries: self.geometry.to_peer(),
                count: self.geometry.ring_entries,
            };
            let start = self.mem.load(agent::TO_PEER_START);
            self.rx = Some(Consumer::start(&self.mem, place, start));
            self.mem.store(peer::SYNCED, self.epoch);
        }
        self.rx.is_some()
    }

    /// Says that this side makes progress at `now`.
    pub fn heartbeat(&mut self, now: Nanos) {
        self.beat = self.beat.wrapping_add(1);
        seqlock::write(&self.mem, peer::BEAT_AT, now);
        self.mem.store(peer::HEARTBEAT, self.beat);
    }

    /// The agent's beats, for a peer that wants to know whether the agent still moves.
    pub fn agent_heartbeat(&self) -> u32 {
        self.mem.load(agent::HEARTBEAT)
    }

    /// Takes the next message of this epoch.
    ///
    /// # Errors
    /// [`LinkError::AgentRestarted`] (again at each call): quiesce, attach and announce again.
    /// Others as [`Consumer::pop`]: count the event and go on.
    pub fn receive(&mut self) -> Option<Result<ToPeer, LinkError>> {
        let taken = self.next()?.and_then(|at| self.copied::<()>(at));
        Some(taken.and_then(|message| match message {
            Received::Bytes(bytes) => ring::decode(bytes),
            // Nothing was recognised.
            Received::Job(..) => Err(LinkError::Undecodable),
        }))
    }

    /// Takes the next message of this epoch. A job is shown to `recognise` while its parameters lie in the
    /// ring; what that returns is only to be trusted when it comes back.
    ///
    /// # Errors
    /// As [`LinkPeer::receive`], but for [`LinkError::Undecodable`].
    #[inline(always)]
    pub fn receive_job<T>(
        &mut self,
        recognise: impl FnOnce(&JobHead, &Incoming<'_, M>) -> Option<T>,
    ) -> Option<Result<Received<'_, T>, LinkError>> {
        let at = match self.next()? {
            Ok(at) => at,
            Err(error) => return Some(Err(error)),
        };
        let length = self.mem.load_plain(at);
        let known = Incoming::read(&self.mem, at.wrapping_add(4), length)
            .and_then(|(head, rest)| Some((head, recognise(&head, &rest)?)));
        let Some((head, known)) = known else { return Some(self.copied(at)) };
        self.consume();
        Some(self.unless_restarted(Ok(Received::Job(head, known))))
    }

    /// Offset of the next entry of this epoch.
    #[inline(always)]
    fn next(&mut self) -> Option<Result<u32, LinkError>> {
        if self.agent_restarted() {
            return Some(Err(LinkError::AgentRestarted));
        }
        if !self.linked() {
            return None;
        }
        let next = self.rx.as_mut()?.next(&self.mem)?;
        Some(if next.is_ok() { next } else { self.unless_restarted(next) })
    }

    /// That entry is the agent's again.
    #[inline(always)]
    fn consume(&mut self) {
        if let Some(ring) = &mut self.rx {
            ring.consume(&self.mem);
        }
    }

    /// Takes the entry at `at` as its bytes.
    #[inline(never)]
    fn copied<T>(&mut self, at: u32) -> Result<Received<'_, T>, LinkError> {
        let copied = self.entry.copy(&self.mem, at);
        self.consume();
        self.unless_restarted(copied).map(|()| Received::Bytes(self.entry.bytes()))
    }

    /// An agent that restarted meanwhile owns what was just read.
    #[inline(always)]
    fn unless_restarted<T>(&self, taken: Result<T, LinkError>) -> Result<T, LinkError> {
        if self.agent_restarted() { Err(LinkError::AgentRestarted) } else { taken }
    }

    /// More messages were there when one was last taken; for those that came since the agent has rung
    /// again.
    pub fn has_more(&self) -> bool {
        self.rx.as_ref().is_some_and(Consumer::has_more)
    }

    /// Free entries towards the agent; 0 while not linked.
    pub fn free(&self) -> u32 {
        if self.rx.is_some() { self.tx.free(self.tx.tail(&self.mem)) } else { 0 }
    }

    /// Sends to the agent. The caller rings the doorbell.
    ///
    /// # Errors
    /// [`LinkError::NotLinked`], [`LinkError::AgentRestarted`], and as [`Producer::push`].
    pub fn send(&mut self, message: &FromPeer) -> Result<(), LinkError> {
        if let FromPeer::Done { id, status, stamps, written } = message {
            return self.send_done(*id, *status, stamps, *written);
        }
        let tail = self.sendable()?;
        self.tx.push(&self.mem, tail, message)
    }

    /// Sends a [`FromPeer::Done`].
    ///
    /// # Errors
    /// As [`LinkPeer::send`].
    #[inline(always)]
    pub fn send_done(
        &mut self,
        id: JobId,
        status: JobStatus,
        stamps: &Stamps,
        written: u32,
    ) -> Result<(), LinkError> {
        let tail = self.sendable()?;
        self.tx.push_words(&self.mem, tail, DONE_BYTES, |entry| {
            encode_done(id, status, stamps, written, |word| entry.put(word));
        })
    }

    /// This life may send; the consumer's index.
    #[inline(always)]
    fn sendable(&mut self) -> Result<u32, LinkError> {
        if self.agent_restarted() {
            return Err(LinkError::AgentRestarted);
        }
        if !self.linked() {
            return Err(LinkError::NotLinked);
        }
        Ok(self.tx.tail(&self.mem))
    }
}
