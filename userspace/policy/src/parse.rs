//! From text to [`Document`]: every field is checked here, and what the document says of itself.

use crate::document::*;
use crate::finding::{Code, Finding, Location, hint};
use crate::glob::Glob;
use crate::read::{Fields, Limits, Reader, join};
use crate::yaml::{self, Node, Value};

/// Most rules of a policy, and most streams.
pub const MAX_RULES: usize = 256;

const PRIORITY: Limits = Limits::whole(0, MAX_PRIORITY);
const DEADLINE: Limits = Limits::whole(0, MAX_DEADLINE_MS);
const LOAD: Limits = Limits { min: 0.0, max: 1.0, whole: false, open: false };
const SHARE: Limits = Limits { min: 0.0, max: 1.0, whole: false, open: true };

pub(crate) fn document(text: &str) -> Result<Document, Vec<Finding>> {
    // The parser puts the end of a text that ends early a line behind its last.
    let line = text.matches(['\n', '\r']).count() as u32 + 1;
    let rest = text.rsplit(['\n', '\r']).next().unwrap_or_default();
    let end = Location { line, column: rest.chars().count() as u32 + 1 };
    read(text).map_err(|mut findings| {
        for at in findings.iter_mut().filter_map(|finding| finding.at.as_mut()) {
            if at.line > end.line {
                *at = end;
            }
        }
        findings
    })
}

fn read(text: &str) -> Result<Document, Vec<Finding>> {
    let node = yaml::parse(text).map_err(|finding| vec![finding])?;
    let mut reader = Reader::default();
    let document = reader.document(&node);
    let mut findings = reader.findings;
    findings.sort_by_key(|finding| finding.at);
    match document {
        Some(document) if findings.is_empty() => Ok(document),
        _ => Err(findings),
    }
}

/// Characters of names that stand in keys, files and answers.
fn is_plain_name(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.len() <= 64 && !text.starts_with('.') && text.chars().all(legal)
}

impl Reader {
    fn document(&mut self, node: &Node) -> Option<Document> {
        let known = ["name", "version", "description", "rules", "default", "streams"];
        let fields = self.fields(node, "", &known)?;
        let name = self.required(&fields, "name").and_then(|node| self.name(node, "name"));
        let version = self
            .required(&fields, "version")
            .and_then(|node| self.number(node, "version", &Limits::whole(1, u32::MAX)));
        let description = fields.get("description").map(|node| self.text(node, "description"));
        let default = self.required(&fields, "default").and_then(|n| self.route(n, "default"));
        let rules = fields.get("rules").map_or_else(Vec::new, |node| self.list(node, "rules"));
        let rules = self.at_most("rules", rules);
        let rules: Vec<_> = rules.iter().map(|(path, node)| self.rule(node, path)).collect();
        let streams = fields.get("streams").map_or_else(Vec::new, |n| self.list(n, "streams"));
        let streams = self.at_most("streams", streams);
        let streams: Vec<_> = streams.iter().map(|(path, node)| self.stream(node, path)).collect();
        self.unreachable_rules(&rules);
        self.unreachable_streams(&streams);
        let version = version?;
        Some(Document {
            name: name?,
            version: Located { value: version.value as u32, at: version.at },
            description: description.flatten().map(|text| text.value).unwrap_or_default(),
            rules: rules.into_iter().collect::<Option<_>>()?,
            default: default?,
            streams: streams.into_iter().collect::<Option<_>>()?,
        })
    }

    fn at_most<'n>(
        &mut self,
        path: &str,
        mut list: Vec<(String, &'n Node)>,
    ) -> Vec<(String, &'n Node)> {
        if let Some((_, extra)) = list.get(MAX_RULES) {
            self.refuse(Code::Limit, extra.at, path, format!("more than {MAX_RULES}"));
            list.truncate(MAX_RULES);
        }
        list
    }

    fn name(&mut self, node: &Node, path: &str) -> Option<Located<String>> {
        let name = self.text(node, path)?;
        if is_plain_name(&name.value) {
            return Some(name);
        }
        let message = "use letters, digits, - _ and . (64 at most, none . first)";
        self.refuse(Code::Value, name.at, path, message);
        None
    }

