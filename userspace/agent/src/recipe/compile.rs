//! From text to [`Recipe`]: every field is checked here, none later.

use toml::Spanned;

use super::error::{RecipeError, RecipeErrorKind, Source};
use super::rule::Compiler;
use super::schema::{RawRecipe, RawRegion};
use super::{Bounds, Located, Recipe, Region, Rule};

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

pub(super) fn located<T: Clone>(source: Source<'_>, value: &Spanned<T>) -> Located<T> {
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
