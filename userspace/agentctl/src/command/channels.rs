//! `channels`: the ways that bytes take, what they could carry, what they did.

use tandem_agent::channels::{ChannelEntry, ChannelReport};
use tandem_agent::control::{Request, Response};

use super::Session;
use crate::EXIT_OK;
use crate::client::unexpected;
use crate::output::{Output, table};

pub(super) async fn channels(session: &mut Session, output: &mut Output) -> anyhow::Result<u8> {
    match session.client.ask(&Request::Channels).await? {
        Response::Channels(report) => {
            output.answer(&report, describe(&report))?;
            Ok(EXIT_OK)
        }
        other => unexpected(&other),
    }
}

fn describe(report: &ChannelReport) -> String {
    let heading =
        ["channel", "kind", "line", "a job at least", "jobs", "failed", "on the way", "rate"];
    let heading = heading.map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> =
        std::iter::once(heading).chain(report.channels.iter().map(row)).collect();
    let kinds = report.kinds.iter().map(|kind| {
        let can = if kind.possible { "possible" } else { "not here" };
        vec![format!("  {}", kind.kind), can.to_owned(), kind.why.clone()]
    });
    format!("{}\n\nkinds\n{}", table(&rows), table(&kinds.collect::<Vec<_>>()))
}

fn row(entry: &ChannelEntry) -> Vec<String> {
    let ChannelEntry { spec, bound_ns, figures } = entry;
    let none = || "-".to_owned();
    let time = |ns: u64| match ns {
        0..1_000_000 => format!("{:.0} us", ns as f64 / 1e3),
        _ => format!("{:.2} ms", ns as f64 / 1e6),
    };
    let on_the_way = match (figures.least_ns, figures.mean_ns, figures.most_ns) {
        (Some(least), Some(mean), Some(most)) => {
            format!("{} / {} / {}", time(least), time(mean), time(most))
        }
        _ => none(),
    };
    vec![
        format!("{} ({} -> {})", spec.name, spec.endpoints[0], spec.endpoints[1]),
        spec.kind.to_string(),
        spec.line.map_or_else(none, |line| line.to_string()),
        if spec.line.is_some() { time(*bound_ns) } else { none() },
        figures.jobs.to_string(),
        figures.failed.to_string(),
        on_the_way,
        figures.bytes_per_s.map_or_else(none, |rate| format!("{:.1} MB/s", rate as f64 / 1e6)),
    ]
}
