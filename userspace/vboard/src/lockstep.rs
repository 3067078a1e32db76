//! The virtual board on the caller's thread, with a virtual clock: a run replays to the bit.

use crate::{
    VboardError,
    clock::Clock,
    instance::{End, Instance, Turn},
    life::{Life, NEVER},
    logger::Sink,
    machine::Machine,
    memory::DdrMemory,
};
use std::{
    os::fd::BorrowedFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tandem_link::{
    SlotInit,
    board::{Board, CoreError, CoreState, FaultPort, LinePort, RemoteCore},
    message::Nanos,
};

/// Largest virtual time that a poll takes beyond its accesses: with another seed the other side
/// gets in between at other places.
const POLL_JITTER_NS: u64 = 512;
/// Longest jump of [`Lockstep::step`] where nothing happens.
const HORIZON_NS: Nanos = 1_000_000;

/// The core of a lockstep board.
struct CoreSlot {
    instance: Option<Instance>,
    end: Option<End>,
    random: u64,
}

// SAFETY: an instance is not `Send` because the pipeline's future holds cells and references into
// itself. All of that moves together: whatever the future, its executor and its body refer to is
// owned by the instance or is `Sync` (the machine, the life, the sink), and thread-locals are set
// during a poll only. The lock around the slot lets one thread in at a time.
unsafe impl Send for CoreSlot {}

/// What the safety of the above rests on.
const _: () = {
    const fn sync<T: Sync>() {}
    sync::<Machine>();
    sync::<Life>();
    sync::<Sink>();
};

impl CoreSlot {
    /// Next number of an xorshift sequence; the seed was made odd, so it never sticks at 0.
    fn jitter(&mut self) -> Nanos {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        1 + self.random % POLL_JITTER_NS
    }
}

/// A virtual board that only moves when it is told to: by [`Lockstep::step`], or by
/// [`Board::wait`], which lets virtual time pass instead of sleeping.
pub struct Lockstep {
    machine: Arc<Machine>,
    core: Mutex<CoreSlot>,
}

impl Lockstep {
    /// Powers the board up at time 0 and releases its core from reset. Nothing runs yet.
    ///
    /// # Errors
    /// [`VboardError`].
    pub fn new(board: &tandem_boards::Board, seed: u64) -> Result<Self, VboardError> {
        let machine = Arc::new(Machine::new(board, Clock::virtual_from_zero(), &crate::Pl::Model)?);
        // An odd multiplier spreads small seeds over all bits.
        let random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let core = Mutex::new(CoreSlot { instance: None, end: None, random });
        let this = Self { machine, core };
        this.start()?;
        Ok(this)
    }

    /// Virtual time since power-up.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.machine.clock.now()
    }

    /// Accesses of the core to the bus and to shared words, over all its lives: its kill points.
    #[must_use]
    pub fn access_count(&self) -> u64 {
        self.machine.vitals.accesses()
    }

    /// Gives each lane a time from the start of a job to its end, in nanoseconds. At 0, the
    /// default, a job takes as long as its model computes, and no virtual time.
    pub fn set_latency(&self, pre: Nanos, post: Nanos) {
        self.machine.sim().set_latency(pre, post);
    }

    /// How the present life of the core ended, if it did by itself.
    #[must_use]
    pub fn last_end(&self) -> Option<End> {
        self.slot().end.clone()
    }

    /// One step: a poll of the firmware if it has something to do, else a jump to whatever happens
    /// next, 1 ms at most.
    pub fn step(&self) {
        self.step_until(NEVER);
    }

    /// Steps until `condition` holds, looking before each step; false if the time is `limit` first.
    pub fn run_until(&self, mut condition: impl FnMut() -> bool, limit: Nanos) -> bool {
        loop {
            if condition() {
                return true;
            }
            if self.now() >= limit {
                return false;
            }
            self.step_until(limit);
        }
    }

    fn slot(&self) -> MutexGuard<'_, CoreSlot> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One step that jumps to `until` at most. False if nothing will happen by itself any more.
    fn step_until(&self, until: Nanos) -> bool {
        let mut slot = self.slot();
        let clock = &self.machine.clock;
        let turn = match &mut slot.instance {
            Some(instance) if !self.machine.vitals.frozen() => instance.turn(),
            _ => Turn::Idle(self.machine.advance().next),
        };
        match turn {
            Turn::Polled => clock.spend(slot.jitter()),
            Turn::Ended(end) => {
                slot.end = Some(end);
                slot.instance = None;
            }
            Turn::Idle(next) => {
                let now = clock.now();
                let target = next.min(until).min(now + HORIZON_NS);
                // At least one nanosecond: a step that changes nothing would never end.
                clock.advance_to(target.max(now + 1));
                return next != NEVER;
            }
        }
        true
    }
}

impl RemoteCore for Lockstep {
    fn state(&self) -> CoreState {
        let slot = self.slot();
        match (&slot.instance, &slot.end) {
            (Some(_), _) => CoreState::Running,
            (None, Some(_)) => CoreState::Crashed,
            (None, None) => CoreState::Stopped,
        }
    }

    fn start(&self) -> Result<(), CoreError> {
        let mut slot = self.slot();
        if slot.instance.is_some() {
            return Err(CoreError::Running);
        }
        let machine = &self.machine;
        machine.vitals.freeze(false);
        let life = Arc::new(Life::new(Arc::clone(&machine.vitals), Arc::clone(&machine.clock)));
        slot.instance = Some(Instance::new(machine, &life));
        slot.end = None;
        Ok(())
    }

    fn stop(&self) -> Result<(), CoreError> {
        let mut slot = self.slot();
        let (instance, end) = (slot.instance.take(), slot.end.take());
        if instance.is_none() && end.is_none() { Err(CoreError::Stopped) } else { Ok(()) }
    }

    fn restart(&self) -> Result<(), CoreError> {
        let _was_stopped = self.stop();
        self.start()
    }
}

impl Board for Lockstep {
    type Memory = DdrMemory;

    fn memory(&self) -> DdrMemory {
        self.machine.words(self.machine.board.regions.link)
    }

    fn now(&self) -> Nanos {
        self.machine.clock.now()
    }

    fn ring_peer(&self) {
        self.machine.firmware_bell.ring();
    }

    /// Steps until the agent's doorbell rings or virtual time reaches `until`; returns early where
    /// neither will ever happen.
    fn wait(&self, until: Nanos) {
        while !self.machine.agent_bell.take() && self.now() < until {
            if !self.step_until(until) && until == NEVER {
                return;
            }
        }
    }

    fn wake(&self) {
        self.machine.agent_bell.ring();
    }

    fn slots(&self) -> Vec<SlotInit> {
        self.machine.slots()
    }

    fn payload_fd(&self) -> BorrowedFd<'_> {
        self.machine.ddr.fd()
    }

    fn payload_offset(&self, addr: u32) -> u64 {
        self.machine.payload_offset(addr)
    }

    fn core(&self) -> &dyn RemoteCore {
        self
    }

    fn drain_log(&self, sink: &mut Vec<u8>) -> u32 {
        self.machine.drain_log(sink)
    }

    fn crash_page(&self) -> DdrMemory {
        self.machine.words(self.machine.board.regions.crash)
    }

    fn faults(&self) -> Option<&dyn FaultPort> {
        Some(&*self.machine)
    }

    fn line(&self) -> Option<&dyn LinePort> {
        Some(&*self.machine)
    }
}
