//! `recipe`: list, check, explain, switch.

use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use tandem_agent::api::{ApiError, Inspection};
use tandem_agent::control::{Request, Response};
use tandem_agent::recipe::store::RecipeSummary;
use tandem_agent::recipe::{Explanation, RuleTrace};
use tandem_agent::setup::Setup;

use super::{Session, read};
use crate::EXIT_OK;
use crate::cli::Recipe;
use crate::client::unexpected;
use crate::output::{Output, table};

/// What `explain` prints for programs.
#[derive(Serialize)]
struct Explained {
    image: String,
    explanation: Explanation,
    inspection: Inspection,
}

pub(super) async fn recipe(
    session: &mut Session,
    args: &Recipe,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let request = match args {
        Recipe::List => Request::RecipeList,
        Recipe::Switch { name } => Request::RecipeSwitch(name.clone()),
        Recipe::Check { file } => {
            Request::RecipeCheck { file: file.display().to_string(), text: text(file)? }
        }
        Recipe::Explain { image } => Request::Explain(session.image(image)?),
    };
    match session.client.ask(&request).await? {
        Response::Recipes(list) => output.answer(&list, describe(&list))?,
        Response::Explained(inspection, explanation) => {
            let text = explain(&inspection, &explanation);
            let image = inspection.image.clone();
            output.answer(&Explained { image, explanation, inspection }, text)?;
        }
        other => return unexpected(&other),
    }
    Ok(EXIT_OK)
}

/// Checks a file against the models of this machine.
pub(super) fn check_here(setup: &Setup, file: &Path, output: &mut Output) -> anyhow::Result<u8> {
    let checked = setup.check_recipe(&file.display().to_string(), &text(file)?);
    let summary = checked.map_err(ApiError::from)?;
    let list = [summary];
    output.answer(&list, describe(&list))?;
    Ok(EXIT_OK)
}

fn text(file: &Path) -> anyhow::Result<String> {
    let name = file.display();
    String::from_utf8(read(file)?).with_context(|| format!("{name} is no text (UTF-8)"))
}

fn describe(list: &[RecipeSummary]) -> String {
    let rows: Vec<Vec<String>> = list
        .iter()
        .map(|recipe| {
            let mark = if recipe.active { "*" } else { " " };
            let about = recipe.error.as_ref().unwrap_or(&recipe.description);
            let rules = if recipe.error.is_some() {
                "broken".to_owned()
            } else {
                format!("{} rules", recipe.rules)
            };
            vec![format!("{mark} {}", recipe.name), recipe.model.clone(), rules, about.clone()]
        })
        .collect();
    table(&rows)
}

fn explain(inspection: &Inspection, explanation: &Explanation) -> String {
    let result = format!("{:?}", explanation.result).to_uppercase();
    let mut lines = vec![format!(
        "{}  {result}  {} ({})",
        inspection.image, explanation.reason, explanation.rule
    )];
    for (place, object) in inspection.detections.iter().enumerate() {
        let [x1, y1, x2, y2] = object.r#box;
        let (label, score) = (&object.label, object.score);
        lines.push(format!("  [{place}] {label} {score:.2}  {x1:.0},{y1:.0} to {x2:.0},{y2:.0}"));
    }
    let mut rows =
        vec![["rule", "kind", "measured", "needs", "looked at", ""].map(str::to_owned).to_vec()];
    rows.extend(explanation.rules.iter().map(row));
    lines.push(table(&rows));
    lines.join("\n")
}

fn row(rule: &RuleTrace) -> Vec<String> {
    let needs = match (rule.min, rule.max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "listed classes".to_owned(),
    };
    let matched: Vec<String> = rule.matched.iter().map(|place| format!("[{place}]")).collect();
    let outcome = match (rule.holds, rule.decides) {
        (true, _) => "holds".to_owned(),
        (false, true) => format!("decides: {}", rule.reason),
        (false, false) => format!("violated, too: {}", rule.reason),
    };
    vec![
        rule.rule.clone(),
        format!("{:?}", rule.kind).to_lowercase(),
        rule.measured.map_or("-".to_owned(), |value| format!("{value:.3}")),
        needs,
        matched.join(" "),
        outcome,
    ]
}
