//! Why a recipe was refused: file, line, column, field, and the next step.

use std::fmt;
use std::ops::Range;

use crate::api::ApiError;

/// A place in a recipe's text, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Location {
    /// Line.
    pub line: u32,
    /// Column in characters.
    pub column: u32,
}

impl Location {
    /// The place of byte `offset` in `text`; the end of the text where it lies beyond.
    pub fn of(text: &str, offset: usize) -> Location {
        let mut end = offset.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Location {
            line: 1 + before.matches('\n').count() as u32,
            column: 1 + before[line_start..].chars().count() as u32,
        }
    }
}

/// What kind of refusal it is; the stable part of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecipeErrorKind {
    /// The file cannot be read.
    Unreadable,
    /// The text is not TOML, a field is unknown, missing, or of another type.
    Syntax,
    /// A field's value makes no sense.
    Value,
    /// The recipe names a model that is not there.
    UnknownModel,
    /// The recipe names a class that the model does not have.
    UnknownClass,
    /// No recipe of this name.
    UnknownRecipe,
}

impl RecipeErrorKind {
    /// Stable code, as in [`ApiError::code`].
    pub fn code(self) -> &'static str {
        match self {
            RecipeErrorKind::Unreadable => "recipe_unreadable",
            RecipeErrorKind::Syntax => "recipe_syntax",
            RecipeErrorKind::Value => "recipe_value",
            RecipeErrorKind::UnknownModel => "recipe_unknown_model",
            RecipeErrorKind::UnknownClass => "recipe_unknown_class",
            RecipeErrorKind::UnknownRecipe => "recipe_unknown",
        }
    }
}

/// A recipe was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipeError {
    /// Kind.
    pub kind: RecipeErrorKind,
    /// File the text came from.
    pub file: String,
    /// Where in it; `None` where the file itself is the problem.
    pub at: Option<Location>,
    /// Field, such as `rules[1].region`; empty where no single field is to blame.
    pub field: String,
    /// What is wrong, and the next step.
    pub message: String,
}

impl fmt::Display for RecipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(Location { line, column }) = self.at {
            write!(f, ":{line}:{column}")?;
        }
        if !self.field.is_empty() {
            write!(f, ": {}", self.field)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for RecipeError {}

impl From<RecipeError> for ApiError {
    fn from(error: RecipeError) -> ApiError {
        ApiError {
            code: error.kind.code().to_owned(),
            field: if error.field.is_empty() { error.file.clone() } else { error.field.clone() },
            message: error.to_string(),
        }
    }
}

/// The text of one recipe, for pointing into it.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
}

impl Source<'_> {
    pub(crate) fn at(&self, span: &Range<usize>) -> Location {
        Location::of(self.text, span.start)
    }

    pub(crate) fn value(
        &self,
        span: &Range<usize>,
        field: impl Into<String>,
        message: impl Into<String>,
    ) -> RecipeError {
        RecipeError {
            kind: RecipeErrorKind::Value,
            file: self.file.to_owned(),
            at: Some(self.at(span)),
            field: field.into(),
            message: message.into(),
        }
    }
}

/// The entry of `candidates` that `wanted` most likely meant, if one is near.
pub(crate) fn nearest<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let limit = (wanted.chars().count() / 3).max(2);
    candidates
        .into_iter()
        .map(|candidate| (edit_distance(wanted, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, case ignored.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replace = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn location_counts_characters_and_survives_any_offset() {
        let text = "a = 1\nß = 2\n";
        assert_eq!(Location::of(text, 0), Location { line: 1, column: 1 });
        assert_eq!(Location::of(text, 6), Location { line: 2, column: 1 });
        assert_eq!(Location::of(text, 7), Location { line: 2, column: 1 }, "inside the ß");
        assert_eq!(Location::of(text, 8), Location { line: 2, column: 2 });
        assert_eq!(Location::of(text, 999), Location { line: 3, column: 1 });
    }

    #[test]
    fn nearest_finds_typing_errors_only() {
        let labels = ["person", "bicycle", "car"];
        assert_eq!(nearest("persn", labels), Some("person"));
        assert_eq!(nearest("Person", labels), Some("person"));
        assert_eq!(nearest("zebra", labels), None);
    }
}
