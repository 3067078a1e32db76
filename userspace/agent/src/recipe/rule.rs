//! One rule from text: which fields its kind has, and their ranges.

use std::ops::Range;

use toml::Spanned;

use super::compile::located;
use super::error::{RecipeError, Source, nearest};
use super::schema::{Kind, RawRule, Unit};
use super::template::Template;
use super::{DEFAULT_RULE, Located, Region, Rule};
use crate::api::Outcome;

/// Compiles one rule.
pub(super) struct Compiler<'a> {
    pub(super) source: Source<'a>,
    pub(super) position: usize,
    pub(super) raw: &'a RawRule,
    pub(super) span: Range<usize>,
}

impl Compiler<'_> {
    pub(super) fn rule(&self, regions: &[Region]) -> Result<Rule, RecipeError> {
        self.name()?;
        self.fields_fit_kind()?;
        let (min, max) = self.range()?;
        Ok(Rule {
            name: self.raw.name.get_ref().clone(),
            kind: self.raw.kind,
            classes: self.classes()?,
            region: self.region(regions)?,
            min_score: self.min_score()?,
            min,
            max,
            of: get(&self.raw.of),
            measure: get(&self.raw.measure),
            unit: get(&self.raw.unit),
            violated: self.violated()?,
            reason: self.reason()?,
        })
    }

    fn error(&self, span: &Range<usize>, field: &str, message: impl Into<String>) -> RecipeError {
        self.source.value(span, format!("rules[{}].{field}", self.position), message)
    }

    fn name(&self) -> Result<(), RecipeError> {
        let name = &self.raw.name;
        if name.get_ref().trim().is_empty() {
            return Err(self.error(&name.span(), "name", "is empty, verdicts quote it"));
        }
        if name.get_ref() == DEFAULT_RULE {
            let message = "\"default\" stands for no rule, choose another name";
            return Err(self.error(&name.span(), "name", message));
        }
        Ok(())
    }

    fn fields_fit_kind(&self) -> Result<(), RecipeError> {
        let raw = self.raw;
        let kind = raw.kind;
        let spatial = kind == Kind::Size;
        let each = spatial || kind == Kind::Score;
        let refused = [
            ("of", raw.of.as_ref().map(Spanned::span), each, "score and size"),
            ("measure", raw.measure.as_ref().map(Spanned::span), spatial, "size"),
            ("unit", raw.unit.as_ref().map(Spanned::span), spatial, "size"),
            ("min", raw.min.as_ref().map(Spanned::span), kind != Kind::Class, "others"),
            ("max", raw.max.as_ref().map(Spanned::span), kind != Kind::Class, "others"),
        ];
        for (field, span, fits, belongs) in refused {
            if let (Some(span), false) = (span, fits) {
                let message = format!("belongs to rules of kind {belongs}, remove it");
                return Err(self.error(&span, field, message));
            }
        }
        Ok(())
    }

    fn range(&self) -> Result<(Option<f64>, Option<f64>), RecipeError> {
        let raw = self.raw;
        if raw.kind == Kind::Class {
            return Ok((None, None));
        }
        if raw.min.is_none() && raw.max.is_none() {
            return Err(self.error(&self.span, "min", "give min, max or both"));
        }
        let limit = match (raw.kind, get(&raw.unit)) {
            (Kind::Count, _) => 65535.0,
            (Kind::Score, _) | (Kind::Size, Unit::Fraction) => 1.0,
            _ => 8192.0 * 8192.0,
        };
        for (field, value) in [("min", &raw.min), ("max", &raw.max)] {
            let Some(value) = value else { continue };
            let number = *value.get_ref();
            if !(0.0..=limit).contains(&number) {
                let message = format!("{number} is out of range, use 0 to {limit}");
                return Err(self.error(&value.span(), field, message));
            }
            if raw.kind == Kind::Count && number.fract() != 0.0 {
                let message = format!("{number} is not a whole number, objects are counted");
                return Err(self.error(&value.span(), field, message));
            }
        }
        let (min, max) = (value_of(&raw.min), value_of(&raw.max));
        match (min, max, &raw.max) {
            (Some(low), Some(high), Some(field)) if low > high => {
                let message = format!("{high} is below min = {low}, no part could hold");
                Err(self.error(&field.span(), "max", message))
            }
            _ => Ok((min, max)),
        }
    }

    fn classes(&self) -> Result<Vec<Located<String>>, RecipeError> {
        let Some(classes) = &self.raw.classes else {
            if self.raw.kind == Kind::Class {
                let message = "a class rule lists the classes that are allowed";
                return Err(self.error(&self.span, "classes", message));
            }
            return Ok(Vec::new());
        };
        if classes.get_ref().is_empty() {
            let message = "is empty; list class names, or leave the field out for every class";
            return Err(self.error(&classes.span(), "classes", message));
        }
        Ok(classes.get_ref().iter().map(|class| located(self.source, class)).collect())
    }

    fn region(&self, regions: &[Region]) -> Result<Option<usize>, RecipeError> {
        let Some(wanted) = &self.raw.region else { return Ok(None) };
        let found = regions.iter().position(|region| region.name == *wanted.get_ref());
        if found.is_some() {
            return Ok(found);
        }
        let names = regions.iter().map(|region| region.name.as_str());
        let hint = match nearest(wanted.get_ref(), names) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("add a [regions.{}] table", wanted.get_ref()),
        };
        let message = format!("no region is called {:?}, {hint}", wanted.get_ref());
        Err(self.error(&wanted.span(), "region", message))
    }

    fn min_score(&self) -> Result<Option<Located<f64>>, RecipeError> {
        match &self.raw.min_score {
            None => Ok(None),
            Some(score) if (0.0..=1.0).contains(score.get_ref()) => {
                Ok(Some(located(self.source, score)))
            }
            Some(score) => {
                let message = format!("{} is out of range, use 0 to 1", score.get_ref());
                Err(self.error(&score.span(), "min_score", message))
            }
        }
    }

    fn violated(&self) -> Result<Outcome, RecipeError> {
        match &self.raw.violated {
            None => Ok(Outcome::Fail),
            Some(outcome) if *outcome.get_ref() == Outcome::Pass => {
                let message = "a violated rule cannot pass a part, use \"fail\" or \"unknown\"";
                Err(self.error(&outcome.span(), "violated", message))
            }
            Some(outcome) => Ok(*outcome.get_ref()),
        }
    }

    fn reason(&self) -> Result<Template, RecipeError> {
        let raw = self.raw;
        let (text, span) = match &raw.reason {
            Some(reason) => (reason.get_ref().as_str(), reason.span()),
            None => (default_reason(raw), self.span.clone()),
        };
        Template::parse(text).map_err(|message| self.error(&span, "reason", message))
    }
}

fn default_reason(raw: &RawRule) -> &'static str {
    match (raw.kind, raw.min.is_some(), raw.max.is_some()) {
        (Kind::Class, _, _) => "Found {label}, allowed are {classes}",
        (Kind::Count, true, false) => "Found {count} of {classes}, needs at least {min}",
        (Kind::Count, false, _) => "Found {count} of {classes}, at most {max} allowed",
        (Kind::Count, _, _) => "Found {count} of {classes}, needs {min} to {max}",
        (Kind::Score, _, true) => "Score of {label} is {measured}, needs {min} to {max}",
        (Kind::Score, _, _) => "Score of {label} is {measured}, needs at least {min}",
        (Kind::Size, true, false) => "Size of {label} is {measured}, needs at least {min}",
        (Kind::Size, false, _) => "Size of {label} is {measured}, at most {max} allowed",
        (Kind::Size, _, _) => "Size of {label} is {measured}, needs {min} to {max}",
    }
}

fn get<T: Copy + Default>(value: &Option<Spanned<T>>) -> T {
    value.as_ref().map(|value| *value.get_ref()).unwrap_or_default()
}

fn value_of(value: &Option<Spanned<f64>>) -> Option<f64> {
    value.as_ref().map(|value| *value.get_ref())
}
