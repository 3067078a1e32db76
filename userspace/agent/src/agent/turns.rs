//! An agent on one thread, over a board whose time passes in [`Board::wait`] alone: the same
//! requests, one after the other, are the same run to the bit.
//!
//! Time stands still while nobody waits for an answer, so it does not matter when a request comes.

use std::sync::{Arc, PoisonError};

use tandem_link::board::{Board, FaultPort, LinePort, RemoteCore};
use tandem_link::crash::{Record, records};
use tandem_link::message::Nanos;

use super::assemble::spawn;
use super::ports::Ports;
use super::{Agent, AgentConfig, Engines, Machinery, StartError};
use crate::dataplane::SlotAudit;
use crate::judge::Policy;
use crate::lanes::{Bell, Lane};

/// The board's ports with a bell of their own: a request must not end the board's wait, because
/// nobody could say at which of its times.
struct Quiet<B> {
    board: Arc<B>,
    bell: Arc<Bell>,
}

impl<B: Board> Ports for Quiet<B> {
    fn now(&self) -> Nanos {
        Board::now(&*self.board)
    }
    fn wake(&self) {
        self.bell.ring();
    }
    fn core(&self) -> &dyn RemoteCore {
        self.board.core()
    }
    fn drain_log(&self, sink: &mut Vec<u8>) -> u32 {
        self.board.drain_log(sink)
    }
    fn crashes(&self) -> (Vec<Record>, u32) {
        records(&self.board.crash_page())
    }
    fn faults(&self) -> Option<&dyn FaultPort> {
        self.board.faults()
    }
    fn line(&self) -> Option<&dyn LinePort> {
        self.board.line()
    }
}

/// What the one thread runs.
struct Turns<B: Board> {
    board: Arc<B>,
    machinery: Machinery<B>,
    bell: Arc<Bell>,
}

impl<B: Board> Turns<B> {
    /// One turn of everything; when the data plane wants the next at the latest.
    fn turn(&mut self) -> Nanos {
        let Machinery { data_plane, engines, cpu, supervisor, .. } = &mut self.machinery;
        let next = data_plane.poll(self.board.now());
        let mut worked = false;
        while engines.iter_mut().any(Lane::poll) || cpu.poll() || supervisor.poll() {
            worked = true;
        }
        // A reply is there already, whatever the time.
        if worked { 0 } else { next }
    }

    /// Lets the firmware join, or fail to.
    fn boot(&mut self, limit: Nanos) {
        while !self.machinery.data_plane.is_up() && self.board.now() < limit {
            let next = self.turn();
            self.board.wait(next);
        }
    }

    fn run(mut self) -> SlotAudit {
        loop {
            let next = self.turn();
            if self.machinery.data_plane.is_finished() {
                return self.machinery.data_plane.audit();
            }
            if self.machinery.data_plane.is_waited_for() {
                self.board.wait(next);
            } else if next > 0 {
                self.bell.wait();
            }
        }
    }
}

impl Agent {
    /// Starts on one thread, on a board whose time passes in [`Board::wait`] alone. The firmware
    /// has joined when this returns, unless it cannot.
    ///
    /// # Errors
    /// [`StartError`]; no thread is left running.
    pub fn start_in_turns<B: Board>(
        board: Arc<B>,
        config: AgentConfig,
        policy: Policy,
        engines: impl Into<Engines>,
    ) -> Result<Self, StartError> {
        let join_by = board.now().saturating_add(config.health.announce_within);
        let (mut agent, mut machinery) = Self::assemble(board.clone(), config, policy, engines)?;
        let close = std::mem::take(&mut machinery.close);
        let bell = Arc::new(Bell::default());
        agent.ports = Arc::new(Quiet { board: board.clone(), bell: bell.clone() });
        let mut turns = Turns { board, machinery, bell };
        turns.boot(join_by);
        {
            let mut threads = agent.threads.lock().unwrap_or_else(PoisonError::into_inner);
            threads.close = close;
            threads.data_plane = Some(spawn("tandem-turns", move || turns.run())?);
        }
        Ok(agent)
    }
}
