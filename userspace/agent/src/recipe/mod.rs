//! Recipes: what makes a part pass, fail or stay unknown. One TOML file a product.
//!
//! A recipe is text until [`Recipe::parse`] has compiled it, and decides only as a
//! [`RecipeJudge`], which holds it against the model it names. See `userspace/recipes/README.md`
//! for the file format.

mod compile;
mod error;
mod evaluate;
mod explain;
mod rule;
mod schema;
pub mod store;
mod template;

use std::path::Path;

use tandem_engine::model::q16;

pub use error::{Location, RecipeError, RecipeErrorKind};
pub use evaluate::RecipeJudge;
pub use explain::{Explanation, RuleTrace};
pub use schema::{Kind, Measure, Of, Unit};

use crate::api::Outcome;
use error::nearest;
use template::Template;

/// Name that a verdict carries where no rule decided.
pub const DEFAULT_RULE: &str = "default";

/// Most bytes of a recipe file.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// A compiled recipe: immutable, shared by the jobs that were admitted under it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    name: String,
    file: String,
    description: String,
    model: Located<String>,
    score_threshold: Option<f32>,
    iou_threshold: Option<f32>,
    regions: Vec<Region>,
    rules: Vec<Rule>,
    default_result: Outcome,
    default_reason: String,
}

/// A value and its place in the recipe file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) at: Location,
}

/// A named rectangle.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Region {
    pub(crate) name: String,
    pub(crate) bounds: Bounds,
}

/// `x1, y1, x2, y2`; the right and bottom edges are outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bounds {
    /// Source pixels.
    Pixels([f64; 4]),
    /// Parts of the source's width and height.
    Fraction([f64; 4]),
}

/// One compiled rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Empty: every class.
    pub(crate) classes: Vec<Located<String>>,
    /// Index into [`Recipe::regions`].
    pub(crate) region: Option<usize>,
    /// Score from which a detection counts in this rule.
    pub(crate) min_score: Option<Located<f64>>,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) of: Of,
    pub(crate) measure: Measure,
    pub(crate) unit: Unit,
    pub(crate) violated: Outcome,
    pub(crate) reason: Template,
}

impl Recipe {
    /// Compiles `text`. `name` is what the recipe is called, `file` what errors point into.
    pub fn parse(name: &str, file: &str, text: &str) -> Result<Recipe, RecipeError> {
        compile::compile(name, error::Source { file, text })
    }

    /// Reads and compiles a file; the recipe is called after its stem.
    pub fn load(path: &Path) -> Result<Recipe, RecipeError> {
        let file = path.display().to_string();
        let unreadable = |message: String| RecipeError {
            kind: RecipeErrorKind::Unreadable,
            file: file.clone(),
            at: None,
            field: String::new(),
            message,
        };
        let bytes = std::fs::metadata(path).map_err(|e| unreadable(format!("{e}")))?.len();
        if bytes > MAX_FILE_BYTES {
            return Err(unreadable(format!(
                "{bytes} bytes, a recipe has at most {MAX_FILE_BYTES}"
            )));
        }
        let text = std::fs::read_to_string(path).map_err(|e| unreadable(format!("{e}")))?;
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("recipe");
        Recipe::parse(name, &file, &text)
    }

    /// Holds the recipe against the model that it names, as `model` (`name/version`) with `labels`
    /// and a score threshold of its own
    /// (Q16).
    pub fn check(&self, model: &str, labels: &[String], threshold: u16) -> Result<(), RecipeError> {
        self.check_model([model])?;
        self.check_scores(threshold)?;
        for (position, rule) in self.rules.iter().enumerate() {
            for (place, class) in rule.classes.iter().enumerate() {
                if labels.contains(&class.value) {
                    continue;
                }
                let hint = match nearest(&class.value, labels.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => "its labels.txt lists what it has".to_owned(),
                };
                return Err(RecipeError {
                    kind: RecipeErrorKind::UnknownClass,
                    file: self.file.clone(),
                    at: Some(class.at),
                    field: format!("rules[{position}].classes[{place}]"),
                    message: format!("model {model} has no class {:?}, {hint}", class.value),
                });
            }
        }
        Ok(())
    }

    /// A rule cannot count what the threshold before it drops.
    fn check_scores(&self, model: u16) -> Result<(), RecipeError> {
        let threshold = self.score_threshold.map_or(model, q16);
        for (position, rule) in self.rules.iter().enumerate() {
            let Some(score) =
                rule.min_score.as_ref().filter(|score| q16(score.value as f32) < threshold)
            else {
                continue;
            };
            return Err(RecipeError {
                kind: RecipeErrorKind::Value,
                file: self.file.clone(),
                at: Some(score.at),
                field: format!("rules[{position}].min_score"),
                message: format!(
                    "{} is below the score threshold of {:.3}: nothing below that is found, lower \
                     score_threshold or raise min_score",
                    score.value,
                    f64::from(threshold) / 65536.0
                ),
            });
        }
        Ok(())
    }

    /// Checks that the recipe's model is one of `available` (`name/version` each).
    pub fn check_model<'a>(
        &self,
        available: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), RecipeError> {
        let available: Vec<&str> = available.into_iter().collect();
        if available.contains(&self.model()) {
            return Ok(());
        }
        let there = if available.is_empty() { "none".to_owned() } else { available.join(", ") };
        Err(RecipeError {
            kind: RecipeErrorKind::UnknownModel,
            file: self.file.clone(),
            at: Some(self.model.at),
            field: "model".to_owned(),
            message: format!(
                "model {:?} is not loaded, available: {there}; name one of these or add its folder \
                 under models/",
                self.model()
            ),
        })
    }

    /// What the recipe is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The model it needs, `name/version`.
    pub fn model(&self) -> &str {
        &self.model.value
    }

    /// One sentence for people.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Score from which a candidate counts, 0 to 1; the model's own where `None`.
    pub fn score_threshold(&self) -> Option<f32> {
        self.score_threshold
    }

    /// Overlap above which a box is suppressed, 0 to 1; the model's own where `None`.
    pub fn iou_threshold(&self) -> Option<f32> {
        self.iou_threshold
    }

    /// Names of the rules, in order.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }
}

#[cfg(test)]
mod tests;
