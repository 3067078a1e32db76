//! Routing policies in the agent: a job's facts go in when it is admitted, its route comes out.
//!
//! The policies themselves are `tandem-policy`'s. They are something else than [`crate::judge`]'s
//! `Policy`, which is a model under a recipe.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tandem_channels::{Channel, Kind, Table};
use tandem_policy::{Abilities, Bound, Catalog, Decision, EngineEntry, EngineKind, Snapshot};

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

/// What policies may name in an agent that serves `model` over `channels`.
pub fn catalog(model: &str, channels: &Table) -> Catalog {
    let entry = |(position, channel): (usize, &Channel)| {
        let spec = &channel.spec;
        let kind = if spec.kind == Kind::Mmap { EngineKind::Cpu } else { EngineKind::Worker };
        // Without the frame, whose size no policy knows.
        let way = channels.shortfall(0, false, |i| i == position, 0);
        let bound = way.map(|way| Bound { ns: way.bound, why: channels.sum(&way) });
        EngineEntry { name: spec.name.clone(), kind, bound }
    };
    let engines = (0..channels.engines()).filter_map(|i| Some((i, channels.engine(i)?)));
    Catalog {
        models: vec![model.to_owned()],
        engines: engines.map(entry).collect(),
        can: Abilities::default(),
    }
}
