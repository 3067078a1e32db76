//! What changes from one policy to another, by meaning: places, comments and spelling are none.

use serde::{Deserialize, Serialize};

use crate::document::*;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// Is new.
    Added,
    /// Is gone.
    Removed,
    /// Says something else.
    Changed,
    /// Comes at another place among those that both have.
    Moved,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// To what: `version`, `default`, `rule urgent`, `stream camera-*`, `rule urgent: route`.
    pub what: String,
    /// Before; empty where it was not there.
    pub before: String,
    /// After; empty where it is gone.
    pub after: String,
}

/// The changes from `before` to `after`; none if both mean the same.
pub fn diff(before: &Document, after: &Document) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut field = |what: &str, before: String, after: String| {
        changes.extend(changed(what.to_owned(), before, after));
    };
    field("name", before.name.value.clone(), after.name.value.clone());
    field("version", before.version.value.to_string(), after.version.value.to_string());
    field("description", before.description.clone(), after.description.clone());
    field("default", before.default.describe(), after.default.describe());
    let rule = |rule: &RuleSpec| Entry {
        key: rule.name.value.clone(),
        parts: vec![
            ("match", rule.matches.describe()),
            ("route", rule.route.describe()),
            ("canary", rule.canary.as_ref().map(Canary::describe).unwrap_or_default()),
            ("shadow", rule.shadow.as_ref().map(Shadow::describe).unwrap_or_default()),
        ],
    };
    let stream = |spec: &StreamSpec| Entry {
        key: spec.stream.value.as_str().to_owned(),
        parts: vec![
            ("drop", spec.drop.as_ref().map_or("", |drop| drop.value.name()).to_owned()),
            ("priority", spec.priority.map(|priority| priority.to_string()).unwrap_or_default()),
        ],
    };
    changes.extend(lists("rule", &before.rules, &after.rules, rule));
    changes.extend(lists("stream", &before.streams, &after.streams, stream));
    changes
}

fn changed(what: String, before: String, after: String) -> Option<Change> {
    (before != after).then_some(Change { kind: ChangeKind::Changed, what, before, after })
}

struct Entry {
    key: String,
    parts: Vec<(&'static str, String)>,
}

impl Entry {
    fn describe(&self) -> String {
        let parts = self.parts.iter().filter(|(_, text)| !text.is_empty());
        parts.map(|(name, text)| format!("{name} {text}")).collect::<Vec<_>>().join("; ")
    }
}

fn lists<T>(what: &str, before: &[T], after: &[T], entry: impl Fn(&T) -> Entry) -> Vec<Change> {
    let [before, after]: [Vec<Entry>; 2] =
        [before, after].map(|list| list.iter().map(&entry).collect());
    let has = |list: &[Entry], key: &str| list.iter().any(|entry| entry.key == key);
    let mut changes = Vec::new();
    for entry in before.iter().filter(|entry| !has(&after, &entry.key)) {
        changes.push(Change {
            kind: ChangeKind::Removed,
            what: format!("{what} {}", entry.key),
            before: entry.describe(),
            after: String::new(),
        });
    }
    // The order of what both have: what does not keep its place in the longest common order moved.
    let old: Vec<&str> =
        before.iter().map(|e| e.key.as_str()).filter(|key| has(&after, key)).collect();
    let new: Vec<&str> =
        after.iter().map(|e| e.key.as_str()).filter(|key| has(&before, key)).collect();
    let kept = common(&old, &new);
    for (place, entry) in after.iter().enumerate() {
        let name = format!("{what} {}", entry.key);
        let Some((was, old)) = before.iter().enumerate().find(|(_, old)| old.key == entry.key)
        else {
            changes.push(Change {
                kind: ChangeKind::Added,
                what: name,
                before: String::new(),
                after: entry.describe(),
            });
            continue;
        };
        if !kept.contains(&entry.key.as_str()) {
            let at = |place: usize| format!("place {}", place + 1);
            let (before, after) = (at(was), at(place));
            changes.push(Change { kind: ChangeKind::Moved, what: name.clone(), before, after });
        }
        for ((part, before), (_, after)) in old.parts.iter().zip(&entry.parts) {
            changes.extend(changed(format!("{name}: {part}"), before.clone(), after.clone()));
        }
    }
    changes
}

/// A longest common subsequence.
fn common<'a>(a: &[&'a str], b: &[&'a str]) -> Vec<&'a str> {
    let mut length = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            length[i][j] = if a[i] == b[j] {
                length[i + 1][j + 1] + 1
            } else {
                length[i + 1][j].max(length[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut kept) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            kept.push(a[i]);
            (i, j) = (i + 1, j + 1);
        } else if length[i + 1][j] >= length[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    kept
}

impl Bounds {
    /// For people: `5`, `5 to 9`.
    pub fn describe(&self) -> String {
        if self.min == self.max {
            return self.min.to_string();
        }
        format!("{} to {}", self.min, self.max)
    }
}

impl Match {
    /// For people: `stream camera-*, priority 5 to 9`; `any job` for none.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        let mut part = |name: &str, text: Option<String>| {
            parts.extend(text.map(|text| format!("{name} {text}")));
        };
        let glob = |glob: &Located<crate::Glob>| glob.value.to_string();
        part("model", self.model.as_ref().map(glob));
        part("stream", self.stream.as_ref().map(glob));
        part("priority", self.priority.as_ref().map(Bounds::describe));
        part("deadline_ms", self.deadline_ms.as_ref().map(Bounds::describe));
        part("load", self.load.as_ref().map(Bounds::describe));
        part("pl", self.logic.map(|up| if up { "up" } else { "down" }.to_owned()));
        let mut engines: Vec<_> = self.engines.iter().map(|(name, up)| (&name.value, up)).collect();
        engines.sort();
        for (name, up) in engines {
            part(name, Some(if *up { "ready" } else { "lost" }.to_owned()));
        }
        if parts.is_empty() { "any job".to_owned() } else { parts.join(", ") }
    }
}

impl Canary {
    /// For people: `5 % to cpu-only`.
    pub fn describe(&self) -> String {
        let to = match &self.of {
            CanaryOf::Route(route) => route.describe(),
            CanaryOf::Model(model) => format!("model {}", model.value),
        };
        format!("{} % to {to}", percent(self.share.value))
    }
}

impl Shadow {
    /// For people: `5 % on cpu-only`.
    pub fn describe(&self) -> String {
        format!("{} % on {}", percent(self.share.value), self.route.describe())
    }
}

/// Without the noise of floating point: `5`, `0.1`.
fn percent(share: f64) -> f64 {
    (share * 1e8).round() / 1e6
}
