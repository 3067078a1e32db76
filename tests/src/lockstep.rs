//! An agent and a board on the caller's thread, with a virtual clock: a run replays to the bit.

use std::collections::BTreeMap;
use std::sync::Arc;

use tandem_agent::agent::{Agent, AgentConfig, FrameSlot, IngestedFrame, Machinery};
use tandem_agent::dataplane::{ClassAudit, PeerState, SlotAudit};
use tandem_agent::job::Answer;
use tandem_agent::judge::Policy;
use tandem_agent::lanes::Lane;
use tandem_agent::ticket::Ticket;
use tandem_boards::Board as Description;
use tandem_engine::Engine;
use tandem_link::board::{Board, FaultPort, LinePort};
use tandem_vboard::Lockstep;

use crate::small::Small;
use crate::{MS, incidents};

/// A limit of virtual time that only a hang exceeds.
pub const LONG: u64 = 60_000 * MS;

/// Agent and board.
pub struct World {
    /// The agent.
    pub agent: Agent,
    /// Its parts, polled by [`World::turn`].
    pub machinery: Machinery<Lockstep>,
    /// The board.
    pub board: Arc<Lockstep>,
    /// Does the engine take its turn? Without it the main model takes for ever.
    pub engine_runs: bool,
    what: String,
}

impl World {
    /// Powers everything up. `what` names the run in failures.
    pub fn new(what: &str, seed: u64, policy: Policy, gate: Option<(u64, u64)>) -> Self {
        Self::with_engine(what, seed, policy, gate, Box::new(Small))
    }

    /// The same with another engine of the small model.
    pub fn with_engine(
        what: &str,
        seed: u64,
        policy: Policy,
        gate: Option<(u64, u64)>,
        engine: Box<dyn Engine>,
    ) -> Self {
        let board = Lockstep::new(&Description::virtual_default(), seed).expect("the board");
        let board = Arc::new(board);
        let config = AgentConfig { deadline: LONG, gate, ..AgentConfig::default() };
        let (agent, machinery) =
            Agent::assemble(board.clone(), config, policy, vec![engine]).expect("the agent");
        Self { agent, machinery, board, engine_runs: true, what: what.to_owned() }
    }

    /// Powers up and waits until the firmware has joined.
    pub fn up(what: &str, seed: u64, policy: Policy, gate: Option<(u64, u64)>) -> Self {
        let mut world = Self::new(what, seed, policy, gate);
        world.until_up();
        world
    }

    /// One turn of the agent, then the board moves until something happens.
    pub fn turn(&mut self) {
        self.turn_until(u64::MAX);
    }

    /// The same; the board moves no further than to `at`.
    pub fn turn_until(&mut self, at: u64) {
        let next = self.machinery.data_plane.poll(self.board.now());
        self.check_slots();
        while (self.engine_runs && self.machinery.engines[0].poll())
            || self.machinery.cpu.poll()
            || self.machinery.supervisor.poll()
        {}
        // A command rings the agent's own bell, which ends a wait before time has passed.
        self.board.step();
        Board::wait(&*self.board, next.min(at));
    }

    /// No slot is counted twice, at any time.
    fn check_slots(&self) {
        let SlotAudit { frame, tensor, heads, result } = self.machinery.data_plane.audit();
        for class in [frame, tensor, heads, result] {
            let ClassAudit { total, free, in_use, granted, quarantined } = class;
            assert_eq!(total, free + in_use + granted + quarantined, "{}: {class:?}", self.what);
        }
    }

    /// Turns until something holds; fails after [`LONG`] of the board's clock.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let limit = self.board.now() + LONG;
        while !done(self) {
            let now = self.board.now();
            assert!(now < limit, "{}: {what}: {:?}", self.what, incidents(&self.agent));
            self.turn();
        }
    }

    /// Turns until the board's clock is there, or at most a millisecond further.
    pub fn until_time(&mut self, at: u64) {
        while self.board.now() < at {
            self.turn_until(at);
        }
    }

    /// Turns until the firmware has joined.
    pub fn until_up(&mut self) {
        self.until("the firmware is up", |world| world.peer() == PeerState::Up);
    }

    /// How the firmware does.
    pub fn peer(&mut self) -> PeerState {
        let report = self.agent.report();
        self.machinery.data_plane.poll(self.board.now());
        report.try_take().expect("was polled").expect("a report").peer.state
    }

    /// Fault injection.
    pub fn faults(&self) -> &dyn FaultPort {
        self.board.faults().expect("a virtual board has faults")
    }

    /// The line of parts.
    pub fn line(&self) -> &dyn LinePort {
        self.board.line().expect("a virtual board has a line")
    }

    /// A frame slot; there must be one.
    pub fn slot(&self) -> FrameSlot {
        self.agent.try_reserve_frame().unwrap_or_else(|| panic!("{}: no frame slot", self.what))
    }

    /// Submits a frame.
    pub fn submit(&self, frame: IngestedFrame) -> Ticket<Box<Answer>> {
        self.agent.submit(frame).expect("the agent takes it")
    }

    /// Turns until an answer is there.
    #[track_caller]
    pub fn answer(&mut self, ticket: Ticket<Box<Answer>>) -> Answer {
        let mut ticket = Some(ticket);
        let mut answer = None;
        self.until("an answer", |_| match ticket.take().map(Ticket::try_take) {
            Some(Ok(taken)) => {
                answer = Some(taken.expect("a data plane that lives"));
                true
            }
            Some(Err(back)) => {
                ticket = Some(back);
                false
            }
            None => true,
        });
        *answer.expect("was waited for")
    }

    /// Incidents so far.
    pub fn incidents(&self) -> BTreeMap<&'static str, u64> {
        incidents(&self.agent)
    }

    /// Fails unless every slot comes back, and every frame slot can be had once and not twice.
    #[track_caller]
    pub fn assert_all_free(&mut self) {
        self.until("clean slots", |world| world.machinery.data_plane.audit().is_clean());
        let total = self.machinery.data_plane.audit().frame.total as usize;
        let slots: Vec<_> = std::iter::from_fn(|| self.agent.try_reserve_frame()).collect();
        assert_eq!(slots.len(), total, "{}", self.what);
        let mut names: Vec<_> = slots.iter().map(|slot| format!("{slot:?}")).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), total, "{}: a slot was given twice", self.what);
    }
}
