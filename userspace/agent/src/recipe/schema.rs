//! The recipe file as it is written; checked and compiled by [`super::compile`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::api::Outcome;

/// What a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// How many objects there are.
    Count,
    /// Which classes are there.
    Class,
    /// How sure the model is.
    Score,
    /// How large objects are.
    Size,
}

/// Which objects must hold, for `score` and `size`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Of {
    /// Each of them.
    #[default]
    Every,
    /// The one with the best score.
    Best,
}

/// What `size` measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Width of the box.
    Width,
    /// Height of the box.
    Height,
    /// Area of the box.
    #[default]
    Area,
}

/// In what `size` measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Source pixels (square pixels for an area).
    #[default]
    Pixels,
    /// Part of the source image's width, height or area, 0 to 1.
    Fraction,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRecipe {
    pub model: Spanned<String>,
    #[serde(default)]
    pub description: String,
    pub score_threshold: Option<Spanned<f64>>,
    pub iou_threshold: Option<Spanned<f64>>,
    #[serde(default)]
    pub regions: BTreeMap<String, Spanned<RawRegion>>,
    #[serde(default)]
    pub rules: Vec<Spanned<RawRule>>,
    #[serde(default)]
    pub default: RawDefault,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRegion {
    pub pixels: Option<Spanned<Vec<f64>>>,
    pub fraction: Option<Spanned<Vec<f64>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub name: Spanned<String>,
    pub kind: Kind,
    pub classes: Option<Spanned<Vec<Spanned<String>>>>,
    pub region: Option<Spanned<String>>,
    pub min_score: Option<Spanned<f64>>,
    pub min: Option<Spanned<f64>>,
    pub max: Option<Spanned<f64>>,
    pub of: Option<Spanned<Of>>,
    pub measure: Option<Spanned<Measure>>,
    pub unit: Option<Spanned<Unit>>,
    pub violated: Option<Spanned<Outcome>>,
    pub reason: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDefault {
    #[serde(default = "pass")]
    pub result: Outcome,
    #[serde(default = "every_rule_held")]
    pub reason: String,
}

impl Default for RawDefault {
    fn default() -> RawDefault {
        RawDefault { result: pass(), reason: every_rule_held() }
    }
}

fn pass() -> Outcome {
    Outcome::Pass
}

fn every_rule_held() -> String {
    "Every rule held".to_owned()
}
