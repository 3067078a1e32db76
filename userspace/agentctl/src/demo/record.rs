//! What the demo remembers of a run.

use tandem_agent::api::{Detection, Outcome, Stage};

/// What the gate did with a part, against what it deserved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// A good part went through.
    Passed,
    /// A bad part was rejected.
    Rejected,
    /// A good part was rejected because no cancel reached the gate in time.
    #[default]
    SafeReject,
}

/// One part from trigger to gate. Times are nanoseconds on the board's clock.
#[derive(Clone, Debug, Default)]
pub struct PartRecord {
    /// Position in the run, from 1.
    pub number: u32,
    /// File name of the photograph.
    pub image: String,
    /// Passed the trigger.
    pub triggered: u64,
    /// Handed to the agent.
    pub submitted: u64,
    /// Reject pulse starts unless cancelled.
    pub due: u64,
    /// Stages of its job.
    pub stages: Vec<Stage>,
    /// Verdict; `None` where the part was not answered.
    pub outcome: Option<Outcome>,
    /// Rule that decided.
    pub rule: String,
    /// What was found.
    pub detections: Vec<Detection>,
    /// Why it ran on a fallback.
    pub degraded: Vec<String>,
    /// What the reject line did, against the verdict without faults.
    pub fate: Fate,
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
