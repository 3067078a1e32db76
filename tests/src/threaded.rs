//! An agent on its own threads over the virtual board, in real time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tandem_agent::agent::{Agent, AgentConfig, FrameSlot};
use tandem_agent::dataplane::PeerState;
use tandem_agent::job::Answer;
use tandem_agent::judge::Policy;
use tandem_agent::ticket::Ticket;
use tandem_boards::Board as Description;
use tandem_engine::Engine;
use tandem_link::board::FaultPort;
use tandem_vboard::{Options, VirtualBoard};

use crate::MS;
use crate::picture::Picture;

/// A bound that only a hang exceeds.
pub const LONG: Duration = Duration::from_secs(60);

/// Settings that a busy test machine does not trip over: nobody is late, and a firmware that was
/// not given a processor for a while is not frozen.
pub fn patient() -> AgentConfig {
    let mut config = AgentConfig { deadline: 60_000 * MS, ..AgentConfig::default() };
    config.health.frozen_after = 30_000 * MS;
    config.health.announce_within = 30_000 * MS;
    config
}

/// Agent and board.
pub struct Site {
    /// The agent.
    pub agent: Agent,
    /// The board.
    pub board: Arc<VirtualBoard>,
}

impl Site {
    /// Starts both and waits until the firmware has joined.
    pub fn start(config: AgentConfig, policy: Policy, engine: Box<dyn Engine>) -> Self {
        let description = Description::virtual_default();
        let board = VirtualBoard::start(&description, Options::default()).expect("the board");
        let board = Arc::new(board);
        let agent = Agent::start(board.clone(), config, policy, vec![engine]).expect("the agent");
        let site = Self { agent, board };
        site.until("the firmware joins", |site| site.peer() == PeerState::Up);
        site
    }

    /// Waits until something holds; fails after [`LONG`].
    #[track_caller]
    pub fn until(&self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let since = Instant::now();
        while !done(self) {
            let report = self.agent.report().wait(LONG);
            assert!(since.elapsed() < LONG, "{what}: {report:?}, {:?}", self.agent.stats());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// How the firmware does.
    pub fn peer(&self) -> PeerState {
        let report = self.agent.report().wait(LONG).expect("the data plane turns");
        report.expect("the data plane lives").peer.state
    }

    /// Fault injection.
    pub fn faults(&self) -> &dyn FaultPort {
        self.agent.faults().expect("a virtual board has faults")
    }

    /// A frame slot, as soon as one is free.
    pub fn slot(&self) -> FrameSlot {
        let mut slot = None;
        self.until("a free frame slot", |site| {
            slot = site.agent.try_reserve_frame();
            slot.is_some()
        });
        slot.expect("was waited for")
    }

    /// Submits a picture as soon as a frame slot is free.
    pub fn submit(&self, picture: &Picture) -> Ticket<Box<Answer>> {
        let frame = picture.into_slot(&self.agent, self.slot());
        self.agent.submit(frame).expect("the agent takes it")
    }

    /// Waits for an answer.
    #[track_caller]
    pub fn answer(&self, ticket: Ticket<Box<Answer>>) -> Answer {
        *ticket.wait(LONG).expect("an answer in time").expect("a data plane that lives")
    }

    /// Submits and waits.
    pub fn inspect(&self, picture: &Picture) -> Answer {
        self.answer(self.submit(picture))
    }

    /// Fails unless every slot is free, as soon as what is under way has come back.
    #[track_caller]
    pub fn assert_all_free(&self) {
        self.until("free slots", |site| site.agent.audit_slots().expect("an audit").is_clean());
    }
}
