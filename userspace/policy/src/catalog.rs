//! What an agent has: a document is held against it before it decides anything.

use serde::{Deserialize, Serialize};

use crate::document::*;
use crate::finding::{Code, Finding};
use crate::parse::unknown;
use crate::share::{Draw, Share};
use crate::snapshot::{Canary, Route, Rule, Shadow, Snapshot, Stream};

/// What an engine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// A runtime on this processor.
    Cpu,
    /// A gpu-worker at its endpoint.
    Worker,
}

/// An engine of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineEntry {
    /// `rten`, `ort`, `tcp://HOST:PORT`.
    pub name: String,
    /// Kind.
    pub kind: EngineKind,
    /// What the line to it needs for a job; `None` where nobody knows its rate.
    pub bound: Option<Bound>,
}

/// The least time of a job's bytes on the line to an engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// Nanoseconds.
    pub ns: u64,
    /// The arithmetic.
    pub why: String,
}

/// What an agent can do besides routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    /// Serve more than one model at once.
    pub models: bool,
    /// Run a job a second time.
    pub shadow: bool,
    /// Drop jobs of a stream by its policy.
    pub drop: bool,
}

/// What an agent has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// Models that it serves, `name/version`.
    pub models: Vec<String>,
    /// Its engines; [`EngineSet`] counts them in this order.
    pub engines: Vec<EngineEntry>,
    /// What it can do besides.
    pub can: Abilities,
}

/// Engines of a [`Catalog`], by position; the first 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineSet(pub u64);

impl EngineSet {
    /// Every engine.
    pub const ALL: EngineSet = EngineSet(u64::MAX);

    /// The engine at `position` is in; every one is in [`EngineSet::ALL`].
    pub fn has(self, position: usize) -> bool {
        self == EngineSet::ALL || (position < 64 && self.0 >> position & 1 == 1)
    }

    /// With the engine at `position`.
    #[must_use]
    pub fn with(self, position: usize) -> EngineSet {
        EngineSet(if position < 64 { self.0 | 1 << position } else { self.0 })
    }
}

impl Catalog {
    /// Makes a document ready to decide for this agent.
    ///
    /// # Errors
    /// Everything that this agent does not have or cannot do, in the order of the text.
    pub fn bind(&self, document: Document) -> Result<Snapshot, Vec<Finding>> {
        let mut binder = Binder { catalog: self, findings: Vec::new() };
        let default = binder.route(&document.default, "default");
        let rules: Vec<Rule> =
            document.rules.iter().enumerate().map(|(i, rule)| binder.rule(i, rule)).collect();
        let streams = document.streams.iter().enumerate();
        let streams: Vec<Stream> = streams.map(|(i, spec)| binder.stream(i, spec)).collect();
        let mut findings = binder.findings;
        if findings.is_empty() {
            return Ok(Snapshot::new(document, self.clone(), rules, default, streams));
        }
        findings.sort_by_key(|finding| finding.at);
        Err(findings)
    }

    /// Names of the engines of a set.
    pub fn names(&self, set: EngineSet) -> Vec<String> {
        let engines = self.engines.iter().enumerate();
        engines.filter(|(i, _)| set.has(*i)).map(|(_, engine)| engine.name.clone()).collect()
    }

    fn of_kind(&self, kind: EngineKind) -> EngineSet {
        let engines = self.engines.iter().enumerate();
        let of_kind = engines.filter(|(_, engine)| engine.kind == kind);
        of_kind.fold(EngineSet::default(), |set, (i, _)| set.with(i))
    }

    /// The engines that a kind of route may use.
    fn allowed(&self, kind: RouteKind) -> EngineSet {
        match kind {
            RouteKind::FpgaGpuFpga => {
                (0..self.engines.len()).fold(EngineSet::default(), EngineSet::with)
            }
            RouteKind::GpuOnly | RouteKind::Remote => self.of_kind(EngineKind::Worker),
            RouteKind::CpuOnly => self.of_kind(EngineKind::Cpu),
        }
    }
}

struct Binder<'a> {
    catalog: &'a Catalog,
    findings: Vec<Finding>,
}

