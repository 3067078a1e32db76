//! Rules over detections. Pure: the same detections give the same verdict on every silicon.

use std::sync::Arc;

use super::{Bounds, DEFAULT_RULE, Kind, Measure, Of, Recipe, RecipeError, Rule, Unit};
use crate::api::Outcome;
use crate::judge::{Judge, RawDetection, VerdictRecord};

/// [`VerdictRecord::found`] of a rule whose region the image does not cover; no count, score, size
/// or position is negative.
const REGION_OUTSIDE: f32 = -1.0;

/// A recipe bound to the model that it was checked against: classes are numbers here.
#[derive(Clone, Debug)]
pub struct RecipeJudge {
    pub(super) recipe: Arc<Recipe>,
    pub(super) labels: Arc<[String]>,
    /// Class indices of each rule, sorted; empty: every class.
    classes: Vec<Vec<u16>>,
}

/// What a rule found.
#[derive(Clone, Copy)]
pub(super) struct Finding {
    pub(super) outcome: Outcome,
    /// Objects counted, or looked at until one decided.
    pub(super) count: usize,
    /// Score or size that decides, or the count.
    pub(super) measured: Option<f64>,
    /// Position of the detection that decides.
    pub(super) object: Option<usize>,
    pub(super) outside: bool,
}

impl RecipeJudge {
    /// Binds a recipe to `model` (`name/version`) with `labels` and a score threshold (Q16),
    /// see [`Recipe::check`].
    pub fn new(
        recipe: Arc<Recipe>,
        model: &str,
        labels: Arc<[String]>,
        threshold: u16,
    ) -> Result<RecipeJudge, RecipeError> {
        recipe.check(model, &labels, threshold)?;
        let index = |class: &str| labels.iter().position(|label| label == class);
        let classes = recipe.rules.iter().map(|rule| {
            let mut classes: Vec<u16> = rule
                .classes
                .iter()
                .filter_map(|class| u16::try_from(index(&class.value)?).ok())
                .collect();
            classes.sort_unstable();
            classes
        });
        let classes = classes.collect();
        Ok(RecipeJudge { recipe, labels, classes })
    }

    /// The recipe.
    pub fn recipe(&self) -> &Arc<Recipe> {
        &self.recipe
    }

    pub(super) fn look(
        &self,
        index: usize,
        detections: &[RawDetection],
        size: [u16; 2],
    ) -> Finding {
        let rule = &self.recipe.rules[index];
        let nothing = Finding {
            outcome: Outcome::Pass,
            count: 0,
            measured: None,
            object: None,
            outside: false,
        };
        if !self.recipe.covers(rule, size) {
            return Finding { outcome: Outcome::Unknown, outside: true, ..nothing };
        }
        let holds = |holds: bool| if holds { Outcome::Pass } else { rule.violated };
        let matched = self.matched(index, detections, size);
        if rule.kind == Kind::Count {
            let count = matched.count();
            let outcome = holds(rule.admits(count as f64));
            return Finding { outcome, count, measured: Some(count as f64), ..nothing };
        }
        let mut finding = nothing;
        let mut best = f32::NEG_INFINITY;
        for (position, object) in matched {
            finding.count += 1;
            if rule.kind == Kind::Class {
                if !self.names(index, object) {
                    return Finding { outcome: holds(false), object: Some(position), ..finding };
                }
                continue;
            }
            let value = rule.value(object, size);
            let outcome = holds(rule.admits(value));
            let decides = match rule.of {
                Of::Best => object.score > best,
                Of::Every => outcome != Outcome::Pass || finding.measured.is_none_or(|v| value < v),
            };
            if decides {
                best = object.score;
                let (measured, object) = (Some(value), Some(position));
                finding = Finding { outcome, measured, object, ..finding };
            }
            if rule.of == Of::Every && outcome != Outcome::Pass {
                break;
            }
        }
        finding
    }

