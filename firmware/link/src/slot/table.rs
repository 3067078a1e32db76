//! The agent's side of the slots.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use super::{SlotClass, SlotInit};
use crate::{layout::slot, memory::SharedMemory, message::SlotRef};

/// A slot that is the peer's, without its token.
#[derive(Clone, Copy, Debug)]
struct Orphan {
    index: u16,
    generation: u32,
    session: u32,
}

/// What the tokens share. All of it is memory of this process.
struct Pool {
    info: Box<[SlotInit]>,
    /// Counts the accepted peer epochs (and [`SlotTable::next_session`]s).
    session: AtomicU32,
    state: Mutex<State>,
}

struct State {
    /// Free slots by class, longest free first.
    free: [VecDeque<u16>; SlotClass::ALL.len()],
    /// Last generation of each slot.
    generation: Box<[u32]>,
    /// Slots whose [`Granted`] was dropped. Never grows: its capacity is the number of slots.
    orphans: Vec<Orphan>,
    /// A peer of an earlier agent life may still write anywhere: nothing is handed out.
    withheld: bool,
}

impl Pool {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock; were it so, the state is whole anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn session(&self) -> u32 {
        self.session.load(Ordering::Acquire)
    }

    fn put_back(&self, index: u16, generation: u32) {
        let class = self.info[usize::from(index)].class;
        let mut state = self.state();
        state.generation[usize::from(index)] = generation;
        state.free[class as usize].push_back(index);
    }
}

/// A slot that is the agent's: the only token that tells where the payload is.
///
/// Dropping it puts the slot back into the table.
pub struct Owned {
    /// Taken out when the token turns into another one.
    pool: Option<Arc<Pool>>,
    index: u16,
    /// Of the last grant.
    generation: u32,
    init: SlotInit,
}

impl Owned {
    /// Index in the slot table.
    pub fn index(&self) -> u16 {
        self.index
    }

    /// What the slot holds.
    pub fn class(&self) -> SlotClass {
        self.init.class
    }

    /// Bus address of the payload.
    pub fn addr(&self) -> u32 {
        self.init.addr
    }

    /// Bytes of the payload.
    pub fn capacity(&self) -> u32 {
        self.init.capacity
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.put_back(self.index, self.generation);
        }
    }
}

impl fmt::Debug for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Owned({:?} slot {})", self.init.class, self.index)
    }
}

/// A slot that is the peer's: it can be named in a message and reclaimed, nothing else.
///
/// Dropping it leaves the slot with the peer; the table takes it back when the peer returns it or
/// a new epoch begins.
pub struct Granted {
    pool: Option<Arc<Pool>>,
    index: u16,
    generation: u32,
    session: u32,
}

impl Granted {
    /// Names the slot in a message.
    pub fn slot_ref(&self) -> SlotRef {
        SlotRef { index: self.index, generation: self.generation }
    }

    /// Takes the slot back if the peer has returned it.
    ///
    /// # Errors
    /// The token itself, if the slot is still the peer's.
    pub fn try_reclaim<M: SharedMemory>(self, table: &SlotTable<M>) -> Result<Owned, Self> {
        if table.is_returned(self.index, self.generation) { Ok(table.own(self)) } else { Err(self) }
    }
}

impl Drop for Granted {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            let Self { index, generation, session, .. } = *self;
            pool.state().orphans.push(Orphan { index, generation, session });
        }
    }
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Granted(slot {}, generation {})", self.index, self.generation)
    }
}

/// All slots of a link. Clones are handles to the same table and may be used by any thread.
#[derive(Clone)]
pub struct SlotTable<M: SharedMemory> {
    mem: M,
    pool: Arc<Pool>,
}

impl<M: SharedMemory> SlotTable<M> {
    /// Writes the table's words; `withheld`: hand out nothing before the next session.
    pub(crate) fn new(mem: M, slots: &[SlotInit], withheld: bool) -> Self {
        let mut free = SlotClass::ALL.map(|_| VecDeque::with_capacity(slots.len()));
        for (index, init) in (0u16..).zip(slots) {
            mem.store(slot::word(index, slot::GRANT), 0);
            mem.store(slot::word(index, slot::ADDR), init.addr);
            mem.store(slot::word(index, slot::CAPACITY), init.capacity);
            mem.store(slot::word(index, slot::CLASS), init.class as u32);
            free[init.class as usize].push_back(index);
        }
        let state = State {
            free,
            generation: vec![0; slots.len()].into(),
            orphans: Vec::with_capacity(slots.len()),
            withheld,
        };
        let pool = Pool { info: slots.into(), session: AtomicU32::new(0), state: state.into() };
        Self { mem, pool: Arc::new(pool) }
    }

