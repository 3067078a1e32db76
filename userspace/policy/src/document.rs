//! A policy as it is written, with the place of what other things are held against.

use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Location};
use crate::glob::Glob;

/// A value and its place. Two are equal if their values are: a place is no meaning.
#[derive(Clone, Debug)]
pub struct Located<T> {
    /// Value.
    pub value: T,
    /// Place in the text.
    pub at: Location,
}

impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// From `min` to `max`, both inside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Least.
    pub min: f64,
    /// Most.
    pub max: f64,
}

impl Bounds {
    /// `value` is inside.
    pub fn contains(&self, value: f64) -> bool {
        self.min <= value && value <= self.max
    }

    /// Everything inside `other` is inside this.
    pub fn covers(&self, other: &Bounds) -> bool {
        self.min <= other.min && other.max <= self.max
    }
}

/// What runs the stages of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteKind {
    /// Before and after the model in programmable logic, the model on any engine: what an agent
    /// does without a policy.
    FpgaGpuFpga,
    /// The model on a gpu-worker; before and after it on the host's processor.
    GpuOnly,
    /// Everything on the host's processor.
    CpuOnly,
    /// As `fpga-gpu-fpga`, the model on named endpoints and nowhere else.
    Remote,
}

impl RouteKind {
    /// Words of a document.
    pub const WORDS: [(&'static str, RouteKind); 4] = [
        ("fpga-gpu-fpga", RouteKind::FpgaGpuFpga),
        ("gpu-only", RouteKind::GpuOnly),
        ("cpu-only", RouteKind::CpuOnly),
        ("remote", RouteKind::Remote),
    ];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            RouteKind::FpgaGpuFpga => "fpga-gpu-fpga",
            RouteKind::GpuOnly => "gpu-only",
            RouteKind::CpuOnly => "cpu-only",
            RouteKind::Remote => "remote",
        }
    }

    /// The programmable logic runs the stages around the model.
    pub fn uses_logic(self) -> bool {
        matches!(self, RouteKind::FpgaGpuFpga | RouteKind::Remote)
    }
}

/// Where a job goes.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteSpec {
    /// Kind.
    pub kind: Located<RouteKind>,
    /// Engines by name; empty: every one that the kind allows.
    pub engines: Vec<Located<String>>,
}

impl RouteSpec {
    /// For people: `remote (tcp://a:1, tcp://b:1)`.
    pub fn describe(&self) -> String {
        let names: Vec<&str> = self.engines.iter().map(|name| name.value.as_str()).collect();
        match names.as_slice() {
            [] => self.kind.value.name().to_owned(),
            names => format!("{} ({})", self.kind.value.name(), names.join(", ")),
        }
    }
}

/// What a rule asks of a job. `None` and empty: anything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Match {
    /// Model, `name/version`.
    pub model: Option<Located<Glob>>,
    /// Stream.
    pub stream: Option<Located<Glob>>,
    /// Priority, 0 to 255.
    pub priority: Option<Bounds>,
    /// From the start of ingest to the deadline, milliseconds.
    pub deadline_ms: Option<Bounds>,
    /// Part of the job table that is taken, 0 to 1.
    pub load: Option<Bounds>,
    /// The programmable logic is up (`true`) or down.
    pub logic: Option<bool>,
    /// Engines that must be ready (`true`) or lost.
    pub engines: Vec<(Located<String>, bool)>,
}

