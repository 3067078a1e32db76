//! One job: what comes in, the states it passes, what goes out.
//!
//! A state owns the slot tokens of its stage, so a job cannot leave a state without saying what
//! becomes of its slots. `Free -> Ingested -> Pre -> Prepared -> Main -> Inferred -> Post -> Free`,
//! where the verdict is made (and the answer sent) on the last step, and `Pre` and `Post` are
//! either in the programmable logic or on the CPU lane.

use std::sync::Arc;

use tandem_channels::{Shortfall, Table};
use tandem_link::SharedMemory;
use tandem_link::message::{JobId, Nanos};
use tandem_link::slot::{Granted, Owned, SlotTable};
use tandem_model::pre::PreParams;
use tandem_policy::EngineSet;

use crate::api::{ApiError, Detection, Inspection, Outcome, Silicon, Stage, Verdict};
use crate::counters::{IncidentSet, StageName};
use crate::judge::{Policy, RawDetection, VerdictRecord};
use crate::routing::{JobOptions, Routed};
use crate::ticket;

/// Jobs that the data plane has at once.
pub const JOBS: usize = 16;

/// Names a part at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateTag {
    /// Tag that the gate gave at the trigger.
    pub tag: u32,
    /// Epoch of the gate under which it was given.
    pub epoch: u32,
}

/// Why a job ended without a judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownCode {
    /// The deadline passed first.
    Late,
    /// The main model's runtime failed.
    EngineFailed,
    /// The main model put out NaN or infinity.
    EngineNotFinite,
    /// A stage was refused in the programmable logic and on the CPU.
    Refused,
    /// Objects were cut off by the model's limit, and what is left would have passed: the one
    /// that matters may be among those cut.
    DetectionsCut,
    /// A DMA wrote to memory that it was not given while the job's data lay in a slot.
    MemoryInDoubt,
    /// The lines of its route need longer than its deadline leaves.
    LinkTooSlow,
    /// The agent is shutting down.
    Stopped,
}

impl UnknownCode {
    /// Stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::EngineFailed => "engine_failed",
            Self::EngineNotFinite => "engine_not_finite",
            Self::Refused => "refused",
            Self::DetectionsCut => "detections_cut",
            Self::MemoryInDoubt => "memory_in_doubt",
            Self::LinkTooSlow => "link_too_slow",
            Self::Stopped => "stopped",
        }
    }

    /// One sentence for an operator.
    const fn sentence(self) -> &'static str {
        match self {
            Self::Late => "The deadline passed before the verdict was ready.",
            Self::EngineFailed => "The main model could not be run on this image.",
            Self::EngineNotFinite => "The main model put out numbers that are not finite.",
            Self::Refused => "The image could not be processed on any silicon.",
            Self::DetectionsCut => {
                "More objects were found than the model may report; raise max_detections."
            }
            Self::MemoryInDoubt => "A DMA went astray while the image was in memory.",
            Self::LinkTooSlow => {
                "The image's bytes cannot travel before its deadline; give it more time, or another \
                 route."
            }
            Self::Stopped => "The agent was shut down before the verdict was ready.",
        }
    }
}

/// When and where a stage ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageRecord {
    /// Where.
    pub silicon: Silicon,
    /// How long in nanoseconds, queueing included.
    pub ns: u64,
}

