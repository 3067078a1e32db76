//! A decision in words: which rule matched, why the earlier ones did not, what follows.

use serde::{Deserialize, Serialize};

use crate::document::{Bounds, Document};
use crate::snapshot::{Facts, Route, Rule, Snapshot};

/// What one rule saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleTrace {
    /// Name.
    pub rule: String,
    /// It is the one that decided: the first that matches.
    pub decides: bool,
    /// Why it does not match; empty where it does.
    pub why_not: Vec<String>,
}

/// A decision and its reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// `name@version`.
    pub policy: String,
    /// Rules in order; those behind the deciding one are looked at, too.
    pub rules: Vec<RuleTrace>,
    /// Rule that decided, or `default`.
    pub rule: String,
    /// Route that follows.
    pub route: String,
    /// Engines that may run the model.
    pub engines: Vec<String>,
    /// The job is one of the canary.
    pub canary: bool,
    /// The rule's canary in words; empty for none.
    pub canary_rule: String,
    /// The rule's shadow in words; empty for none.
    pub shadow_rule: String,
    /// Priority that the job has.
    pub priority: u8,
    /// What the job's stream gives up when its queue is full; empty where nothing is said.
    pub drop: String,
}

impl Snapshot {
    /// The decision about a job, with its reasons.
    pub fn explain(&self, facts: &Facts<'_>) -> Explanation {
        let decision = self.decide(facts);
        let document: &Document = self.document();
        let rules = self.rules.iter().zip(&document.rules).enumerate();
        let rules = rules.map(|(i, (rule, spec))| RuleTrace {
            rule: spec.name.value.clone(),
            decides: decision.rule == Some(i as u16),
            why_not: self.why_not(rule, facts, decision.priority),
        });
        let spec = decision.rule.and_then(|rule| document.rules.get(usize::from(rule)));
        let canary = spec.and_then(|spec| spec.canary.as_ref());
        let shadow = spec.and_then(|spec| spec.shadow.as_ref());
        let Route { kind, engines } = decision.route;
        Explanation {
            policy: self.id().to_owned(),
            rules: rules.collect(),
            rule: self.rule_name(&decision).to_owned(),
            route: kind.name().to_owned(),
            engines: self.catalog().names(engines),
            canary: decision.canary,
            canary_rule: canary.map(|canary| canary.describe()).unwrap_or_default(),
            shadow_rule: shadow.map(|shadow| shadow.describe()).unwrap_or_default(),
            priority: decision.priority,
            drop: decision.drop.map_or("", |drop| drop.name()).to_owned(),
        }
    }

    fn why_not(&self, rule: &Rule, facts: &Facts<'_>, priority: u8) -> Vec<String> {
        let asked = &rule.matches;
        let mut why = Vec::new();
        let mut range = |name: &str, bounds: Option<Bounds>, is: f64| {
            if let Some(bounds) = bounds.filter(|bounds| !bounds.contains(is)) {
                why.push(format!("{name} is {is}, needs {}", bounds.describe()));
            }
        };
        range("priority", asked.priority, priority.into());
        range("deadline_ms", asked.deadline_ms, facts.deadline_ms.into());
        range("load", asked.load, (facts.load * 1e3).round() / 1e3);
        let logic = |up: bool| if up { "up" } else { "down" };
        if let Some(up) = asked.logic.filter(|up| *up != facts.logic_up) {
            why.push(format!("pl is {}, needs {}", logic(facts.logic_up), logic(up)));
        }
        let missing = self.catalog().names(crate::EngineSet(rule.ready.0 & !facts.ready.0));
        why.extend(missing.iter().map(|name| format!("{name} is lost, needs ready")));
        let there = self.catalog().names(crate::EngineSet(rule.lost.0 & facts.ready.0));
        why.extend(there.iter().map(|name| format!("{name} is ready, needs lost")));
        for (name, glob, is) in
            [("stream", &asked.stream, facts.stream), ("model", &asked.model, facts.model)]
        {
            if let Some(glob) = glob.as_ref().filter(|glob| !glob.value.matches(is)) {
                let is = if is.is_empty() { "none" } else { is };
                why.push(format!("{name} is {is}, needs {}", glob.value));
            }
        }
        why
    }
}