impl Match {
    /// Every job that `other` takes, this takes. May say no where it is so, never yes where not.
    pub fn covers(&self, other: &Match) -> bool {
        fn wide<T>(own: Option<&T>, other: Option<&T>, covers: impl Fn(&T, &T) -> bool) -> bool {
            match (own, other) {
                (None, _) => true,
                (Some(own), Some(other)) => covers(own, other),
                (Some(_), None) => false,
            }
        }
        let glob = |own: &Located<Glob>, other: &Located<Glob>| own.value.covers(&other.value);
        let full = |bounds: &Option<Bounds>, all: Bounds| bounds.filter(|own| !own.covers(&all));
        let range = |own: &Option<Bounds>, other: &Option<Bounds>, max| {
            let all = Bounds { min: 0.0, max };
            wide(full(own, all).as_ref(), other.as_ref(), Bounds::covers)
        };
        let any = |glob: &&Located<Glob>| !glob.value.covers(&Glob::new("*"));
        wide(self.model.as_ref().filter(any), other.model.as_ref(), glob)
            && wide(self.stream.as_ref().filter(any), other.stream.as_ref(), glob)
            && range(&self.priority, &other.priority, MAX_PRIORITY.into())
            && range(&self.deadline_ms, &other.deadline_ms, MAX_DEADLINE_MS.into())
            && range(&self.load, &other.load, 1.0)
            && wide(self.logic.as_ref(), other.logic.as_ref(), PartialEq::eq)
            && self.engines.iter().all(|asked| other.engines.contains(asked))
    }
}

/// Highest priority.
pub const MAX_PRIORITY: u32 = 255;
/// Longest deadline, milliseconds.
pub const MAX_DEADLINE_MS: u32 = 3_600_000;

/// What a part of a rule's jobs tries in place of the rest.
#[derive(Clone, Debug, PartialEq)]
pub enum CanaryOf {
    /// Another route.
    Route(RouteSpec),
    /// Another model, `name/version`.
    Model(Located<String>),
}

/// A part of a rule's jobs goes another way.
#[derive(Clone, Debug, PartialEq)]
pub struct Canary {
    /// What.
    pub of: CanaryOf,
    /// How many, above 0 to 1.
    pub share: Located<f64>,
}

/// A part of a rule's jobs is run once more elsewhere; nobody waits for that.
#[derive(Clone, Debug, PartialEq)]
pub struct Shadow {
    /// Where.
    pub route: RouteSpec,
    /// How many, above 0 to 1.
    pub share: Located<f64>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSpec {
    /// Name, unique.
    pub name: Located<String>,
    /// Which jobs.
    pub matches: Match,
    /// Where they go.
    pub route: RouteSpec,
    /// Part of them that goes elsewhere.
    pub canary: Option<Canary>,
    /// Part of them that is run again.
    pub shadow: Option<Shadow>,
}

/// What a stream's full queue gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropPolicy {
    /// The job that comes.
    Newest,
    /// The job that waits longest.
    Oldest,
    /// Nothing: the job waits for room until its deadline.
    Block,
}

impl DropPolicy {
    /// Words of a document.
    pub const WORDS: [(&'static str, DropPolicy); 3] = [
        ("newest", DropPolicy::Newest),
        ("oldest", DropPolicy::Oldest),
        ("block", DropPolicy::Block),
    ];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            DropPolicy::Newest => "newest",
            DropPolicy::Oldest => "oldest",
            DropPolicy::Block => "block",
        }
    }
}

/// Defaults of a stream's jobs.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamSpec {
    /// Which streams.
    pub stream: Located<Glob>,
    /// What a full queue gives up.
    pub drop: Option<Located<DropPolicy>>,
    /// Priority of jobs that bring none.
    pub priority: Option<u8>,
}

/// A policy that holds together in itself; not yet held against an agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Name.
    pub name: Located<String>,
    /// Version, from 1; two documents of one name and version say the same.
    pub version: Located<u32>,
    /// One sentence for people.
    pub description: String,
    /// Rules in order; the first that matches decides.
    pub rules: Vec<RuleSpec>,
    /// Where a job goes that no rule matches.
    pub default: RouteSpec,
    /// Defaults by stream in order; the first that matches counts.
    pub streams: Vec<StreamSpec>,
}

impl Document {
    /// Reads and checks a document.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the text.
    pub fn parse(text: &str) -> Result<Document, Vec<Finding>> {
        crate::parse::document(text)
    }

    /// `name@version`.
    pub fn id(&self) -> String {
        format!("{}@{}", self.name.value, self.version.value)
    }
}
