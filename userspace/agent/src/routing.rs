//! Routing policies in the agent: a job's facts go in when it is admitted, its route comes out.
//!
//! The policies themselves are `tandem-policy`'s. They are something else than [`crate::judge`]'s
//! `Policy`, which is a model under a recipe.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tandem_policy::{Abilities, Catalog, Decision, EngineEntry, EngineKind, Snapshot};

use crate::api::RouteTaken;

/// What a client says of a job for routing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOptions {
    /// Stream that it belongs to; empty for none.
    pub stream: String,
    /// Priority, 255 the highest; the stream's own if `None`.
    pub priority: Option<u8>,
    /// Its id, by which canaries are drawn; the number of its admission if `None`.
    pub id: Option<u64>,
}

/// A decision and the policy that made it.
#[derive(Clone, Debug)]
pub struct Routed {
    /// Policy.
    pub policy: Arc<Snapshot>,
    /// What it decided.
    pub decision: Decision,
}

impl Routed {
    /// As clients see it.
    pub fn taken(&self) -> RouteTaken {
        RouteTaken {
            policy: self.policy.id().to_owned(),
            rule: self.policy.rule_name(&self.decision).to_owned(),
            route: self.decision.route.kind.name().to_owned(),
            canary: self.decision.canary,
        }
    }
}

/// What policies may name in an agent that serves `model` on `workers`, with `local` beside or
/// behind them: the order of [`crate::agent::Engines`].
pub fn catalog(model: &str, workers: &[String], local: Option<&str>) -> Catalog {
    let entry = |name: &str, kind| EngineEntry { name: name.to_owned(), kind };
    let workers = workers.iter().map(|name| entry(name, EngineKind::Worker));
    let local = local.map(|name| entry(name, EngineKind::Cpu));
    Catalog {
        models: vec![model.to_owned()],
        engines: workers.chain(local).collect(),
        can: Abilities::default(),
    }
}
