//! `status`, `stats`, `ping`, `logs`.

use std::fmt::Write as _;

use tandem_agent::control::{LogLine, Request, Response};
use tandem_agent::counters::Snapshot;
use tandem_agent::service::Status;

use super::Session;
use crate::EXIT_OK;
use crate::client::unexpected;
use crate::output::{Output, micros, table};

pub(super) async fn status(session: &mut Session, output: &mut Output) -> anyhow::Result<u8> {
    match session.client.ask(&Request::Status).await? {
        Response::Status(status) => output.answer(&status, describe(&status))?,
        other => return unexpected(&other),
    }
    Ok(EXIT_OK)
}

pub(super) fn describe(status: &Status) -> String {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let simulated = if status.simulated { " (simulated)" } else { "" };
    let mut rows = vec![
        row("board", format!("{}{simulated}", status.board)),
        row("model", status.model.clone()),
        row("engine", status.engine.clone()),
        row("recipe", status.recipe.clone()),
        row("core", status.core.clone()),
    ];
    if let Some(report) = &status.report {
        let peer = &report.peer;
        let state = format!("{:?}", peer.state).to_lowercase();
        rows.push(row("firmware", format!("{state}, epoch {:#x}", peer.epoch)));
        let slots = &report.slots;
        let classes = [
            ("frame", slots.frame),
            ("tensor", slots.tensor),
            ("heads", slots.heads),
            ("result", slots.result),
        ];
        let free = classes.map(|(name, class)| format!("{name} {}/{}", class.free, class.total));
        rows.push(row("free slots", free.join(", ")));
        rows.push(row("jobs", report.jobs.to_string()));
    } else {
        rows.push(row("firmware", "the data plane does not answer".to_owned()));
    }
    let incidents = status.incidents.iter().map(|(name, count)| format!("{name} {count}"));
    let incidents = incidents.collect::<Vec<_>>().join(", ");
    rows.push(row("incidents", if incidents.is_empty() { "none".to_owned() } else { incidents }));
    if let Some(policy) = &status.policy {
        let text = super::policy::describe(policy).replace('\n', "\n            ");
        rows.push(row("policy", text));
    }
    if let Some(line) = &status.serial {
        let [frames, garbage, resent] = [line.frames, line.garbage, line.resent];
        rows.push(row(
            "serial",
            format!("{frames} frames, {garbage} damaged, {resent} sent again"),
        ));
    }
    // Numbers are not columns here: keep them to the left.
    let width = 12;
    rows.iter().map(|row| format!("{:<width$}{}", row[0], row[1])).collect::<Vec<_>>().join("\n")
}

pub(super) async fn stats(session: &mut Session, output: &mut Output) -> anyhow::Result<u8> {
    match session.client.ask(&Request::Stats).await? {
        Response::Stats(stats) => output.answer(&stats, counters(&stats))?,
        other => return unexpected(&other),
    }
    Ok(EXIT_OK)
}

fn counters(stats: &Snapshot) -> String {
    let all = stats.flow.iter().chain(&stats.incidents);
    let moved = all.filter(|(_, count)| **count > 0);
    let rows: Vec<_> = moved.map(|(name, count)| vec![name.clone(), count.to_string()]).collect();
    if rows.is_empty() { "every counter is zero".to_owned() } else { table(&rows) }
}

pub(super) async fn ping(
    session: &mut Session,
    count: u32,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let report = match session.client.ask(&Request::Ping { count }).await? {
        Response::Ping(report) => report,
        other => return unexpected(&other),
    };
    let text = format!(
        "{} of {} answered, round trip p50 {}, p99 {}, min {}, max {}",
        report.answered,
        report.sent,
        micros(report.p50_us),
        micros(report.p99_us),
        micros(report.min_us),
        micros(report.max_us)
    );
    output.answer(&report, text)?;
    Ok(if report.answered == report.sent { EXIT_OK } else { crate::EXIT_FAILED })
}

pub(super) async fn logs(
    session: &mut Session,
    follow: bool,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let mut answer = session.client.ask(&Request::Logs { follow }).await?;
    loop {
        match answer {
            Response::Logs(lines) => {
                for line in &lines {
                    output.answer(line, line_text(line))?;
                }
            }
            Response::Done => return Ok(EXIT_OK),
            other => return unexpected(&other),
        }
        answer = session.client.next().await?;
    }
}

fn line_text(line: &LogLine) -> String {
    let mut text = String::new();
    if !line.at.is_empty() {
        let _ = write!(text, "{} ", line.at);
    }
    if !line.level.is_empty() {
        let _ = write!(text, "{:<5} ", line.level);
    }
    text + &line.text
}
