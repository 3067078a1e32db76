//! `policy`: check, diff, apply, show, explain; `tune` has its own file.

use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use tandem_agent::api::ApiError;
use tandem_agent::control::{Request, Response};
use tandem_agent::service::PolicyReport;
use tandem_policy::{Change, ChangeKind, Code, Document, Explanation, Finding, Location, Status};

use super::{Session, read};
use crate::cli::Policy;
use crate::client::unexpected;
use crate::output::{Output, table};
use crate::{EXIT_DIFFERENT, EXIT_FAILED, EXIT_OK};

/// What `check` and `apply` print for programs.
#[derive(Serialize)]
struct Checked<'a> {
    file: String,
    policy: Option<&'a str>,
    in_force: Option<&'a str>,
    findings: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    code: Code,
    line: Option<u32>,
    column: Option<u32>,
    field: &'a str,
    message: &'a str,
}

/// What `diff` prints for programs.
#[derive(Serialize)]
struct Difference<'a> {
    before: String,
    after: String,
    changes: &'a [Change],
}

pub(super) async fn policy(
    session: &mut Session,
    args: &Policy,
    output: &mut Output,
) -> anyhow::Result<u8> {
    match args {
        Policy::Check { file } => {
            let (name, text) = (file.display().to_string(), text(file)?);
            let request = Request::PolicyCheck { file: name.clone(), text: text.clone() };
            let report = report(session, &request).await?;
            checked(&name, &text, report.policy.as_deref(), &report.findings, output)
        }
        Policy::Apply { file } => apply(session, file, output).await,
        Policy::Show => {
            let report = report(session, &Request::PolicyShow).await?;
            output.answer(&report, show(&report))?;
            Ok(EXIT_OK)
        }
        Policy::Explain { image, job, deadline_ms } => {
            let mut request = session.image(image)?;
            request.options = job.options();
            request.deadline_ms = *deadline_ms;
            match session.client.ask(&Request::PolicyExplain(request)).await? {
                Response::PolicyExplained(explanation) => {
                    output.answer(&explanation, explain(&explanation))?;
                    Ok(EXIT_OK)
                }
                other => unexpected(&other),
            }
        }
        Policy::Diff { before, after } => diff(before, after, output),
        Policy::Tune(args) => super::tune::run(args, output),
    }
}

async fn report(session: &mut Session, request: &Request) -> anyhow::Result<PolicyReport> {
    match session.client.ask(request).await? {
        Response::Policy(report) => Ok(report),
        other => unexpected(&other),
    }
}

async fn apply(session: &mut Session, file: &Path, output: &mut Output) -> anyhow::Result<u8> {
    let (name, text) = (file.display().to_string(), text(file)?);
    let request = Request::PolicyApply { file: name.clone(), text: text.clone() };
    let PolicyReport { policy, findings, status, .. } = report(session, &request).await?;
    let in_force = status.policy.as_deref();
    let lines = match &policy {
        Some(policy) => format!("{policy} is in force"),
        None => {
            let stays = in_force.map_or("no policy is in force".to_owned(), |policy| {
                format!("{policy} stays in force")
            });
            format!("{}\n{stays}", render(&name, &text, &findings))
        }
    };
    let found = findings.iter().map(found).collect();
    let value = Checked { file: name, policy: policy.as_deref(), in_force, findings: found };
    output.answer(&value, lines)?;
    Ok(if policy.is_some() { EXIT_OK } else { EXIT_FAILED })
}

/// Checks a file without an agent: what it says of itself, not the engines and models it names.
pub(super) fn check_here(file: &Path, output: &mut Output) -> anyhow::Result<u8> {
    let (name, text) = (file.display().to_string(), text(file)?);
    match Document::parse(&text) {
        Ok(document) => checked(&name, &text, Some(&document.id()), &[], output),
        Err(findings) => checked(&name, &text, None, &findings, output),
    }
}

fn checked(
    file: &str,
    text: &str,
    policy: Option<&str>,
    findings: &[Finding],
    output: &mut Output,
) -> anyhow::Result<u8> {
    let lines = match policy {
        Some(policy) => format!("{file}: {policy} is good"),
        None => render(file, text, findings),
    };
    let found = findings.iter().map(found).collect();
    let value = Checked { file: file.to_owned(), policy, in_force: None, findings: found };
    output.answer(&value, lines)?;
    Ok(if policy.is_some() { EXIT_OK } else { EXIT_FAILED })
}

fn found(finding: &Finding) -> Found<'_> {
    let Finding { code, at, field, message } = finding;
    let (line, column) = (at.map(|Location { line, .. }| line), at.map(|at| at.column));
    Found { code: *code, line, column, field, message }
}

