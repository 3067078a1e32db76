//! `bench`: latency of every stage and throughput.

use tandem_agent::control::{Request, Response};
use tandem_agent::service::BenchReport;

use super::Session;
use crate::EXIT_OK;
use crate::cli::Bench;
use crate::client::unexpected;
use crate::output::{Output, micros, table};

pub(super) async fn bench(
    session: &mut Session,
    args: &Bench,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let request = Request::Bench {
        image: session.image(&args.image)?,
        count: args.count.get(),
        warmup: args.warmup,
        in_flight: args.in_flight.get(),
    };
    let progress = output.progress(u64::from(args.count.get()) + u64::from(args.warmup), "images");
    let mut answer = session.client.ask(&request).await?;
    let report = loop {
        match answer {
            Response::Progress(done, _) => progress.set_position(u64::from(done)),
            Response::Bench(report) => break report,
            other => return unexpected(&other),
        }
        answer = session.client.next().await?;
    };
    progress.finish_and_clear();
    output.answer(&report, describe(&report))?;
    Ok(EXIT_OK)
}

fn describe(report: &BenchReport) -> String {
    let head = ["stage", "silicon", "runs", "p50", "p90", "p99", "max"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for stage in &report.stages {
        let silicon = stage.silicon.map_or(String::new(), |s| format!("{s:?}").to_lowercase());
        let mut row = vec![stage.stage.clone(), silicon, stage.count.to_string()];
        row.extend([stage.p50_us, stage.p90_us, stage.p99_us, stage.max_us].map(micros));
        rows.push(row);
    }
    let simulated = if report.simulated { "; the board is simulated" } else { "" };
    let reasons = report.degraded_by.iter().map(|(reason, count)| format!("{reason} {count}"));
    let reasons = reasons.collect::<Vec<_>>().join(", ");
    let reasons = if reasons.is_empty() { reasons } else { format!(" ({reasons})") };
    format!(
        "{}, {} x {} pixels, {} on {}{simulated}\n{}\n{:.1} images/s, {} at once, {} degraded{reasons}, {} \
         unknown",
        report.image,
        report.size[0],
        report.size[1],
        report.model,
        report.engine,
        table(&rows),
        report.per_second,
        report.in_flight,
        report.degraded,
        report.unknown
    )
}