    /// Takes a free slot of a class; `None` if all are in use, or nothing may be handed out yet
    /// (an agent that restarted waits for the peer's new epoch, see README.md).
    pub fn take(&self, class: SlotClass) -> Option<Owned> {
        let mut state = self.pool.state();
        self.sweep(&mut state);
        if state.withheld {
            return None;
        }
        let index = state.free[class as usize].pop_front()?;
        let generation = state.generation[usize::from(index)];
        let init = self.pool.info[usize::from(index)];
        Some(Owned { pool: Some(self.pool.clone()), index, generation, init })
    }

    /// Slots of a class that [`SlotTable::take`] would hand out.
    pub fn free(&self, class: SlotClass) -> usize {
        let mut state = self.pool.state();
        self.sweep(&mut state);
        if state.withheld { 0 } else { state.free[class as usize].len() }
    }

    /// Number of slots of a class.
    pub fn total(&self, class: SlotClass) -> usize {
        self.pool.info.iter().filter(|init| init.class == class).count()
    }

    /// Hands a slot to the peer under a new generation. [`crate::master::LinkMaster::submit_pre`]
    /// does this and sends the message in one step.
    #[must_use = "the peer's slot comes back through this token"]
    pub fn grant(&self, mut owned: Owned) -> Granted {
        let session = self.pool.session();
        let next = |generation: u32| generation.wrapping_add(1).max(1);
        // The return word may hold any number from an earlier life of either side; it does not
        // change before this grant goes out, so a generation that differs is not returned yet.
        let stale = self.mem.load(slot::returned(owned.index));
        let generation = Some(next(owned.generation)).filter(|g| *g != stale);
        let generation = generation.unwrap_or_else(|| next(stale));
        self.mem.store(slot::word(owned.index, slot::GRANT), generation);
        Granted { pool: owned.pool.take(), index: owned.index, generation, session }
    }

    /// Takes back a slot whose grant never went out in a message (the ring was full).
    pub fn withdraw(&self, granted: Granted) -> Owned {
        self.own(granted)
    }

    /// Takes back a slot that was granted to an earlier life of the peer.
    ///
    /// # Errors
    /// The token itself, if the peer's present life holds the slot.
    pub fn reclaim_after_epoch(&self, granted: Granted) -> Result<Owned, Granted> {
        if granted.session == self.pool.session() { Err(granted) } else { Ok(self.own(granted)) }
    }

    /// A new life of the peer was accepted: earlier grants are void, and nothing of an earlier
    /// life touches a slot any more.
    pub(crate) fn next_session(&self) {
        for index in 0..self.pool.info.len() as u16 {
            self.mem.store(slot::word(index, slot::GRANT), 0);
        }
        self.pool.session.fetch_add(1, Ordering::AcqRel);
        self.pool.state().withheld = false;
    }

    fn is_returned(&self, index: u16, generation: u32) -> bool {
        self.mem.load(slot::returned(index)) == generation
    }

    /// Turns a token that the peer has no claim to (any more).
    fn own(&self, mut granted: Granted) -> Owned {
        self.mem.store(slot::word(granted.index, slot::GRANT), 0);
        let init = self.pool.info[usize::from(granted.index)];
        let Granted { index, generation, .. } = granted;
        Owned { pool: granted.pool.take(), index, generation, init }
    }

    /// Frees the slots of dropped grants that the peer has returned or lost.
    fn sweep(&self, state: &mut State) {
        let session = self.pool.session();
        let State { free, generation, orphans, .. } = state;
        orphans.retain(|orphan| {
            let keep =
                orphan.session == session && !self.is_returned(orphan.index, orphan.generation);
            if !keep {
                self.mem.store(slot::word(orphan.index, slot::GRANT), 0);
                generation[usize::from(orphan.index)] = orphan.generation;
                free[self.pool.info[usize::from(orphan.index)].class as usize]
                    .push_back(orphan.index);
            }
            keep
        });
    }
}

impl<M: SharedMemory> fmt::Debug for SlotTable<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlotTable({} slots)", self.pool.info.len())
    }
}
