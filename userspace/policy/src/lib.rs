//! Routing policies: which silicon and which engines a job goes to.
//!
//! A policy is text until [`Document::parse`] has checked it, and decides only as a [`Snapshot`],
//! which [`Catalog::bind`] makes of it for one agent. A [`Store`] holds the one in force and takes
//! new ones from a source. See `userspace/policy/README.md` for the format.

mod catalog;
mod diff;
mod document;
mod explain;
mod finding;
mod glob;
mod parse;
mod read;
mod share;
mod snapshot;
mod source;
mod store;
mod yaml;

pub use catalog::{Abilities, Bound, Catalog, EngineEntry, EngineKind, EngineSet};
pub use diff::{Change, ChangeKind, diff};
pub use document::{
    Bounds, Canary, CanaryOf, Document, DropPolicy, Located, MAX_DEADLINE_MS, MAX_PRIORITY, Match,
    RouteKind, RouteSpec, RuleSpec, Shadow, StreamSpec,
};
pub use explain::{Explanation, RuleTrace};
pub use finding::{Code, Finding, Location};
pub use glob::Glob;
pub use parse::MAX_RULES;
pub use share::{Draw, Share};
pub use snapshot::{DEFAULT_PRIORITY, Decision, Facts, Route, Snapshot};
pub use source::{Source, SourceError, Timing, Watch};
pub use store::{Refusal, Status, Store};
pub use yaml::{MAX_BYTES, MAX_DEPTH, MAX_NODES};

#[cfg(test)]
mod tests;
