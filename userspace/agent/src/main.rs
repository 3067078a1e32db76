//! agentd: serves one board until it is told to stop.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use tandem_agent::channels::{Said, parse_line, parse_weight};
use tandem_agent::gate::{GateOption, Length, Way};
use tandem_agent::http;
use tandem_agent::serial::{self, Tty};
use tandem_agent::server::{Socket, default_socket};
use tandem_agent::service::Service;
use tandem_agent::setup::{BITSTREAMS, FIRMWARE, JOIN_WITHIN, STATE, Setup};
use tandem_channels::{Kind, Line};
use tandem_policy::Source;
use tandem_serve::args::ServeArgs;
use tandem_serve::{Core, server as protocol};
use tandem_worker::Engines;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Serve verdicts: photographs in over HTTP or a socket, verdicts out.
#[derive(Parser)]
#[command(
    name = "agentd",
    version,
    after_help = "\
Examples:
  agentd                                    virtual board, HTTP on 127.0.0.1:8080
  agentd --recipe people-and-vehicles       another recipe in force
  agentd --listen 0.0.0.0:80 --engine ort   every interface, ONNX Runtime or nothing
  agentd --board boards/zcu102.toml         a real board: its device tree must be in force
  agentd --serial /dev/ttyPS1               agentctl --target agent+serial:///dev/ttyUSB1, too
  agentd --engine tcp://10.0.2.2:7700,rten  a gpu-worker there; the CPU here while it is lost
  agentd --policy redis://10.0.2.3#line-1   routing policies from Redis, followed while it runs
  agentd --gate-delay 400ms --gate-pulse 20ms   a line with a reject arm
  agentd --serve-rest 127.0.0.1:8000 --serve-grpc 127.0.0.1:8001 --serve-models userspace/models

Then:
  curl --data-binary @bus.jpg 'http://127.0.0.1:8080/v1/inspect?name=bus'
  curl 'http://127.0.0.1:8080/v1/triggers?wait_ms=5000'        with a gate: parts and their tags
  curl --data-binary @part.jpg 'http://127.0.0.1:8080/v1/inspect?tag=17'
  agentctl --target unix:///run/tandem/agent.sock status"
)]
struct Options {
    /// Board description (TOML); the built-in virtual board without it
    #[arg(long, value_name = "FILE")]
    board: Option<PathBuf>,
    /// Image of the R5F, for boards that are not virtual
    #[arg(long, value_name = "FILE", default_value = FIRMWARE)]
    firmware: PathBuf,
    /// Folder for what lasts: updates of that image (`agentctl firmware update`)
    #[arg(long, value_name = "DIR", default_value = STATE, env = "STATE_DIRECTORY")]
    state: PathBuf,
    /// Folder of bitstreams, NAME/manifest.toml, for boards that are not virtual
    #[arg(long, value_name = "DIR", default_value = BITSTREAMS, env = "TANDEM_BITSTREAMS")]
    bitstreams: PathBuf,
    /// Folder of models, NAME/VERSION/model.toml; found upward from here without it
    #[arg(long, value_name = "DIR", env = "TANDEM_MODELS")]
    models: Option<PathBuf>,
    /// Folder of recipes, NAME.toml; found upward from here without it
    #[arg(long, value_name = "DIR", env = "TANDEM_RECIPES")]
    recipes: Option<PathBuf>,
    /// Recipe in force at the start; its model is loaded
    #[arg(long, value_name = "NAME", default_value = "default")]
    recipe: String,
    /// What runs the main model: auto, ort, rten, or workers, tcp://HOST:PORT,..., where a runtime
    /// behind them stands by: tcp://10.0.2.2:7700,rten
    #[arg(long, default_value = "auto", value_name = "LIST")]
    engine: Engines,
    /// Routing policy: a file, a folder of *.yaml (the highest version counts), or a Redis,
    /// redis://HOST:PORT/DB#NAME (key tandem:policy:NAME); followed while agentd runs
    #[arg(long, value_name = "SOURCE")]
    policy: Option<Source>,
    /// What a line carries, where the kernel does not know or is wrong: tcp://10.0.2.2:7700=1Gbit/s
    /// (Ethernet), =110MB/s (payload), rten=gen2x4 (PCIe). Jobs whose deadline their bytes cannot meet
    /// are refused
    #[arg(long, value_name = "NAME=RATE", value_parser = parse_line)]
    line_rate: Vec<(String, Line)>,
    /// Share of a worker among several, 1 without it
    #[arg(long, value_name = "NAME=N", value_parser = parse_weight)]
    channel_weight: Vec<(String, u32)>,
    /// A kind of channel that is not to be used, whatever is found
    #[arg(long, value_name = "KIND")]
    refuse_channel: Vec<Kind>,
    /// Threads of one inference; one per core without it
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Deadline of images that bring none, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000,
          value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    deadline_ms: u64,
    /// A firmware whose heartbeat stands still for so long is restarted, in milliseconds; an
    /// emulated one on a busy machine needs seconds
    #[arg(long, value_name = "MS", default_value_t = 250,
          value_parser = clap::value_parser!(u64).range(20..=60_000))]
    frozen_after_ms: u64,
    /// The reject gate: way from trigger to arm, 120ms or 3500counts of the belt's encoder. Every part
    /// is rejected there unless a pass with its tag comes before
    #[arg(long, value_name = "LENGTH", requires = "gate_pulse")]
    gate_delay: Option<Way>,
    /// The reject gate: how long the arm's pulse is, 20ms
    #[arg(long, value_name = "LENGTH", requires = "gate_delay")]
    gate_pulse: Option<Length>,
    /// Address of the HTTP API; "none" for no HTTP
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Serial line on which agentctl is answered, too: a terminal that nobody else uses (115200 baud)
    #[arg(long, value_name = "PATH")]
    serial: Option<PathBuf>,
    /// Path of agentctl's socket
    #[arg(long, value_name = "PATH", default_value_os_t = default_socket())]
    socket: PathBuf,
    #[command(flatten)]
    serve: ServeArgs,
}