fn render(file: &str, text: &str, findings: &[Finding]) -> String {
    let mut lines: Vec<String> =
        findings.iter().map(|finding| finding.render(file, text)).collect();
    let what = if findings.len() == 1 { "finding" } else { "findings" };
    lines.push(format!("{file}: {} {what}", findings.len()));
    lines.join("\n")
}

fn text(file: &Path) -> anyhow::Result<String> {
    let name = file.display();
    String::from_utf8(read(file)?).with_context(|| format!("{name} is no text (UTF-8)"))
}

/// Compares two files by what they mean.
pub(super) fn diff(before: &Path, after: &Path, output: &mut Output) -> anyhow::Result<u8> {
    let document = |file: &Path| {
        let (name, text) = (file.display().to_string(), text(file)?);
        Document::parse(&text).map_err(|findings| {
            let code = findings.first().map_or(Code::Syntax, |finding| finding.code);
            let message = render(&name, &text, &findings);
            anyhow::Error::from(ApiError::new(code.name(), name, message))
        })
    };
    let changes = tandem_policy::diff(&document(before)?, &document(after)?);
    let rows: Vec<Vec<String>> = changes.iter().map(change).collect();
    let lines = if changes.is_empty() { "the same".to_owned() } else { table(&rows) };
    let [before, after] = [before, after].map(|path| path.display().to_string());
    output.answer(&Difference { before, after, changes: &changes }, lines)?;
    Ok(if changes.is_empty() { EXIT_OK } else { EXIT_DIFFERENT })
}

fn change(change: &Change) -> Vec<String> {
    let Change { kind, what, before, after } = change;
    let said = |text: &str| if text.is_empty() { "nothing".to_owned() } else { text.to_owned() };
    let (mark, how) = match kind {
        ChangeKind::Added => ("+", after.clone()),
        ChangeKind::Removed => ("-", before.clone()),
        ChangeKind::Changed => ("~", format!("{} -> {}", said(before), said(after))),
        ChangeKind::Moved => (">", format!("{before} -> {after}")),
    };
    vec![format!("{mark} {what}"), how]
}

fn show(report: &PolicyReport) -> String {
    let status = &report.status;
    let mut lines = vec![describe(status)];
    let mut rows: Vec<Vec<String>> = Vec::new();
    for rule in &report.rules {
        let also = |lead: &str, text: &str| {
            if text.is_empty() { String::new() } else { format!("; {lead} {text}") }
        };
        let route =
            rule.route.clone() + &also("canary", &rule.canary) + &also("shadow", &rule.shadow);
        rows.push(vec![format!("  {}", rule.name), rule.matches.clone(), route]);
    }
    if !rows.is_empty() {
        lines.push(table(&rows));
    }
    lines.join("\n")
}

/// The policy in force and its source in a few lines; `status` shows the first.
pub(super) fn describe(status: &Status) -> String {
    let mut text = match &status.policy {
        Some(policy) => format!("{policy} (from {}, {} changes)", status.origin, status.changes),
        None => "none".to_owned(),
    };
    if !status.source.is_empty() {
        let state = match status.trouble.as_str() {
            "" => "followed".to_owned(),
            trouble => format!("lost: {trouble}"),
        };
        text += &format!("; source {} {state}, lost {} times", status.source, status.losses);
    }
    let refused: Vec<String> =
        status.refused.iter().map(|(code, count)| format!("{code} {count}")).collect();
    if !refused.is_empty() {
        text += &format!("; refused: {}", refused.join(", "));
    }
    if !status.last_refusal.is_empty() {
        text += &format!("\nlast refusal: {}", status.last_refusal);
    }
    text
}

fn explain(explanation: &Explanation) -> String {
    let Explanation { policy, rule, route, engines, priority, .. } = explanation;
    let rows: Vec<Vec<String>> = explanation
        .rules
        .iter()
        .map(|trace| {
            let outcome = match (trace.decides, trace.why_not.is_empty()) {
                (true, _) => "decides".to_owned(),
                (false, true) => "would match, too".to_owned(),
                (false, false) => trace.why_not.join("; "),
            };
            vec![format!("  {}", trace.rule), outcome]
        })
        .collect();
    let mut lines = vec![format!("{policy}: rule {rule}, priority {priority}")];
    if !rows.is_empty() {
        lines.push(table(&rows));
    }
    lines.push(format!("route {route} on {}", engines.join(", ")));
    if !explanation.canary_rule.is_empty() {
        let taken = if explanation.canary { "this job is one" } else { "this job is none" };
        lines.push(format!("canary {} ({taken})", explanation.canary_rule));
    }
    if !explanation.shadow_rule.is_empty() {
        lines.push(format!("shadow {}", explanation.shadow_rule));
    }
    if !explanation.drop.is_empty() {
        lines.push(format!("a full queue drops {}", explanation.drop));
    }
    lines.join("\n")
}