    fn rule(&mut self, node: &Node, path: &str) -> Option<RuleSpec> {
        let known = ["name", "match", "route", "canary", "shadow"];
        let fields = self.fields(node, path, &known)?;
        let name = self.required(&fields, "name").and_then(|n| self.name(n, &fields.path("name")));
        if name.as_ref().is_some_and(|name| name.value == "default") {
            let message = "is what the default route is called, choose another name";
            self.refuse(Code::Value, node.at, fields.path("name"), message);
        }
        let matches = match fields.get("match") {
            None => Some(Match::default()),
            Some(node) => self.matches(node, &fields.path("match")),
        };
        let route = self.required(&fields, "route");
        let route = route.and_then(|node| self.route(node, &fields.path("route")));
        let canary = fields.get("canary").map(|n| self.canary(n, &fields.path("canary")));
        let shadow = fields.get("shadow").map(|n| self.shadow(n, &fields.path("shadow")));
        Some(RuleSpec {
            name: name?,
            matches: matches?,
            route: route?,
            canary: canary.map_or(Some(None), |canary| canary.map(Some))?,
            shadow: shadow.map_or(Some(None), |shadow| shadow.map(Some))?,
        })
    }

    fn matches(&mut self, node: &Node, path: &str) -> Option<Match> {
        let known = ["model", "stream", "priority", "deadline_ms", "load", "health"];
        let fields = self.fields(node, path, &known)?;
        let before = self.findings.len();
        let health = fields.get("health").map(|n| self.health(n, &fields.path("health")));
        let (logic, engines) = health.flatten().unwrap_or_default();
        let matches = Match {
            model: self.glob(&fields, "model"),
            stream: self.glob(&fields, "stream"),
            priority: self.range(&fields, "priority", &PRIORITY),
            deadline_ms: self.range(&fields, "deadline_ms", &DEADLINE),
            load: self.range(&fields, "load", &LOAD),
            logic,
            engines,
        };
        // What is left of a broken match would match more than was meant.
        (self.findings.len() == before).then_some(matches)
    }

    fn glob(&mut self, fields: &Fields<'_>, name: &str) -> Option<Located<Glob>> {
        let text = self.text(fields.get(name)?, &fields.path(name))?;
        Some(Located { value: Glob::new(text.value), at: text.at })
    }

    fn range(&mut self, fields: &Fields<'_>, name: &str, limits: &Limits) -> Option<Bounds> {
        self.bounds(fields.get(name)?, &fields.path(name), limits)
    }

    #[allow(clippy::type_complexity)] // the two halves of a match's health
    fn health(
        &mut self,
        node: &Node,
        path: &str,
    ) -> Option<(Option<bool>, Vec<(Located<String>, bool)>)> {
        let fields = self.fields(node, path, &["pl", "engines"])?;
        let words = [("up", true), ("down", false)];
        let logic = fields.get("pl").and_then(|n| self.word(n, &fields.path("pl"), &words));
        let mut engines = Vec::new();
        if let Some(node) = fields.get("engines") {
            let path = fields.path("engines");
            let needs = "a map of engines, each ready or lost";
            for (key, node) in self.entries(node, &path, needs).unwrap_or_default() {
                let words = [("ready", true), ("lost", false)];
                if let Some(ready) = self.word(node, &join(&path, &key.text), &words) {
                    let name = Located { value: key.text.clone(), at: key.at };
                    engines.push((name, ready.value));
                }
            }
        }
        Some((logic.map(|logic| logic.value), engines))
    }

    fn route(&mut self, node: &Node, path: &str) -> Option<RouteSpec> {
        let words = RouteKind::WORDS;
        if let Value::Scalar { .. } = node.value {
            let kind = self.word(node, path, &words)?;
            return self.complete(RouteSpec { kind, engines: Vec::new() }, path);
        }
        let fields = self.fields(node, path, &["kind", "engines"])?;
        let kind = self.required(&fields, "kind");
        let kind = kind.and_then(|node| self.word(node, &fields.path("kind"), &words));
        let mut engines: Vec<Located<String>> = Vec::new();
        if let Some(node) = fields.get("engines") {
            let list = self.list(node, &fields.path("engines"));
            if matches!(&node.value, Value::List(list) if list.is_empty()) {
                let message = "is empty: name engines, or leave it out for every one";
                self.refuse(Code::Value, node.at, fields.path("engines"), message);
            }
            for (path, node) in list {
                let name = self.text(node, &path)?;
                if engines.contains(&name) {
                    self.refuse(Code::Duplicate, name.at, path, "stands in this list already");
                } else {
                    engines.push(name);
                }
            }
        }
        self.complete(RouteSpec { kind: kind?, engines }, path)
    }

