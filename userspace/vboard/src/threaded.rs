//! The virtual board on threads of this process, in real time.

use crate::{
    VboardError,
    clock::Clock,
    core::{Core, PlClock},
    instance::End,
    machine::{Machine, Pl},
    memory::DdrMemory,
};
use std::{os::fd::BorrowedFd, sync::Arc};
use tandem_link::{
    SlotInit,
    board::{Board, FaultPort, LinePort, RemoteCore},
    message::Nanos,
};

/// How the board's threads behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long the core looks for work before it sleeps, in microseconds. The core of a real
    /// board never has to choose; here a sleeping thread takes a system call to wake.
    pub core_spin_us: u32,
    /// How long [`Board::wait`] looks for a doorbell before it sleeps, in microseconds.
    pub agent_spin_us: u32,
}

impl Default for Options {
    /// A short look on both sides: a round trip without a system call while traffic is dense, and
    /// an idle board that costs nothing.
    fn default() -> Self {
        Self { core_spin_us: 20, agent_spin_us: 20 }
    }
}

/// A virtual board. Dropping it ends its threads.
pub struct VirtualBoard {
    // Fields are dropped in this order: the core first, so that nothing starts new work.
    core: Core,
    _pl_clock: PlClock,
    machine: Arc<Machine>,
    agent_spin: Nanos,
}

impl VirtualBoard {
    /// Powers the board up and releases its core from reset.
    ///
    /// # Errors
    /// [`VboardError`].
    pub fn start(board: &tandem_boards::Board, options: Options) -> Result<Self, VboardError> {
        Self::start_on(board, options, &Pl::Model)
    }

    /// As [`VirtualBoard::start`], with other kernels. Verilated ones take longer than
    /// `firmware.kernel_timeout_us` of a description is made for: give it more.
    ///
    /// # Errors
    /// [`VboardError`].
    pub fn start_on(
        board: &tandem_boards::Board,
        options: Options,
        pl: &Pl,
    ) -> Result<Self, VboardError> {
        let machine = Arc::new(Machine::new(board, Clock::real(), pl)?);
        let pl_clock = PlClock::start(Arc::clone(&machine))?;
        let core = Core::new(Arc::clone(&machine), Nanos::from(options.core_spin_us) * 1000);
        core.start()?;
        let agent_spin = Nanos::from(options.agent_spin_us) * 1000;
        Ok(Self { core, _pl_clock: pl_clock, machine, agent_spin })
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
        self.core.last_end()
    }
}

impl Board for VirtualBoard {
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

    fn wait(&self, until: Nanos) {
        self.machine.agent_bell.wait(&self.machine.clock, until, self.agent_spin);
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
        &self.core
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
