//! `fault`: faults of a virtual board's hardware.

use tandem_agent::control::{Request, Response};
use tandem_agent::service::FaultReport;

use super::Session;
use crate::EXIT_OK;
use crate::cli::Fault;
use crate::client::unexpected;
use crate::output::Output;

pub(super) async fn fault(
    session: &mut Session,
    fault: &Fault,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let request = match fault {
        Fault::List => Request::FaultList,
        Fault::Inject { name } => Request::FaultInject(name.clone()),
        Fault::Clear => Request::FaultClear,
    };
    let report = match session.client.ask(&request).await? {
        Response::Faults(report) => report,
        other => return unexpected(&other),
    };
    output.answer(&report, describe(&report, matches!(fault, Fault::List)))?;
    Ok(EXIT_OK)
}

fn describe(report: &FaultReport, all: bool) -> String {
    let list = |names: &[String]| {
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let mut lines = Vec::new();
    if all {
        lines.push("can be planted (numbers are examples):".to_owned());
        lines.extend(report.available.iter().map(|name| format!("  {name}")));
    }
    lines.push(format!("planted: {}", list(&report.pending)));
    lines.push(format!("taken: {}", list(&report.taken)));
    lines.join("\n")
}
