//! A verdict in words: the reason of a rule, and the trace of all of them.

use serde::{Deserialize, Serialize};

use super::evaluate::Finding;
use super::{Kind, RecipeJudge};
use crate::api::{Detection, Outcome};
use crate::judge::{Judge, RawDetection};

/// What one rule saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleTrace {
    /// Name.
    pub rule: String,
    /// Kind.
    pub kind: Kind,
    /// Positions of the detections that it looked at.
    pub matched: Vec<u32>,
    /// What it measured: the count, or the score or size that decides; `None` where there was
    /// nothing to measure, and for a class rule.
    pub measured: Option<f64>,
    /// Lower bound.
    pub min: Option<f64>,
    /// Upper bound.
    pub max: Option<f64>,
    /// The rule holds.
    pub holds: bool,
    /// This rule made the verdict: the first that does not hold.
    pub decides: bool,
    /// Why it does not hold; empty where it does.
    pub reason: String,
}

/// The whole evaluation of one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Recipe.
    pub recipe: String,
    /// Outcome.
    pub result: Outcome,
    /// Rule that decided, or [`DEFAULT_RULE`].
    pub rule: String,
    /// One sentence.
    pub reason: String,
    /// Every rule in order; those behind the deciding one are evaluated, too.
    pub rules: Vec<RuleTrace>,
}

impl RecipeJudge {
    /// Turns detections as clients see them back into those that rules look at.
    pub fn raw(&self, detections: &[Detection]) -> Vec<RawDetection> {
        let index = |name: &str| self.labels.iter().position(|label| label == name);
        let raw = detections.iter().map(|object| RawDetection {
            class: index(&object.label).map_or(u16::MAX, |index| index as u16),
            score: object.score,
            r#box: object.r#box,
        });
        raw.collect()
    }

    /// The verdict with what every rule measured.
    pub fn trace(&self, detections: &[RawDetection], size: [u16; 2]) -> Explanation {
        let record = self.judge(detections, size);
        let (rule, reason) = self.explain(&record, detections);
        let rules = self.recipe.rules.iter().enumerate().map(|(index, rule)| {
            let finding = self.look(index, detections, size);
            let holds = finding.outcome == Outcome::Pass;
            RuleTrace {
                rule: rule.name.clone(),
                kind: rule.kind,
                matched: self.matched(index, detections, size).map(|(i, _)| i as u32).collect(),
                measured: finding.measured,
                min: rule.min,
                max: rule.max,
                holds,
                decides: record.rule == Some(index as u16),
                reason: if holds {
                    String::new()
                } else {
                    self.reason(index, &finding, detections)
                },
            }
        });
        let rules = rules.collect();
        let recipe = self.recipe.name.clone();
        Explanation { recipe, result: record.outcome, rule, reason, rules }
    }

    pub(super) fn reason(
        &self,
        index: usize,
        finding: &Finding,
        detections: &[RawDetection],
    ) -> String {
        let rule = &self.recipe.rules[index];
        let region = rule.region.map(|region| self.recipe.regions[region].name.as_str());
        if finding.outside {
            return format!("Region {} reaches beyond the image", region.unwrap_or_default());
        }
        let bound = |bound: Option<f64>| bound.map_or("any".to_owned(), number);
        let classes = || match rule.classes.as_slice() {
            [] => "any class".to_owned(),
            classes => classes.iter().map(|c| c.value.as_str()).collect::<Vec<_>>().join(", "),
        };
        rule.reason.render(|name| match name {
            "rule" => rule.name.clone(),
            "count" => finding.count.to_string(),
            "measured" => finding.measured.map_or("nothing".to_owned(), number),
            "min" => bound(rule.min),
            "max" => bound(rule.max),
            "region" => region.unwrap_or("the image").to_owned(),
            "label" => finding.object.map_or_else(classes, |at| self.label(detections.get(at))),
            _ => classes(), // "classes": the template's parser lets no other through
        })
    }

    fn label(&self, object: Option<&RawDetection>) -> String {
        let label = object.and_then(|object| self.labels.get(usize::from(object.class)));
        label.cloned().unwrap_or_else(|| "an unknown class".to_owned())
    }
}

/// Short and without noise: `3`, `0.25`, `1843.5`.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
