//! A rig for tests of the data plane: a fake board with a hand-driven clock, a scripted peer and a
//! deterministic engine, all on one thread. Payload is reached by file reads and writes, so the
//! process maps nothing that the agent does not map.

mod alloc;
mod board;
mod deadlines;
mod engine;
mod epochs;
mod faults;
mod flow;
mod holds;
mod lockstep;
pub(crate) mod one_object;
mod peer;
pub(crate) mod played;
mod random;
mod routes;
mod threads;
mod workers;

use std::sync::Arc;

use tandem_engine::model::ResizeRule;
use tandem_model::post::{Head, HeadKind, MAX_HEADS, PostParams};
use tandem_model::pre::{Frame, Layout, PixelFormat};

use crate::agent::{Agent, AgentConfig, Engines, IngestedFrame, Machinery};
use crate::api::{Outcome, Silicon};
use crate::counters::{Flow, Incident};
use crate::dataplane::PeerState;
use crate::job::{Answer, GateTag};
use crate::judge::{Crop, Judge, Policy, RawDetection, VerdictRecord};
use crate::lanes::Lane;
use crate::ticket::Ticket;
use board::FakeBoard;
use engine::{FakeEngine, Mood};
use peer::{Act, FakePeer};

/// A millisecond of the board's clock.
pub const MS: u64 = 1_000_000;
/// Default deadline of the rig's jobs, relative.
pub const DEADLINE: u64 = 1_000 * MS;
/// Side of the rig's network input.
pub const SIDE: u16 = 32;
/// The rig's frames.
pub const FRAME: Frame = Frame { format: PixelFormat::Rgb8, width: 48, height: 32, stride: 144 };

/// Two cells by two, one anchor, two classes.
pub fn post_params() -> PostParams {
    let head = Head {
        kind: HeadKind::YoloV5,
        grid_w: 2,
        grid_h: 2,
        stride: 16,
        anchor_count: 1,
        anchors: [(12, 10); 3],
        offset: 0,
        ..Head::UNUSED
    };
    PostParams {
        head_count: 1,
        heads: [head; MAX_HEADS],
        classes: 2,
        score_threshold: 1000,
        iou_threshold: 60000,
        class_agnostic: false,
        top_k: 0,
        max_detections: 16,
        width: SIDE,
        height: SIDE,
    }
}

/// Passes if at least `least` objects are found.
pub struct AtLeast {
    /// Name of the recipe.
    pub name: &'static str,
    /// How many.
    pub least: usize,
}

impl Judge for AtLeast {
    fn recipe(&self) -> &str {
        self.name
    }
    fn judge(&self, detections: &[RawDetection], _: [u16; 2]) -> VerdictRecord {
        let good = detections.len() >= self.least;
        let outcome = if good { Outcome::Pass } else { Outcome::Fail };
        VerdictRecord { outcome, rule: Some(0), found: detections.len() as f32 }
    }
    fn explain(&self, record: &VerdictRecord, _: &[RawDetection]) -> (String, String) {
        ("least".into(), format!("{} found.", record.found))
    }
}

/// The rig's model with a recipe.
pub fn policy(name: &'static str, least: usize) -> Policy {
    Policy {
        model: "fake/1".into(),
        labels: ["a".to_owned(), "b".to_owned()].into(),
        width: SIDE,
        height: SIDE,
        pad: [114; 3],
        layout: Layout::Planar,
        resize: ResizeRule::Bilinear,
        heads_bytes: 128,
        post: post_params(),
        silicon: Silicon::Cpu,
        crop: Crop::Whole,
        judge: Arc::new(AtLeast { name, least }),
    }
}

/// Which parts take their turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turns {
    /// The peer.
    pub peer: bool,
    /// The engine lane.
    pub engine: bool,
    /// The CPU lane.
    pub cpu: bool,
    /// The supervisor.
    pub supervisor: bool,
}

/// Everything takes its turn.
pub const ALL: Turns = Turns { peer: true, engine: true, cpu: true, supervisor: true };

/// An agent and the world around it.
pub struct Rig {
    pub agent: Agent,
    pub machinery: Machinery<FakeBoard>,
    pub board: Arc<FakeBoard>,
    pub peer: FakePeer,
    pub mood: Mood,
}

impl Rig {
    /// Without a restart of the core by itself, and with the peer up.
    pub fn new() -> Self {
        Self::with(|config| config.health.auto_restart = false)
    }

    /// With another configuration; the peer is up.
    pub fn with(change: impl FnOnce(&mut AgentConfig)) -> Self {
        let mut rig = Self::absent(change);
        rig.peer.start();
        rig.until("the peer is up", |rig| rig.peer_state() == PeerState::Up);
        rig
    }

    /// The core has not been started.
    pub fn absent(change: impl FnOnce(&mut AgentConfig)) -> Self {
        let mood = Mood::default();
        let engines = vec![FakeEngine::local(&mood)].into();
        Self::on(change, mood, engines)
    }

