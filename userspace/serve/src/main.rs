//! tandem-serve: any ONNX models over the Open Inference Protocol, without a board.

use std::num::NonZeroUsize;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;
use tandem_engine::{EngineChoice, EngineOptions};
use tandem_serve::args::ServeArgs;
use tandem_serve::server::serve;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Serve ONNX models over the Open Inference Protocol (KServe v2); agentd does the same beside a board.
#[derive(Parser)]
#[command(
    name = "tandem-serve",
    version,
    after_help = "\
Example:
  tandem-serve --serve-models models --serve-rest 127.0.0.1:8000 --serve-grpc 127.0.0.1:8001 \\
    --serve-metrics 127.0.0.1:8002
  curl http://127.0.0.1:8000/v2
  curl http://127.0.0.1:8002/metrics"
)]
struct Options {
    /// Runtime: auto, ort, rten
    #[arg(long, default_value = "auto", value_name = "NAME")]
    engine: EngineChoice,
    /// Threads of one inference; one per core without it
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    serve: ServeArgs,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tandem-serve: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(options: &Options) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let engine = EngineOptions { choice: options.engine, threads: options.threads, library: None };
    let Some((core, doors)) = options.serve.open(engine).await? else {
        bail!("no door is wanted; --serve-rest 127.0.0.1:8000 opens one");
    };
    // Port 0 is any free one: whoever asked for it reads it here.
    for (name, address) in doors.addresses() {
        println!("{name} {address}");
    }
    let (stop, stopped) = watch::channel(false);
    let mut server = tokio::spawn(serve(core, doors, stopped));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        ended = &mut server => return Ok(ended??),
    }
    stop.send_replace(true);
    Ok(server.await??)
}
