//! What clients see: the types of every answer, the same over HTTP and over `agentctl`'s socket.

use serde::{Deserialize, Serialize};

/// Where a stage ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Silicon {
    /// Programmable logic, driven by the R5F.
    Pl,
    /// The CPU: `hw/model` or a CPU engine.
    Cpu,
    /// A GPU.
    Gpu,
}

/// Outcome for one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Every rule held.
    Pass,
    /// A rule did not hold.
    Fail,
    /// No answer could be given; counts as fail.
    Unknown,
}

/// The verdict on one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Outcome.
    pub result: Outcome,
    /// Recipe rule that decided, or `default` where none did.
    pub rule: String,
    /// One sentence a line operator understands.
    pub reason: String,
    /// The verdict was ready before the job's deadline.
    pub deadline_met: bool,
}

/// One object found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Class name from the model's labels.
    pub label: String,
    /// 0 to 1.
    pub score: f32,
    /// `x1, y1, x2, y2` in source pixels.
    pub r#box: [f32; 4],
}

/// One stage of one job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// `ingest`, `pre`, `main`, `post`, `verdict`.
    pub name: String,
    /// Where it ran.
    pub silicon: Silicon,
    /// How long, in microseconds, queueing included.
    pub us: f64,
}

/// Which way a routing policy sent an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteTaken {
    /// Policy, `name@version`.
    pub policy: String,
    /// Rule that matched, or `default`.
    pub rule: String,
    /// `fpga-gpu-fpga`, `gpu-only`, `cpu-only`, `remote`.
    pub route: String,
    /// It was one of the rule's canary.
    pub canary: bool,
}

/// The answer to one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// Name that the client gave.
    pub image: String,
    /// Width and height of the source in pixels.
    pub size: [u32; 2],
    /// Verdict.
    pub verdict: Verdict,
    /// Objects, best first.
    pub detections: Vec<Detection>,
    /// Stages in order.
    pub stages: Vec<Stage>,
    /// Why parts of the job ran on a fallback; empty when none did. Values of [`crate::counters`].
    pub degraded: Vec<String>,
    /// Model and version that answered, `name/version`.
    pub model: String,
    /// Recipe that answered.
    pub recipe: String,
    /// The routing policy that sent it there; `null` without one.
    #[serde(default)]
    pub route: Option<RouteTaken>,
    /// Why there is no judgement; `null` where there is one.
    pub error: Option<ApiError>,
    /// Gate tag, when the part came through the trigger.
    #[serde(default)] // always written: postcard has no absent fields
    pub tag: Option<u32>,
}

/// An error that a client sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// Stable machine-readable code, snake_case.
    pub code: String,
    /// Field or file it is about.
    pub field: String,
    /// One sentence, with the next step where there is one.
    pub message: String,
}

impl ApiError {
    /// An error with its three parts.
    pub fn new(
        code: impl Into<String>,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> ApiError {
        ApiError { code: code.into(), field: field.into(), message: message.into() }
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.field, self.message)
    }
}

impl std::error::Error for ApiError {}