/// The answer to one job. Everything on the heap was allocated before the job was submitted.
#[derive(Debug)]
pub struct Answer {
    /// Name that the client gave.
    pub name: String,
    /// Source size in pixels.
    pub size: [u16; 2],
    /// What the judge said; [`VerdictRecord::UNKNOWN`] where `code` says why there is none.
    pub record: VerdictRecord,
    /// The answer was ready before the deadline.
    pub deadline_met: bool,
    /// Why there is no judgement.
    pub code: Option<UnknownCode>,
    /// What a lane said about the failure behind `code`.
    pub detail: Option<String>,
    /// The arithmetic behind [`UnknownCode::LinkTooSlow`].
    pub shortfall: Option<(Arc<Table>, Shortfall)>,
    /// Objects, best first.
    pub detections: Vec<RawDetection>,
    /// Detections that the model's limit cut off.
    pub cut: u32,
    /// Stages by [`StageName`].
    pub stages: [Option<StageRecord>; StageName::ALL.len()],
    /// Why parts of the job ran on a fallback.
    pub degraded: IncidentSet,
    /// Model and recipe that it ran under.
    pub policy: Arc<Policy>,
    /// What the client said for routing.
    pub options: JobOptions,
    /// The routing policy that it was admitted under, and its decision; `None` without one.
    pub routed: Option<Routed>,
    /// The part at the gate.
    pub tag: Option<GateTag>,
    /// The tensor, where it was asked for instead of a verdict.
    pub tensor: Vec<u8>,
}

impl Answer {
    /// The verdict in words.
    pub fn verdict(&self) -> Verdict {
        let (rule, reason) = match self.code {
            None => self.policy.judge.explain(&self.record, &self.detections),
            Some(code) => {
                let sums = self.shortfall.as_ref().map(|(table, short)| table.explain(short));
                let detail = sums.as_deref().or(self.detail.as_deref());
                let detail = detail.map(|detail| format!(" ({detail})"));
                let reason = format!("{}{}", code.sentence(), detail.unwrap_or_default());
                (code.name().to_owned(), reason)
            }
        };
        let result = if self.code.is_some() { Outcome::Unknown } else { self.record.outcome };
        Verdict { result, rule, reason, deadline_met: self.deadline_met }
    }

    /// What the failure was about: the setting, the engine, its output, or the stage that had to
    /// give up.
    fn field(&self, code: UnknownCode) -> &'static str {
        match code {
            UnknownCode::Late | UnknownCode::LinkTooSlow => "deadline",
            UnknownCode::EngineFailed => "engine",
            UnknownCode::EngineNotFinite => "heads",
            UnknownCode::Stopped => "agent",
            UnknownCode::MemoryInDoubt => "memory",
            UnknownCode::DetectionsCut => "max_detections",
            UnknownCode::Refused if self.stages[StageName::Main as usize].is_some() => "post",
            UnknownCode::Refused => "pre",
        }
    }

    /// What clients see.
    pub fn into_inspection(self) -> Inspection {
        let verdict = self.verdict();
        let error = self
            .code
            .map(|code| ApiError::new(code.name(), self.field(code), verdict.reason.clone()));
        let detections = self.detections.iter().map(|found| Detection {
            label: self.policy.label(found.class),
            score: found.score,
            r#box: found.r#box,
        });
        let stages = StageName::ALL.iter().filter_map(|&stage| {
            let StageRecord { silicon, ns } = self.stages[stage as usize]?;
            Some(Stage { name: stage.name().into(), silicon, us: ns as f64 / 1e3 })
        });
        Inspection {
            size: self.size.map(u32::from),
            verdict,
            detections: detections.collect(),
            stages: stages.collect(),
            degraded: self.degraded.iter().map(|incident| incident.name().to_owned()).collect(),
            model: self.policy.model.to_string(),
            recipe: self.policy.judge.recipe().to_owned(),
            error,
            route: self.routed.as_ref().map(Routed::taken),
            tag: self.tag.map(|tag| tag.tag),
            image: self.name,
        }
    }
}

/// What a client wants of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// A verdict.
    Verdict,
    /// The tensor that the model would be given; the job ends there.
    Tensor,
}

/// A job on its way to the data plane.
#[derive(Debug)]
pub struct Submission {
    /// The frame, filled.
    pub frame: Owned,
    /// What `pre` does with it.
    pub pre: PreParams,
    /// What it ends with.
    pub want: Want,
    /// Absolute.
    pub deadline: Nanos,
    /// When ingest began; the job's total time counts from here.
    pub ingest_began: Nanos,
    /// When it was submitted.
    pub submitted: Nanos,
    /// The answer, filled as far as known, with room for the detections or the tensor.
    pub answer: Box<Answer>,
    /// Where the answer goes.
    pub reply: ticket::Sender<Box<Answer>>,
}