impl Options {
    fn setup(&self) -> anyhow::Result<Setup> {
        let here = std::env::current_dir().context("The current folder cannot be read")?;
        let mut setup = Setup::near(&here);
        setup.board.clone_from(&self.board);
        setup.firmware.clone_from(&self.firmware);
        setup.state.clone_from(&self.state);
        setup.bitstreams.clone_from(&self.bitstreams);
        if let Some(models) = &self.models {
            setup.models.clone_from(models);
        }
        if let Some(recipes) = &self.recipes {
            setup.recipes.clone_from(recipes);
        }
        setup.recipe.clone_from(&self.recipe);
        setup.choose(&self.engine);
        setup.policy.clone_from(&self.policy);
        setup.channels = Said {
            lines: self.line_rate.clone(),
            weights: self.channel_weight.clone(),
            refuse: self.refuse_channel.clone(),
        };
        setup.engine.threads = self.threads;
        setup.gate =
            self.gate_delay.zip(self.gate_pulse).map(|(delay, pulse)| GateOption { delay, pulse });
        setup.agent.deadline = self.deadline_ms * 1_000_000;
        let health = &mut setup.agent.health;
        health.frozen_after = self.frozen_after_ms * 1_000_000;
        // Booting takes longer than a beat.
        health.announce_within = health.announce_within.max(2 * health.frozen_after);
        Ok(setup)
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("agentd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("The control plane's threads could not be started")?;
    runtime.block_on(serve(options))
}

async fn serve(options: &Options) -> anyhow::Result<()> {
    // Doors first: a taken port is found before a model is loaded.
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let listener = match options.listen.as_str() {
        "none" => None,
        address => Some(
            TcpListener::bind(address)
                .await
                .with_context(|| format!("--listen {address} cannot be opened"))?,
        ),
    };
    if let Some(folder) = options.socket.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| {
            format!("The folder of --socket {} cannot be made", options.socket.display())
        })?;
    }
    let socket = Socket::bind(&options.socket)?;
    let line = match &options.serial {
        None => None,
        Some(path) => {
            Some((path.clone(), serial::open(path).and_then(Tty::new).context("--serial")?))
        }
    };
    let setup = options.setup()?;
    let models = options.serve.open(setup.engine.clone()).await?;
    let service = tokio::task::block_in_place(|| setup.start())?;
    if !service.wait_ready(JOIN_WITHIN).await {
        eprintln!("agentd: the firmware has not joined yet, every stage runs on the CPU");
    }
    announce(options, &service);
    let (stop, stopped) = watch::channel(false);
    let mut models = tokio::spawn(serve_models(models, stopped.clone()));
    let mut http = tokio::spawn(serve_http(listener, service.clone(), stopped));
    let outcome = tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        () = socket.serve(service.clone()) => Ok(()),
        () = serve_line(line, &service) => Ok(()),
        ended = &mut http => ended.context("The HTTP server ended").and_then(|served| served),
        ended = &mut models => ended.context("The protocol's server ended").and_then(|served| served),
    };
    eprintln!("agentd: stopping, images under way are answered first");
    stop.send_replace(true);
    if !models.is_finished() {
        let _ = models.await;
    }
    drop(socket);
    let agent = service.agent().clone();
    let audit = tokio::task::spawn_blocking(move || agent.shutdown()).await.ok().flatten();
    match audit {
        Some(audit) if audit.is_clean() => eprintln!("agentd: stopped, every slot is free"),
        Some(audit) => eprintln!("agentd: stopped, slots: {audit:?}"),
        None => eprintln!("agentd: stopped"),
    }
    outcome
}