impl Binder<'_> {
    fn refuse(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    fn unsupported<T>(&mut self, value: &Located<T>, path: String, message: String) {
        self.refuse(Finding::new(Code::Unsupported, value.at, path, message));
    }

    /// The engines of a name; the same endpoint may have several.
    fn engine(&mut self, name: &Located<String>, path: &str) -> EngineSet {
        let engines = self.catalog.engines.iter().enumerate();
        let named = engines.filter(|(_, engine)| engine.name == name.value);
        let set = named.fold(EngineSet::default(), |set, (i, _)| set.with(i));
        if set == EngineSet::default() {
            let known: Vec<&str> =
                self.catalog.engines.iter().map(|engine| engine.name.as_str()).collect();
            self.refuse(unknown(Code::UnknownEngine, "engine", name, path, &known));
        }
        set
    }

    fn route(&mut self, spec: &RouteSpec, path: &str) -> Route {
        let kind = spec.kind.value;
        let allowed = self.catalog.allowed(kind);
        let needs = match kind {
            RouteKind::FpgaGpuFpga => "an engine",
            RouteKind::GpuOnly | RouteKind::Remote => "a gpu-worker (--engine tcp://HOST:PORT)",
            RouteKind::CpuOnly => {
                "a runtime on this processor (--engine rten, or ,rten behind workers)"
            }
        };
        if allowed == EngineSet::default() {
            let message = format!("{} needs {needs}, this agent has none", kind.name());
            self.unsupported(&spec.kind, path.to_owned(), message);
        }
        if spec.engines.is_empty() {
            return Route { kind, engines: allowed };
        }
        let mut engines = EngineSet::default();
        for (i, name) in spec.engines.iter().enumerate() {
            let path = format!("{path}.engines[{i}]");
            let named = self.engine(name, &path);
            if named.0 & !allowed.0 != 0 && allowed != EngineSet::default() {
                let message =
                    format!("{} cannot use {:?}: it needs {needs}", kind.name(), name.value);
                self.unsupported(name, path, message);
            }
            engines.0 |= named.0;
        }
        Route { kind, engines }
    }

    /// A rule for jobs of at most so many milliseconds must have an engine whose line is quick enough.
    fn within(&mut self, matches: &Match, spec: &RouteSpec, route: &Route, path: &str) {
        let Some(limit) = matches.deadline_ms.map(|range| range.max) else { return };
        let engines = self.catalog.engines.iter().enumerate();
        let bounds =
            engines.filter(|(i, _)| route.engines.has(*i)).map(|(_, engine)| &engine.bound);
        // One without a bound may be quick enough.
        let Some(bounds) = bounds.map(Option::as_ref).collect::<Option<Vec<&Bound>>>() else {
            return;
        };
        let Some(best) = bounds.into_iter().min_by_key(|bound| bound.ns) else { return };
        if best.ns as f64 > limit * 1e6 {
            let message = format!(
                "no engine of {} can answer within {limit} ms: {} = {:.3} ms at the least; give the \
                 rule longer deadlines, or an engine on a quicker line",
                spec.describe(),
                best.why,
                best.ns as f64 / 1e6,
            );
            let path = format!("{path}.route");
            self.refuse(Finding::new(Code::LinkTooSlow, spec.kind.at, path, message));
        }
    }

    fn model(&mut self, name: &Located<String>, path: &str) {
        if !self.catalog.models.contains(&name.value) {
            let known: Vec<&str> = self.catalog.models.iter().map(String::as_str).collect();
            self.refuse(unknown(Code::UnknownModel, "model", name, path, &known));
        }
    }

    fn rule(&mut self, i: usize, spec: &RuleSpec) -> Rule {
        let path = format!("rules[{i}]");
        let matches = &spec.matches;
        if let Some(model) = &matches.model
            && !self.catalog.models.iter().any(|known| model.value.matches(known))
        {
            let name = Located { value: model.value.as_str().to_owned(), at: model.at };
            self.model(&name, &format!("{path}.match.model"));
        }
        let [mut ready, mut lost] = [EngineSet::default(); 2];
        for (name, up) in &matches.engines {
            let path = format!("{path}.match.health.engines.{}", name.value);
            let named = self.engine(name, &path);
            (if *up { &mut ready } else { &mut lost }).0 |= named.0;
        }
        let salt = &spec.name.value;
        let canary = spec.canary.as_ref().and_then(|canary| {
            let share = Share::new(canary.share.value, Draw::Canary, salt);
            let route = match &canary.of {
                CanaryOf::Route(route) => self.route(route, &format!("{path}.canary.route")),
                CanaryOf::Model(model) => {
                    self.canary_model(model, &format!("{path}.canary.model"));
                    return None;
                }
            };
            Some(Canary { route, share })
        });
        let shadow = spec.shadow.as_ref().map(|shadow| {
            if !self.catalog.can.shadow {
                let message = "this agent cannot run a job a second time, leave shadow out";
                self.unsupported(&shadow.share, format!("{path}.shadow"), message.to_owned());
            }
            let route = self.route(&shadow.route, &format!("{path}.shadow.route"));
            Shadow { route, share: Share::new(shadow.share.value, Draw::Shadow, salt) }
        });
        let route = self.route(&spec.route, &format!("{path}.route"));
        self.within(matches, &spec.route, &route, &path);
        Rule { matches: matches.clone(), ready, lost, route, canary, shadow }
    }

    /// One model at a time runs, so there is none to send a part of the jobs to.
    fn canary_model(&mut self, model: &Located<String>, path: &str) {
        self.model(model, path);
        if !self.catalog.can.models {
            let served = self.catalog.models.join(", ");
            let message = format!("this agent serves one model at a time ({served}), use a route");
            self.unsupported(model, path.to_owned(), message);
        }
    }

    fn stream(&mut self, i: usize, spec: &StreamSpec) -> Stream {
        if let Some(drop) = spec.drop.as_ref().filter(|_| !self.catalog.can.drop) {
            let message = "this agent has one queue for all streams and drops nothing from it, \
                           leave drop out";
            self.unsupported(drop, format!("streams[{i}].drop"), message.to_owned());
        }
        let drop = spec.drop.as_ref().map(|drop| drop.value);
        Stream { stream: spec.stream.value.clone(), drop, priority: spec.priority }
    }
}
