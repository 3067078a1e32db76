//! From text to [`Recipe`]: every field is checked here, none later.

use std::ops::Range;

use toml::Spanned;

use super::error::{RecipeError, RecipeErrorKind, Source, nearest};
use super::schema::{Kind, RawRecipe, RawRegion, RawRule};
use super::template::Template;
use super::{Bounds, DEFAULT_RULE, Located, Recipe, Region, Rule};
use crate::api::Outcome;

/// Most rules of a recipe.
const MAX_RULES: usize = 256;

pub(super) fn compile(name: &str, source: Source<'_>) -> Result<Recipe, RecipeError> {
    let raw: RawRecipe = toml::from_str(source.text).map_err(|e| syntax(source, &e))?;
    if !is_model_name(raw.model.get_ref()) {
        return Err(source.value(
            &raw.model.span(),
            "model",
            "write it as \"name/version\", such as \"yolov3-tiny/1\"",
        ));
    }
    let regions = raw
        .regions
        .iter()
        .map(|(name, region)| {
            let bounds = bounds(source, name, region)?;
            Ok(Region { name: name.clone(), bounds })
        })
        .collect::<Result<Vec<_>, RecipeError>>()?;
    if let Some(extra) = raw.rules.get(MAX_RULES) {
        return Err(source.value(&extra.span(), "rules", format!("more than {MAX_RULES} rules")));
    }
    let mut rules: Vec<Rule> = Vec::with_capacity(raw.rules.len());
    for (position, raw) in raw.rules.iter().enumerate() {
        let rule =
            Compiler { source, position, raw: raw.get_ref(), span: raw.span() }.rule(&regions)?;
        if rules.iter().any(|earlier| earlier.name == rule.name) {
            let field = format!("rules[{position}].name");
            let span = raw.get_ref().name.span();
            return Err(source.value(
                &span,
                field,
                "an earlier rule has this name, choose another",
            ));
        }
        rules.push(rule);
    }
    Ok(Recipe {
        name: name.to_owned(),
        file: source.file.to_owned(),
        description: raw.description,
        model: located(source, &raw.model),
        score_threshold: threshold(source, "score_threshold", raw.score_threshold.as_ref())?,
        iou_threshold: threshold(source, "iou_threshold", raw.iou_threshold.as_ref())?,
        regions,
        rules,
        default_result: raw.default.result,
        default_reason: raw.default.reason,
    })
}

fn syntax(source: Source<'_>, error: &toml::de::Error) -> RecipeError {
    let message = error.message().trim().replace('\n', ", ");
    let named = ["unknown field `", "missing field `", "duplicate key `"]
        .iter()
        .find_map(|lead| message.split_once(lead)?.1.split('`').next());
    let key = error.span().and_then(|span| key_before(source.text, span.start));
    let field = named.or(key).unwrap_or_default().to_owned();
    RecipeError {
        kind: RecipeErrorKind::Syntax,
        file: source.file.to_owned(),
        at: error.span().map(|span| source.at(&span)),
        field,
        message: format!("{message}; recipes/README.md lists every field"),
    }
}

/// The key of the line that byte `offset` is on, where it lies in that key's value.
fn key_before(text: &str, offset: usize) -> Option<&str> {
    let before = text.get(..offset)?;
    let line = &before[before.rfind('\n').map_or(0, |newline| newline + 1)..];
    Some(line.split_once('=')?.0.trim())
}

fn located(source: Source<'_>, value: &Spanned<String>) -> Located<String> {
    Located { value: value.get_ref().clone(), at: source.at(&value.span()) }
}

fn is_model_name(text: &str) -> bool {
    let plain = |part: &str| {
        let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        !part.is_empty() && !part.starts_with('.') && part.chars().all(legal)
    };
    matches!(text.split_once('/'), Some((name, version)) if plain(name) && plain(version))
}

fn threshold(
    source: Source<'_>,
    field: &str,
    value: Option<&Spanned<f64>>,
) -> Result<Option<f32>, RecipeError> {
    let Some(value) = value else { return Ok(None) };
    // Exactly 0 would make every anchor a candidate, and 1 is above every score.
    if *value.get_ref() > 0.0 && *value.get_ref() < 1.0 {
        return Ok(Some(*value.get_ref() as f32));
    }
    let message = format!("{} is out of range, use a value between 0 and 1", value.get_ref());
    Err(source.value(&value.span(), field, message))
}

fn bounds(
    source: Source<'_>,
    name: &str,
    region: &Spanned<RawRegion>,
) -> Result<Bounds, RecipeError> {
    let field = format!("regions.{name}");
    let (value, limit, fraction) = match (&region.get_ref().pixels, &region.get_ref().fraction) {
        (Some(pixels), None) => (pixels, 8192.0, false),
        (None, Some(fraction)) => (fraction, 1.0, true),
        _ => {
            let message = "give either pixels = [x1, y1, x2, y2] or fraction = [x1, y1, x2, y2]";
            return Err(source.value(&region.span(), field, message));
        }
    };
    let corners: [f64; 4] = value.get_ref().as_slice().try_into().map_err(|_| {
        source.value(&value.span(), field.as_str(), "needs four numbers: x1, y1, x2, y2")
    })?;
    let inside = corners.iter().all(|corner| (0.0..=limit).contains(corner));
    if !inside || corners[0] >= corners[2] || corners[1] >= corners[3] {
        let message = format!("needs 0 <= x1 < x2 <= {limit} and 0 <= y1 < y2 <= {limit}");
        return Err(source.value(&value.span(), field, message));
    }
    Ok(if fraction { Bounds::Fraction(corners) } else { Bounds::Pixels(corners) })
}

/// Compiles one rule.
struct Compiler<'a> {
    source: Source<'a>,
    position: usize,
    raw: &'a RawRule,
    span: Range<usize>,
}

impl Compiler<'_> {
    fn rule(&self, regions: &[Region]) -> Result<Rule, RecipeError> {
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
            (Kind::Score, _) | (Kind::Size, super::Unit::Fraction) => 1.0,
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

    fn min_score(&self) -> Result<f64, RecipeError> {
        match &self.raw.min_score {
            None => Ok(0.0),
            Some(score) if (0.0..=1.0).contains(score.get_ref()) => Ok(*score.get_ref()),
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
