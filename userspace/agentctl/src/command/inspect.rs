//! `inspect`: images in, verdicts out.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tandem_agent::api::{ApiError, Inspection, Outcome, Silicon};
use tandem_agent::control::{Request, Response};

use super::{Session, unwritable};
use crate::annotate;
use crate::cli::Inspect;
use crate::client::unexpected;
use crate::output::{Output, api_error, micros};
use crate::{EXIT_FAILED, EXIT_OK, EXIT_VERDICT};

/// The line of an image that got no verdict.
#[derive(Serialize)]
struct Refused {
    image: String,
    error: ApiError,
}

pub(super) async fn inspect(
    session: &mut Session,
    args: &Inspect,
    output: &mut Output,
) -> anyhow::Result<u8> {
    if let Some(folder) = &args.annotate {
        std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    }
    for fault in &args.fault {
        session.client.ask(&Request::FaultInject(fault.clone())).await?;
    }
    let progress = output.progress(args.files.len() as u64, "images");
    let mut names = Names::default();
    let (mut refused, mut not_passed) = (0, 0);
    for path in &args.files {
        progress.set_message(path.display().to_string());
        match one(session, args, path, &mut names).await {
            Ok((inspection, picture)) => {
                not_passed += u32::from(inspection.verdict.result != Outcome::Pass);
                let text = describe(&inspection, picture.as_deref());
                progress.suspend(|| output.answer(&inspection, text))?;
            }
            Err(error) if error.is::<ApiError>() => {
                refused += 1;
                let error = api_error(&error);
                let text = format!("{}  {error}", path.display());
                let line = Refused { image: path.display().to_string(), error };
                progress.suspend(|| output.answer(&line, text))?;
            }
            Err(error) => return Err(error), // the connection: there is no next image
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(match (refused, not_passed) {
        (0, 0) => EXIT_OK,
        (0, _) if args.fail_on_verdict => EXIT_VERDICT,
        (0, _) => EXIT_OK,
        _ => EXIT_FAILED,
    })
}

async fn one(
    session: &mut Session,
    args: &Inspect,
    path: &Path,
    names: &mut Names,
) -> anyhow::Result<(Inspection, Option<PathBuf>)> {
    let mut image = session.image(path)?;
    image.deadline_ms = args.deadline_ms;
    image.options = args.job.options();
    let bytes = if args.annotate.is_some() { image.bytes.0.clone() } else { Vec::new() };
    let inspection = match session.client.ask(&Request::Inspect(image)).await? {
        Response::Inspection(inspection) => inspection,
        other => return unexpected(&other),
    };
    let Some(folder) = &args.annotate else { return Ok((inspection, None)) };
    let picture = annotate::draw(&bytes, &inspection).map_err(ApiError::from)?;
    let target = folder.join(names.next(path));
    picture.save(&target).map_err(|error| unwritable(&target, &error))?;
    Ok((inspection, Some(target)))
}

/// File names of annotated images; images of one name from two folders get two.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    fn next(&mut self, image: &Path) -> String {
        let stem = image.file_stem().map_or("image".into(), |stem| stem.to_string_lossy());
        let stem = if stem == "-" { "stdin".into() } else { stem };
        let mut name = format!("{stem}.png");
        for copy in 2.. {
            if self.0.insert(name.clone()) {
                break;
            }
            name = format!("{stem}-{copy}.png");
        }
        name
    }
}

fn describe(inspection: &Inspection, picture: Option<&Path>) -> String {
    let verdict = &inspection.verdict;
    let result = match verdict.result {
        Outcome::Pass => "PASS",
        Outcome::Fail => "FAIL",
        Outcome::Unknown => "UNKNOWN",
    };
    let mut text = format!("{}  {result}  {} ({})", inspection.image, verdict.reason, verdict.rule);
    if !verdict.deadline_met {
        text.push_str("  deadline missed");
    }
    for object in &inspection.detections {
        let [x1, y1, x2, y2] = object.r#box;
        let (label, score) = (&object.label, object.score);
        let _ = write!(text, "\n  {label:<14} {score:.2}  {x1:.0},{y1:.0} to {x2:.0},{y2:.0}");
    }
    let stages = inspection.stages.iter().map(|stage| {
        let silicon = match stage.silicon {
            Silicon::Pl => "pl",
            Silicon::Cpu => "cpu",
            Silicon::Gpu => "gpu",
        };
        format!("{} {} on {silicon}", stage.name, micros(stage.us))
    });
    let _ = write!(text, "\n  {}", stages.collect::<Vec<_>>().join(", "));
    if let Some(taken) = &inspection.route {
        let canary = if taken.canary { ", canary" } else { "" };
        let _ = write!(text, "\n  {}{canary} by {} of {}", taken.route, taken.rule, taken.policy);
    }
    if !inspection.degraded.is_empty() {
        let _ = write!(text, "\n  degraded: {}", inspection.degraded.join(", "));
    }
    if let Some(picture) = picture {
        let _ = write!(text, "\n  {}", picture.display());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_one_name_do_not_overwrite_each_other() {
        let mut names = Names::default();
        let next = |names: &mut Names, path: &str| names.next(Path::new(path));
        assert_eq!(next(&mut names, "a/bus.jpg"), "bus.png");
        assert_eq!(next(&mut names, "b/bus.png"), "bus-2.png");
        assert_eq!(next(&mut names, "c/bus"), "bus-3.png");
        assert_eq!(next(&mut names, "-"), "stdin.png");
    }
}