    fn complete(&mut self, route: RouteSpec, path: &str) -> Option<RouteSpec> {
        if route.kind.value == RouteKind::Remote && route.engines.is_empty() {
            let message = "remote needs endpoints: {kind: remote, engines: [tcp://HOST:PORT]}";
            self.refuse(Code::MissingField, route.kind.at, join(path, "engines"), message);
            return None;
        }
        Some(route)
    }

    fn share(&mut self, fields: &Fields<'_>) -> Option<Located<f64>> {
        let node = self.required(fields, "share")?;
        self.number(node, &fields.path("share"), &SHARE)
    }

    fn canary(&mut self, node: &Node, path: &str) -> Option<Canary> {
        let fields = self.fields(node, path, &["route", "model", "share"])?;
        let share = self.share(&fields);
        let of = match (fields.get("route"), fields.get("model")) {
            (Some(node), None) => self.route(node, &fields.path("route")).map(CanaryOf::Route),
            (None, Some(node)) => self.text(node, &fields.path("model")).map(CanaryOf::Model),
            _ => {
                self.refuse(Code::Value, node.at, path, "give either route or model");
                None
            }
        };
        Some(Canary { of: of?, share: share? })
    }

    fn shadow(&mut self, node: &Node, path: &str) -> Option<Shadow> {
        let fields = self.fields(node, path, &["route", "share"])?;
        let share = self.share(&fields);
        let route = self.required(&fields, "route");
        let route = route.and_then(|node| self.route(node, &fields.path("route")));
        Some(Shadow { route: route?, share: share? })
    }

    fn stream(&mut self, node: &Node, path: &str) -> Option<StreamSpec> {
        let fields = self.fields(node, path, &["stream", "drop", "priority"])?;
        let stream = self.required(&fields, "stream").and_then(|_| self.glob(&fields, "stream"));
        let drop = fields.get("drop");
        let drop = drop.and_then(|n| self.word(n, &fields.path("drop"), &DropPolicy::WORDS));
        let priority = fields.get("priority");
        let priority = priority.and_then(|n| self.number(n, &fields.path("priority"), &PRIORITY));
        if fields.get("drop").is_none() && fields.get("priority").is_none() {
            self.refuse(Code::MissingField, node.at, path, "says nothing, add drop: or priority:");
        }
        Some(StreamSpec { stream: stream?, drop, priority: priority.map(|n| n.value as u8) })
    }

    /// A rule needs a name of its own, and jobs that no earlier rule takes. What several earlier
    /// rules take together is not added up.
    fn unreachable_rules(&mut self, rules: &[Option<RuleSpec>]) {
        for (i, rule) in rules.iter().enumerate() {
            let Some(rule) = rule else { continue };
            let mut earlier = rules[..i].iter().flatten();
            if earlier.clone().any(|earlier| earlier.name == rule.name) {
                let message = "an earlier rule has this name, choose another";
                let field = format!("rules[{i}].name");
                self.refuse(Code::Duplicate, rule.name.at, field, message);
            }
            if let Some(earlier) = earlier.find(|earlier| earlier.matches.covers(&rule.matches)) {
                let message = format!(
                    "rule {:?} of line {} takes every job that this one matches: put this one \
                     before it, or remove it",
                    earlier.name.value, earlier.name.at.line
                );
                self.refuse(Code::Unreachable, rule.name.at, format!("rules[{i}]"), message);
            }
        }
    }

    fn unreachable_streams(&mut self, streams: &[Option<StreamSpec>]) {
        for (i, spec) in streams.iter().enumerate() {
            let Some(Located { value, at }) = spec.as_ref().map(|spec| &spec.stream) else {
                continue;
            };
            let mut earlier = streams[..i].iter().flatten().map(|spec| &spec.stream);
            if let Some(earlier) = earlier.find(|earlier| earlier.value.covers(value)) {
                let message = format!(
                    "{:?} of line {} takes every stream of this one: put this one before it, or \
                     remove it",
                    earlier.value.as_str(),
                    earlier.at.line
                );
                self.refuse(Code::Unreachable, *at, format!("streams[{i}].stream"), message);
            }
        }
    }
}

/// Held against what an agent has; for [`crate::Catalog`].
pub(crate) fn unknown(
    code: Code,
    what: &str,
    name: &Located<String>,
    path: &str,
    known: &[&str],
) -> Finding {
    let message = format!(
        "no {what} is called {:?} here, {}",
        name.value,
        hint(&name.value, known.iter().copied())
    );
    Finding::new(code, name.at, path, message)
}