    /// On these engines; the core has not been started.
    fn on(change: impl FnOnce(&mut AgentConfig), mood: Mood, engines: Engines) -> Self {
        let board = Arc::new(FakeBoard::new());
        let mut config = AgentConfig { deadline: DEADLINE, ..AgentConfig::default() };
        change(&mut config);
        let (agent, machinery) =
            Agent::assemble(board.clone(), config, policy("default", 0), engines).unwrap();
        let peer = FakePeer::new(board.clone());
        Self { agent, machinery, board, peer, mood }
    }

    /// One turn of some parts, a millisecond long.
    pub fn turn(&mut self, turns: Turns) {
        self.board.advance(MS);
        self.machinery.data_plane.poll(self.agent.now());
        if turns.peer {
            self.peer.poll();
        }
        if turns.engine {
            for engine in &mut self.machinery.engines {
                while engine.poll() {}
            }
        }
        if turns.cpu {
            while self.machinery.cpu.poll() {}
        }
        if turns.supervisor && self.machinery.supervisor.poll() {
            self.peer.start();
        }
    }

    /// Turns of everything until something holds; fails after plenty.
    pub fn until(&mut self, what: &str, done: impl FnMut(&mut Self) -> bool) {
        self.until_with(what, ALL, done);
    }

    /// Turns of some parts until something holds.
    pub fn until_with(
        &mut self,
        what: &str,
        turns: Turns,
        mut done: impl FnMut(&mut Self) -> bool,
    ) {
        for _ in 0..5000 {
            if done(self) {
                return;
            }
            self.turn(turns);
        }
        panic!("{what}: not within 5 s of the board's clock; {:?}", self.agent.stats().incidents);
    }

    /// State of the peer as the data plane sees it.
    pub fn peer_state(&mut self) -> PeerState {
        let report = self.agent.report();
        self.machinery.data_plane.poll(self.agent.now());
        report.try_take().unwrap().unwrap().peer.state
    }

    /// A frame with a picture made from a number.
    pub fn frame(&self, seed: u8) -> IngestedFrame {
        let mut slot = self.agent.try_reserve_frame().expect("a free frame slot");
        let bytes = slot.bytes_mut().iter_mut().take(FRAME.bytes());
        for (i, byte) in bytes.enumerate() {
            *byte = (i as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0] ^ seed;
        }
        IngestedFrame {
            slot,
            frame: FRAME,
            name: format!("frame-{seed}"),
            began: self.agent.now(),
            bytes_in: 10,
            deadline: None,
            tag: None,
            policy: None,
            options: Default::default(),
        }
    }

    /// Submits such a frame.
    pub fn submit(&self, seed: u8) -> Ticket<Box<Answer>> {
        self.agent.submit(self.frame(seed)).unwrap()
    }

    /// Submits one for a part at the gate.
    pub fn submit_part(&self, seed: u8, tag: GateTag) -> Ticket<Box<Answer>> {
        let frame = IngestedFrame { tag: Some(tag), ..self.frame(seed) };
        self.agent.submit(frame).unwrap()
    }

    /// Turns until a ticket has its answer.
    pub fn answer(&mut self, ticket: Ticket<Box<Answer>>) -> Answer {
        let mut ticket = Some(ticket);
        let mut answer = None;
        self.until("an answer", |_| match ticket.take().map(Ticket::try_take) {
            Some(Ok(taken)) => {
                answer = Some(taken.unwrap());
                true
            }
            Some(Err(back)) => {
                ticket = Some(back);
                false
            }
            None => true,
        });
        *answer.unwrap()
    }

    /// Submits and waits.
    pub fn inspect(&mut self, seed: u8) -> Answer {
        let ticket = self.submit(seed);
        self.answer(ticket)
    }

    /// What a flawless run finds in the same frame.
    pub fn reference(seed: u8) -> Vec<RawDetection> {
        let mut rig = Self::new();
        let answer = rig.inspect(seed);
        assert!(answer.degraded.is_empty());
        answer.detections
    }

    /// Exactly these incidents were counted, each once.
    pub fn assert_incidents(&self, expected: &[Incident]) {
        for &incident in Incident::ALL {
            let count = expected.iter().filter(|&&e| e == incident).count() as u64;
            let have = self.agent.counters().incidents(incident);
            assert_eq!(have, count, "{} (expected {expected:?})", incident.name());
        }
    }

    /// Every slot is free, after a few turns at most.
    pub fn assert_clean(&mut self) {
        for _ in 0..20 {
            self.turn(ALL);
        }
        let audit = self.machinery.data_plane.audit();
        assert!(audit.is_clean(), "{audit:?}");
        let (submitted, answered) = (self.count(Flow::Submitted), self.count(Flow::Answered));
        assert_eq!(submitted, answered);
    }

    /// A flow's count.
    pub fn count(&self, flow: Flow) -> u64 {
        self.agent.counters().flows(flow)
    }
}

/// Silicon of each stage in an answer.
pub fn silicon(answer: &Answer) -> Vec<Option<Silicon>> {
    answer.stages.iter().map(|stage| stage.map(|stage| stage.silicon)).collect()
}