/// Serves the serial line for ever, as `None` does.
async fn serve_line(line: Option<(PathBuf, Tty)>, service: &Arc<Service>) {
    match line {
        Some((path, line)) => serial::serve(&path, line, service.clone(), service.line()).await,
        None => std::future::pending().await,
    }
}

/// Serves HTTP until told to stop; then lets answers under way go out. For ever without a listener.
async fn serve_http(
    listener: Option<TcpListener>,
    service: Arc<Service>,
    mut stopped: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let stop = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    match listener {
        Some(listener) => axum::serve(listener, http::router(service))
            .with_graceful_shutdown(stop)
            .await
            .context("HTTP"),
        None => {
            stop.await;
            Ok(())
        }
    }
}

/// Serves any models over the Open Inference Protocol until told to stop, where a door is wanted.
async fn serve_models(
    models: Option<(Arc<Core>, protocol::Doors)>,
    mut stopped: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    match models {
        Some((core, doors)) => {
            protocol::serve(core, doors, stopped).await.context("--serve-rest, --serve-grpc")
        }
        None => {
            let _ = stopped.wait_for(|stop| *stop).await;
            Ok(())
        }
    }
}

fn announce(options: &Options, service: &Service) {
    let info = service.info();
    eprintln!(
        "agentd {}: board {}{}, model {} on {}, recipe {}",
        env!("CARGO_PKG_VERSION"),
        info.board,
        if info.simulated { " (simulated)" } else { "" },
        service.model(),
        info.engine,
        options.recipe,
    );
    if options.listen != "none" {
        eprintln!("agentd: POST http://{}/v1/inspect", options.listen);
    }
    if let Some(delay) = options.gate_delay {
        eprintln!("agentd: gate rejects each part {delay} behind the trigger unless it passes");
    }
    if let Some(address) = &options.serve.serve_rest {
        eprintln!("agentd: GET http://{address}/v2");
    }
    if let Some(address) = &options.serve.serve_grpc {
        eprintln!("agentd: gRPC inference.GRPCInferenceService on {address}");
    }
    if let Some(address) = &options.serve.serve_metrics {
        eprintln!("agentd: GET http://{address}/metrics");
    }
    if let Some(path) = &options.serial {
        eprintln!("agentd: agentctl on the serial line {}", path.display());
    }
    eprintln!("agentd: agentctl --target unix://{} status", options.socket.display());
}
