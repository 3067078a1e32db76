//! From a tree to values, with a finding for everything that is not as it must be.

use std::fmt;

use crate::document::{Bounds, Located};
use crate::finding::{Code, Finding, Location, hint};
use crate::yaml::{Key, Node, Value};

/// Collects findings.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) findings: Vec<Finding>,
}

/// A map whose fields are known.
pub(crate) struct Fields<'n> {
    map: &'n [(Key, Node)],
    at: Location,
    path: String,
}

impl<'n> Fields<'n> {
    /// The value of a field.
    pub(crate) fn get(&self, name: &str) -> Option<&'n Node> {
        self.map.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
    }

    /// The path of a field.
    pub(crate) fn path(&self, name: &str) -> String {
        join(&self.path, name)
    }
}

/// `path.name`, and `name` at the top.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

impl Reader {
    /// Notes a finding.
    pub(crate) fn refuse(
        &mut self,
        code: Code,
        at: Location,
        path: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.findings.push(Finding::new(code, at, path, message));
    }

    fn type_error(&mut self, node: &Node, path: &str, needs: &str) {
        let message = format!("is {}, needs {needs}", node.value.kind());
        self.refuse(Code::Type, node.at, path, message);
    }

    /// A map with fields of these names only.
    pub(crate) fn fields<'n>(
        &mut self,
        node: &'n Node,
        path: &str,
        known: &[&str],
    ) -> Option<Fields<'n>> {
        let map = self.entries(node, path, "a map of fields")?;
        for (key, _) in map {
            if !known.contains(&key.text.as_str()) {
                let message = format!("unknown field, {}", hint(&key.text, known.iter().copied()));
                self.refuse(Code::UnknownField, key.at, join(path, &key.text), message);
            }
        }
        Some(Fields { map, at: node.at, path: path.to_owned() })
    }

    /// A map of any keys, none twice.
    pub(crate) fn entries<'n>(
        &mut self,
        node: &'n Node,
        path: &str,
        needs: &str,
    ) -> Option<&'n [(Key, Node)]> {
        let Value::Map(map) = &node.value else {
            self.type_error(node, path, needs);
            return None;
        };
        let mut seen = std::collections::HashSet::new();
        for (key, _) in map {
            if !seen.insert(key.text.as_str()) {
                let message = "this field stands here twice, remove one";
                self.refuse(Code::Duplicate, key.at, join(path, &key.text), message);
            }
        }
        Some(map)
    }

    /// A field that must be there.
    pub(crate) fn required<'n>(&mut self, fields: &Fields<'n>, name: &str) -> Option<&'n Node> {
        let node = fields.get(name);
        if node.is_none() {
            let message = format!("missing, add {name}:");
            self.refuse(Code::MissingField, fields.at, fields.path(name), message);
        }
        node
    }

    /// The elements of a list, with their paths.
    pub(crate) fn list<'n>(&mut self, node: &'n Node, path: &str) -> Vec<(String, &'n Node)> {
        let Value::List(list) = &node.value else {
            self.type_error(node, path, "a list");
            return Vec::new();
        };
        list.iter().enumerate().map(|(i, node)| (format!("{path}[{i}]"), node)).collect()
    }

    /// Text that is not empty.
    pub(crate) fn text(&mut self, node: &Node, path: &str) -> Option<Located<String>> {
        match &node.value {
            Value::Scalar { text, plain } if *plain && is_other_type(text) => {
                let message = format!("{text} is no text, write it in quotes: \"{text}\"");
                self.refuse(Code::Type, node.at, path, message);
                None
            }
            Value::Scalar { text, .. } if text.trim().is_empty() => {
                self.refuse(Code::Value, node.at, path, "is empty");
                None
            }
            Value::Scalar { text, .. } => Some(Located { value: text.clone(), at: node.at }),
            _ => {
                self.type_error(node, path, "text");
                None
            }
        }
    }

    /// A word of a list.
    pub(crate) fn word<T: Copy>(
        &mut self,
        node: &Node,
        path: &str,
        words: &[(&'static str, T)],
    ) -> Option<Located<T>> {
        let text = self.text(node, path)?;
        match words.iter().find(|(word, _)| *word == text.value) {
            Some((_, value)) => Some(Located { value: *value, at: text.at }),
            None => {
                let hint = hint(&text.value, words.iter().map(|(word, _)| *word));
                let message = format!("{:?} is not known, {hint}", text.value);
                self.refuse(Code::Value, text.at, path, message);
                None
            }
        }
    }

    /// A number from `min` to `max`, whole if `whole`.
    pub(crate) fn number(
        &mut self,
        node: &Node,
        path: &str,
        limits: &Limits,
    ) -> Option<Located<f64>> {
        let Value::Scalar { text, plain } = &node.value else {
            self.type_error(node, path, "a number");
            return None;
        };
        let digits = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
        let parsed = text.parse::<f64>().ok().filter(|_| *plain && digits);
        let Some(value) = parsed else {
            let message = format!("{text:?} is no number, use {limits}");
            self.refuse(Code::Type, node.at, path, message);
            return None;
        };
        let whole = !limits.whole || value.fract() == 0.0;
        let above = if limits.open { value > limits.min } else { value >= limits.min };
        if !(whole && above && value <= limits.max) {
            self.refuse(
                Code::Value,
                node.at,
                path,
                format!("{text} is out of range, use {limits}"),
            );
            return None;
        }
        Some(Located { value, at: node.at })
    }

    /// `{min: a, max: b}` with either left out, or one number for both.
    pub(crate) fn bounds(&mut self, node: &Node, path: &str, limits: &Limits) -> Option<Bounds> {
        if let Value::Scalar { .. } = node.value {
            let both = self.number(node, path, limits)?.value;
            return Some(Bounds { min: both, max: both });
        }
        let fields = self.fields(node, path, &["min", "max"])?;
        let mut end = |name: &str, otherwise| match fields.get(name) {
            None => Some(otherwise),
            Some(node) => Some(self.number(node, &fields.path(name), limits)?.value),
        };
        let (min, max) = (end("min", limits.min), end("max", limits.max));
        let (min, max) = (min?, max?);
        if fields.get("min").is_none() && fields.get("max").is_none() {
            self.refuse(Code::Value, node.at, path, "give min, max, or both");
            return None;
        }
        if min > max {
            let message = format!("min {min} is above max {max}: nothing is between them");
            self.refuse(Code::Value, node.at, path, message);
            return None;
        }
        Some(Bounds { min, max })
    }
}

/// A plain scalar that YAML takes for a number, a truth value or nothing.
fn is_other_type(text: &str) -> bool {
    let words = ["true", "True", "TRUE", "false", "False", "FALSE", "null", "Null", "NULL", "~"];
    let digits = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    words.contains(&text) || (digits && text.parse::<f64>().is_ok())
}

/// What a number may be.
pub(crate) struct Limits {
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// A whole number.
    pub(crate) whole: bool,
    /// `min` itself is outside.
    pub(crate) open: bool,
}

impl Limits {
    /// A whole number from `min` to `max`.
    pub(crate) const fn whole(min: u32, max: u32) -> Limits {
        Limits { min: min as f64, max: max as f64, whole: true, open: false }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.whole { "a whole number" } else { "a number" };
        let from = if self.open { "above" } else { "from" };
        let Limits { min, max, .. } = self;
        write!(f, "{whole} {from} {min} to {max}")
    }
}