    /// Detections that a rule looks at. A class rule looks at all classes: its list says which
    /// are allowed.
    pub(super) fn matched<'a>(
        &'a self,
        index: usize,
        detections: &'a [RawDetection],
        size: [u16; 2],
    ) -> impl Iterator<Item = (usize, &'a RawDetection)> {
        let rule = &self.recipe.rules[index];
        let bounds = rule.region.map(|region| self.recipe.regions[region].bounds.pixels(size));
        detections.iter().enumerate().filter(move |(_, object)| {
            rule.min_score.as_ref().is_none_or(|least| f64::from(object.score) >= least.value)
                && (rule.kind == Kind::Class || self.names(index, object))
                && bounds.is_none_or(|bounds| contains(bounds, object.r#box))
        })
    }

    fn names(&self, index: usize, object: &RawDetection) -> bool {
        let classes = &self.classes[index];
        classes.is_empty() || classes.binary_search(&object.class).is_ok()
    }
}

impl Judge for RecipeJudge {
    fn recipe(&self) -> &str {
        &self.recipe.name
    }

    /// `found` is the count for a count rule, the measured part for a size in fractions, and else
    /// the position of the detection that decides, from which [`Judge::explain`] measures again.
    fn judge(&self, detections: &[RawDetection], size: [u16; 2]) -> VerdictRecord {
        for (index, rule) in self.recipe.rules.iter().enumerate() {
            let finding = self.look(index, detections, size);
            if finding.outcome == Outcome::Pass {
                continue;
            }
            let found = match (finding.outside, rule.found_is_measured()) {
                (true, _) => REGION_OUTSIDE,
                (false, true) => finding.measured.unwrap_or_default() as f32,
                (false, false) => finding.object.unwrap_or_default() as f32,
            };
            return VerdictRecord { outcome: finding.outcome, rule: Some(index as u16), found };
        }
        VerdictRecord { outcome: self.recipe.default_result, rule: None, found: 0.0 }
    }

    fn explain(&self, record: &VerdictRecord, detections: &[RawDetection]) -> (String, String) {
        let rule = record.rule.and_then(|index| self.recipe.rules.get(usize::from(index)));
        let (Some(index), Some(rule)) = (record.rule, rule) else {
            return (DEFAULT_RULE.to_owned(), self.recipe.default_reason.clone());
        };
        let mut finding = Finding {
            outcome: record.outcome,
            count: record.found.max(0.0) as usize,
            measured: Some(f64::from(record.found)),
            object: None,
            outside: record.found == REGION_OUTSIDE,
        };
        if !rule.found_is_measured() && !finding.outside {
            let object = detections.get(finding.count);
            // The image's size only matters to fractions, which come measured.
            finding.measured = object.map(|object| rule.value(object, [1, 1]));
            finding.object = Some(finding.count);
        }
        (rule.name.clone(), self.reason(usize::from(index), &finding, detections))
    }
}

impl Recipe {
    /// A region in pixels that the image does not cover cannot be judged.
    fn covers(&self, rule: &Rule, size: [u16; 2]) -> bool {
        let Some(region) = rule.region else { return true };
        let [_, _, right, bottom] = self.regions[region].bounds.pixels(size);
        right <= f64::from(size[0]) && bottom <= f64::from(size[1])
    }
}

impl Rule {
    fn admits(&self, value: f64) -> bool {
        // A value that is not a number is within no range.
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
    }

    fn found_is_measured(&self) -> bool {
        match self.kind {
            Kind::Count => true,
            Kind::Size => self.unit == Unit::Fraction,
            Kind::Class | Kind::Score => false,
        }
    }

    /// What the rule measures on one object.
    fn value(&self, object: &RawDetection, size: [u16; 2]) -> f64 {
        if self.kind == Kind::Score {
            return f64::from(object.score);
        }
        let [x1, y1, x2, y2] = object.r#box.map(f64::from);
        let (width, height) = (x2 - x1, y2 - y1);
        let (full_width, full_height) = (f64::from(size[0].max(1)), f64::from(size[1].max(1)));
        let (value, full) = match self.measure {
            Measure::Width => (width, full_width),
            Measure::Height => (height, full_height),
            Measure::Area => (width * height, full_width * full_height),
        };
        match self.unit {
            Unit::Pixels => value,
            Unit::Fraction => value / full,
        }
    }
}

impl Bounds {
    fn pixels(self, size: [u16; 2]) -> [f64; 4] {
        match self {
            Bounds::Pixels(corners) => corners,
            Bounds::Fraction([x1, y1, x2, y2]) => {
                let (width, height) = (f64::from(size[0]), f64::from(size[1]));
                [x1 * width, y1 * height, x2 * width, y2 * height]
            }
        }
    }
}

/// The box's centre lies in the region.
fn contains([left, top, right, bottom]: [f64; 4], r#box: [f32; 4]) -> bool {
    let [x1, y1, x2, y2] = r#box.map(f64::from);
    let (x, y) = ((x1 + x2) / 2.0, (y1 + y2) / 2.0);
    (left..right).contains(&x) && (top..bottom).contains(&y)
}
