//! gpu-worker: runs one model for clients over TCP until it is told to stop.

use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use serde_json::json;
use tandem_engine::{EngineChoice, EngineOptions, Model, load_engine_with};
use tandem_worker::protocol::Interface;
use tandem_worker::{Server, ServerConfig};
use tokio::signal::unix::{SignalKind, signal};

/// Run a model for agents on this or another machine.
#[derive(Parser)]
#[command(
    name = "gpu-worker",
    version,
    after_help = "\
Examples:
  gpu-worker --model userspace/models/yolov3-tiny/1
  gpu-worker --model DIR --listen 0.0.0.0:7700 --engine ort --threads 8
  gpu-worker --model DIR --listen 127.0.0.1:0 -o json | jq .listen     any free port

Then, where the agent runs:
  agentd --engine tcp://HOST:7700                 the worker or nothing
  agentd --engine tcp://HOST:7700,rten            this process's CPU stands by
  agentctl --engine tcp://HOST:7700 inspect bus.jpg

The model runs on this machine's CPU: no engine for a GPU is built yet. Nothing
is encrypted and nobody is asked who he is: listen where only agents can connect.

Exit codes: 0 stopped by SIGTERM or SIGINT, 1 it could not start, 2 the command line is wrong."
)]
struct Options {
    /// Where to listen; port 0 takes a free one, and the first line says which
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7700")]
    listen: String,
    /// Folder of the model, NAME/VERSION with model.toml and the weights
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Runtime: auto (ONNX Runtime where its library is found, else rten), ort, rten
    #[arg(long, default_value = "auto")]
    engine: EngineChoice,
    /// Threads of one inference; one per core, four at most, without it
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Jobs that the worker holds at once, of all clients; an agent's lane takes two
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u16).range(1..=64))]
    slots: u16,
    /// How the first line and the counters at the end are printed
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gpu-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("The thread for signals could not be started")?;
    // From here on a signal waits until everything stands.
    let (mut interrupt, mut terminate) = {
        let _in_runtime = runtime.enter();
        let listen = |kind| signal(kind).context("Signals cannot be listened to");
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?)
    };
    // The door first: a taken port is found before a model is loaded.
    let listener = TcpListener::bind(&options.listen)
        .with_context(|| format!("--listen {} cannot be opened", options.listen))?;
    let model = Model::load(&options.model)
        .with_context(|| format!("--model {}", options.model.display()))?;
    let interface = Interface::of(&model)?;
    let engine_options = EngineOptions {
        choice: options.engine,
        threads: options.threads,
        ..EngineOptions::default()
    };
    let engine = load_engine_with(&model, &engine_options)?;
    let (name, describes) = (engine.name(), engine.describe());
    let config = ServerConfig { slots: options.slots.into() };
    let mut server = Server::start(listener, interface, engine, config)
        .context("The worker's threads could not be started")?;
    announce(options, &server, &model, name, &describes);
    runtime.block_on(async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    });
    server.stop();
    farewell(options, &server);
    Ok(())
}

/// One line on standard output, as soon as clients can connect.
fn announce(options: &Options, server: &Server, model: &Model, name: &str, describes: &str) {
    let (address, id) = (server.address(), model.id());
    match options.output {
        Format::Text => println!(
            "gpu-worker: listening on tcp://{address}, model {id}, {} slots, {describes}",
            options.slots
        ),
        Format::Json => println!(
            "{}",
            json!({
                "listen": format!("tcp://{address}"),
                "model": id,
                "sha256": model.descriptor().sha256,
                "engine": name,
                "runs_on": describes,
                "slots": options.slots,
                "pid": std::process::id(),
            })
        ),
    }
}

/// What was counted.
fn farewell(options: &Options, server: &Server) {
    let counters = server.counters();
    match options.output {
        Format::Json => {
            let counts: serde_json::Map<String, serde_json::Value> =
                counters.seen().map(|(name, count)| (name.to_owned(), count.into())).collect();
            println!("{}", json!({ "stopped": counts }));
        }
        Format::Text => {
            let counts: Vec<String> =
                counters.seen().map(|(name, count)| format!("{name} {count}")).collect();
            println!("gpu-worker: stopped; {}", counts.join(", "));
        }
    }
}
