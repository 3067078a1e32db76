//! What the demo remembers of a run.

use tandem_agent::api::{Detection, Outcome, Stage};

/// A photograph that stands for a part.
#[derive(Clone, Debug)]
pub struct Photo {
    /// File name.
    pub name: String,
    /// File.
    pub bytes: Vec<u8>,
}

/// What the gate did with a part, against what it deserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A good part went through.
    Passed,
    /// A bad part was rejected.
    Rejected,
    /// A good part was rejected because no cancel reached the gate in time.
    SafeReject,
    /// A bad part went through. Must never happen.
    Escaped,
}

/// One part from trigger to gate. Times are nanoseconds on the board's clock.
#[derive(Clone, Debug, Default)]
pub struct PartRecord {
    /// Position in the run, from 1.
    pub number: u32,
    /// File name of the photograph.
    pub image: String,
    /// Tag that the gate gave it; `None` where the gate was full.
    pub tag: Option<u32>,
    /// Passed the trigger.
    pub triggered: u64,
    /// Handed to the agent.
    pub submitted: u64,
    /// Answered; 0 before.
    pub answered: u64,
    /// Reject pulse starts unless cancelled.
    pub due: u64,
    /// Stages of its job.
    pub stages: Vec<Stage>,
    /// Verdict; `None` where the part was not answered.
    pub outcome: Option<Outcome>,
    /// Rule that decided.
    pub rule: String,
    /// The verdict's sentence.
    pub reason: String,
    /// What was found.
    pub detections: Vec<Detection>,
    /// Why it ran on a fallback.
    pub degraded: Vec<String>,
    /// Why it was not answered.
    pub error: Option<String>,
    /// What the reject arm did; `None` until it is due.
    pub fate: Option<Fate>,
}

/// A vertical line in the timeline.
#[derive(Clone, Debug)]
pub struct Mark {
    /// When.
    pub at: u64,
    /// What happened.
    pub label: String,
    /// The end of a trouble, not its beginning.
    pub recovery: bool,
}
