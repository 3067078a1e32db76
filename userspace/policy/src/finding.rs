//! What is wrong with a document: code, place, field, and the next step.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place in a text, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Location {
    /// Line.
    pub line: u32,
    /// Column in characters.
    pub column: u32,
}

/// What kind of refusal it is; the stable part of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Code {
    /// The file or key cannot be read, or is no text.
    #[serde(rename = "policy_unreadable")]
    Unreadable,
    /// The key or every file is gone.
    #[serde(rename = "policy_absent")]
    Absent,
    /// The text is not YAML.
    #[serde(rename = "policy_syntax")]
    Syntax,
    /// The document is larger or deeper than a policy may be.
    #[serde(rename = "policy_limit")]
    Limit,
    /// A field that no policy has.
    #[serde(rename = "policy_unknown_field")]
    UnknownField,
    /// A field that every policy has is not there.
    #[serde(rename = "policy_missing_field")]
    MissingField,
    /// A field's value is of another type.
    #[serde(rename = "policy_type")]
    Type,
    /// A field's value makes no sense.
    #[serde(rename = "policy_value")]
    Value,
    /// The same name or field twice.
    #[serde(rename = "policy_duplicate")]
    Duplicate,
    /// A rule or stream that an earlier one leaves nothing to.
    #[serde(rename = "policy_unreachable")]
    Unreachable,
    /// A model that this agent does not have.
    #[serde(rename = "policy_unknown_model")]
    UnknownModel,
    /// An engine that this agent does not have.
    #[serde(rename = "policy_unknown_engine")]
    UnknownEngine,
    /// Something that this agent cannot do.
    #[serde(rename = "policy_unsupported")]
    Unsupported,
    /// A route whose lines need longer than its jobs' deadlines leave.
    #[serde(rename = "policy_link_too_slow")]
    LinkTooSlow,
    /// Another text under the version that is in force.
    #[serde(rename = "policy_same_version")]
    SameVersion,
}

impl Code {
    /// Stable name.
    pub fn name(self) -> &'static str {
        match self {
            Code::Unreadable => "policy_unreadable",
            Code::Absent => "policy_absent",
            Code::Syntax => "policy_syntax",
            Code::Limit => "policy_limit",
            Code::UnknownField => "policy_unknown_field",
            Code::MissingField => "policy_missing_field",
            Code::Type => "policy_type",
            Code::Value => "policy_value",
            Code::Duplicate => "policy_duplicate",
            Code::Unreachable => "policy_unreachable",
            Code::UnknownModel => "policy_unknown_model",
            Code::UnknownEngine => "policy_unknown_engine",
            Code::Unsupported => "policy_unsupported",
            Code::LinkTooSlow => "policy_link_too_slow",
            Code::SameVersion => "policy_same_version",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Kind.
    pub code: Code,
    /// Where; `None` where the text as a whole is the problem.
    pub at: Option<Location>,
    /// Field, such as `rules[1].match.stream`; empty where no field is to blame.
    pub field: String,
    /// What is wrong, and the next step.
    pub message: String,
}

impl Finding {
    /// A finding at a place.
    pub fn new(
        code: Code,
        at: impl Into<Option<Location>>,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> Finding {
        Finding { code, at: at.into(), field: field.into(), message: message.into() }
    }

    /// `file:line:column: field: message`, and the line with a caret under the place.
    pub fn render(&self, file: &str, text: &str) -> String {
        let place = self.at.map(|at| format!(":{}:{}", at.line, at.column)).unwrap_or_default();
        let mut out = format!("{file}{place}: {self}");
        let excerpt = self.at.and_then(|at| Some((at, text.lines().nth(at.line as usize - 1)?)));
        if let Some((at, line)) = excerpt {
            let number = at.line.to_string();
            // Tabs stay tabs, so that the caret is under its place in every terminal.
            let before = line.chars().take(at.column.saturating_sub(1) as usize);
            let pad: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            let gap = " ".repeat(number.len());
            out.push_str(&format!("\n  {number} | {line}\n  {gap} | {pad}^"));
        }
        out
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.message),
            field => write!(f, "{field}: {}", self.message),
        }
    }
}

/// `, did you mean "x"?` for the candidate that `wanted` most likely meant, else what there is.
pub(crate) fn hint<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let limit = (wanted.chars().count() / 3).max(2);
    let near = candidates
        .iter()
        .map(|candidate| (strsim::osa_distance(wanted, candidate), *candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min();
    match near {
        Some((_, near)) => format!("did you mean {near:?}?"),
        None if candidates.is_empty() => "there are none".to_owned(),
        None => format!("there are: {}", candidates.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_under_the_place() {
        let at = Location { line: 2, column: 4 };
        let finding = Finding::new(Code::Value, at, "b", "is wrong");
        let text = finding.render("p.yaml", "a: 1\nß: x\n");
        assert_eq!(text, "p.yaml:2:4: b: is wrong\n  2 | ß: x\n    |    ^");
        let beyond = Finding::new(Code::Value, Location { line: 9, column: 1 }, "", "is wrong");
        assert_eq!(beyond.render("p.yaml", "a"), "p.yaml:9:1: is wrong");
    }

    #[test]
    fn a_hint_names_what_is_near_or_what_there_is() {
        assert_eq!(hint("gpu-olny", ["gpu-only", "cpu-only"]), "did you mean \"gpu-only\"?");
        assert_eq!(hint("zebra", ["a", "b"]), "there are: a, b");
    }

    #[test]
    fn names_are_what_is_serialised() {
        let codes = [Code::Unreadable, Code::Syntax, Code::UnknownEngine, Code::SameVersion];
        for code in codes {
            assert_eq!(serde_json::to_string(&code).unwrap(), format!("{:?}", code.name()));
        }
    }
}
