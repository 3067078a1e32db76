//! A policy that decides: compiled for one agent, immutable, shared by its jobs.

use crate::catalog::{Catalog, EngineSet};
use crate::document::{Document, DropPolicy, Match, RouteKind};
use crate::glob::Glob;
use crate::share::Share;

/// Priority of a job that brings none, where its stream has none either.
pub const DEFAULT_PRIORITY: u8 = 0;

/// What is known of a job when it is admitted.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its id; canary and shadow are drawn by it.
    pub job: u64,
    /// Model, `name/version`.
    pub model: &'a str,
    /// Stream that it belongs to; empty for none.
    pub stream: &'a str,
    /// Priority that it brings.
    pub priority: Option<u8>,
    /// From the start of ingest to the deadline, milliseconds.
    pub deadline_ms: u32,
    /// Jobs go to the programmable logic now.
    pub logic_up: bool,
    /// Engines that would take a run now.
    pub ready: EngineSet,
    /// Part of the job table that is taken, 0 to 1.
    pub load: f64,
}

/// Where a job goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Kind.
    pub kind: RouteKind,
    /// Engines that may run the model.
    pub engines: EngineSet,
}

/// What was decided about a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The rule that matched; `None` for the default.
    pub rule: Option<u16>,
    /// Where it goes, the canary counted in.
    pub route: Route,
    /// It is one of the rule's canary.
    pub canary: bool,
    /// Where it is run once more.
    pub shadow: Option<Route>,
    /// Priority, the stream's default counted in.
    pub priority: u8,
    /// What its stream gives up when its queue is full.
    pub drop: Option<DropPolicy>,
}

/// See [`crate::document::Canary`].
#[derive(Clone, Debug)]
pub(crate) struct Canary {
    pub(crate) route: Route,
    pub(crate) share: Share,
}

/// See [`crate::document::Shadow`].
#[derive(Clone, Debug)]
pub(crate) struct Shadow {
    pub(crate) route: Route,
    pub(crate) share: Share,
}

/// A compiled rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) matches: Match,
    pub(crate) ready: EngineSet,
    pub(crate) lost: EngineSet,
    pub(crate) route: Route,
    pub(crate) canary: Option<Canary>,
    pub(crate) shadow: Option<Shadow>,
}

impl Rule {
    /// Numbers first: they cost least.
    fn takes(&self, facts: &Facts<'_>, priority: u8) -> bool {
        let asked = &self.matches;
        asked.priority.is_none_or(|bounds| bounds.contains(priority.into()))
            && asked.deadline_ms.is_none_or(|bounds| bounds.contains(facts.deadline_ms.into()))
            && asked.load.is_none_or(|bounds| bounds.contains(facts.load))
            && asked.logic.is_none_or(|up| up == facts.logic_up)
            && self.ready.0 & !facts.ready.0 == 0
            && self.lost.0 & facts.ready.0 == 0
            && asked.stream.as_ref().is_none_or(|glob| glob.value.matches(facts.stream))
            && asked.model.as_ref().is_none_or(|glob| glob.value.matches(facts.model))
    }
}

/// A compiled stream.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) stream: Glob,
    pub(crate) drop: Option<DropPolicy>,
    pub(crate) priority: Option<u8>,
}

/// A policy in force.
#[derive(Debug)]
pub struct Snapshot {
    id: String,
    document: Document,
    catalog: Catalog,
    pub(crate) rules: Vec<Rule>,
    default: Route,
    streams: Vec<Stream>,
}

impl Snapshot {
    pub(crate) fn new(
        document: Document,
        catalog: Catalog,
        rules: Vec<Rule>,
        default: Route,
        streams: Vec<Stream>,
    ) -> Snapshot {
        Snapshot { id: document.id(), document, catalog, rules, default, streams }
    }

    /// `name@version`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What was written.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// What it was held against.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Name of the rule that decided, `default` for none.
    pub fn rule_name(&self, decision: &Decision) -> &str {
        let rule = decision.rule.and_then(|rule| self.document.rules.get(usize::from(rule)));
        rule.map_or("default", |rule| &rule.name.value)
    }

    /// Decides about a job. Allocates nothing and takes no lock: it is for the frame path.
    pub fn decide(&self, facts: &Facts<'_>) -> Decision {
        let stream = self.streams.iter().find(|spec| spec.stream.matches(facts.stream));
        let own = facts.priority.or(stream.and_then(|spec| spec.priority));
        let priority = own.unwrap_or(DEFAULT_PRIORITY);
        let drop = stream.and_then(|spec| spec.drop);
        let found = self.rules.iter().enumerate().find(|(_, rule)| rule.takes(facts, priority));
        let Some((index, rule)) = found else {
            let route = self.default;
            return Decision { rule: None, route, canary: false, shadow: None, priority, drop };
        };
        let canary = rule.canary.as_ref().filter(|canary| canary.share.takes(facts.job));
        let shadow = rule.shadow.as_ref().filter(|shadow| shadow.share.takes(facts.job));
        Decision {
            rule: Some(index as u16),
            route: canary.map_or(rule.route, |canary| canary.route),
            canary: canary.is_some(),
            shadow: shadow.map(|shadow| shadow.route),
            priority,
            drop,
        }
    }
}