/// A slot of a stage that the programmable logic runs, or ran.
#[derive(Debug)]
pub enum Hold {
    /// The agent's.
    Ours(Owned),
    /// The peer's until it returns it, or a new epoch.
    Theirs(Granted),
}

impl Hold {
    /// Takes the slot back if the peer returned it.
    pub fn reclaim<M: SharedMemory>(self, table: &SlotTable<M>) -> Self {
        match self {
            Self::Ours(owned) => Self::Ours(owned),
            Self::Theirs(granted) => match granted.try_reclaim(table) {
                Ok(owned) => Self::Ours(owned),
                Err(granted) => Self::Theirs(granted),
            },
        }
    }

    /// Likewise, after a new epoch as well.
    pub fn reclaim_after_epoch<M: SharedMemory>(self, table: &SlotTable<M>) -> Self {
        match self {
            Self::Ours(owned) => Self::Ours(owned),
            Self::Theirs(granted) => match table.reclaim_after_epoch(granted) {
                Ok(owned) => Self::Ours(owned),
                Err(granted) => Self::Theirs(granted).reclaim(table),
            },
        }
    }
}

/// Where a job stands, with the slots it holds there.
#[derive(Debug)]
pub enum State {
    /// No job.
    Free,
    /// Waits for `pre`.
    Ingested(Hold),
    /// In the programmable logic: frame, tensor.
    PrePl(Hold, Hold),
    /// On the CPU lane, which holds frame and tensor.
    PreCpu,
    /// Waits for the main model: tensor.
    Prepared(Owned),
    /// On the CPU lane, which copies the tensor out.
    Copying,
    /// On the engine lane, which holds tensor and heads.
    Main,
    /// Waits for `post`: heads.
    Inferred(Hold),
    /// In the programmable logic: heads, result.
    PostPl(Hold, Hold),
    /// On the CPU lane, which holds heads and result.
    PostCpu,
}

/// An entry of the data plane's job table.
#[derive(Debug)]
pub struct Job {
    /// Where it stands.
    pub state: State,
    /// Who waits; `None` once answered, while a lane still holds the slots.
    pub client: Option<Client>,
    /// Number of its last message to the peer.
    pub id: JobId,
    /// A run of the stage failed: it goes to the CPU lane, or to the engine that stands by.
    pub to_cpu: bool,
    /// Its route has the programmable logic run the stages around the model.
    pub logic: bool,
    /// Engines that its route allows.
    pub engines: EngineSet,
    /// When the present stage began to wait.
    pub stage_began: Nanos,
    /// Slots were back without an answer at the last health tick.
    pub unanswered: bool,
    /// A DMA may have written over its data.
    pub in_doubt: bool,
    /// Undecodable messages seen when it was sent; see the data plane's `lost_answers`.
    pub garbled_before: u64,
}

/// The part of a submission that lasts until the answer.
#[derive(Debug)]
pub struct Client {
    /// See [`Submission::pre`].
    pub pre: PreParams,
    /// See [`Submission::want`].
    pub want: Want,
    /// See [`Submission::deadline`].
    pub deadline: Nanos,
    /// See [`Submission::ingest_began`].
    pub ingest_began: Nanos,
    /// See [`Submission::answer`].
    pub answer: Box<Answer>,
    /// See [`Submission::reply`].
    pub reply: ticket::Sender<Box<Answer>>,
}

impl Default for Job {
    fn default() -> Self {
        Self {
            state: State::Free,
            client: None,
            id: 0,
            to_cpu: false,
            logic: true,
            engines: EngineSet::ALL,
            stage_began: 0,
            in_doubt: false,
            unanswered: false,
            garbled_before: 0,
        }
    }
}

impl Job {
    /// The entry can take a new job.
    pub fn is_free(&self) -> bool {
        matches!(self.state, State::Free) && self.client.is_none()
    }

    /// Takes the state out; the caller puts another one in.
    pub fn take_state(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Free)
    }
}
