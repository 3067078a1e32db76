//! The commands, one file each.

mod bench;
pub mod bitstream;
pub mod board;
mod channels;
mod console;
mod crash;
mod fault;
pub mod firmware;
pub mod fixture;
mod inspect;
mod kernel;
mod policy;
pub mod proxy;
mod recipe;
mod status;
mod tensor;
pub mod tune;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::CommandFactory;
use tandem_agent::api::ApiError;
use tandem_agent::control::{ImageRequest, KernelSpec};
use tandem_agent::service::Service;
use tandem_agent::setup::{JOIN_WITHIN, Setup};
use tandem_vboard::Pl;

use crate::EXIT_OK;
use crate::cli::{Cli, Command, Local, PlKind, Policy, Recipe};
use crate::client::Client;
use crate::output::Output;
use crate::transport::{InProcess, Target, Transport};

/// Largest file that is read: the control protocol's limit with room for the envelope.
const MAX_FILE_BYTES: u64 = (64 << 20) - (1 << 16);

/// Reads the SPEC.json of `kernel run`; `path` is for messages.
///
/// # Errors
/// `kernel_spec`, with the place in the text.
pub fn parse_kernel_spec(path: &Path, bytes: &[u8]) -> anyhow::Result<KernelSpec> {
    kernel::parse(path, bytes).map(KernelSpec::from)
}

/// Runs one command; its exit code.
///
/// # Errors
/// What went wrong, with the next step; exit code 1.
pub fn run(cli: &Cli, output: &mut Output) -> anyhow::Result<u8> {
    check_deterministic(cli)?;
    match &cli.command {
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "agentctl", &mut script);
            output.bytes(&script)?;
            return Ok(EXIT_OK);
        }
        Command::Console(command) => {
            return match &cli.target {
                Target::Serial(line) => console::run(line, command, output),
                _ => {
                    let message = "console speaks to the R5F over its serial line; use --target serial:///dev/tty...";
                    Err(ApiError::new("not_serial", "--target", message.to_owned()).into())
                }
            };
        }
        Command::Board(command) => {
            if let Some(outcome) = board::without_agent(cli, command, output) {
                return outcome;
            }
        }
        Command::Firmware(command) => {
            if let Some(outcome) = firmware::without_agent(cli, command, output) {
                return outcome;
            }
        }
        Command::Proxy { socket } => return proxy::proxy(socket.clone()),
        Command::Kernel(crate::cli::Kernel::Run(run)) => return kernel::run(cli, run, output),
        Command::Fixture(command) => return fixture::fixture(cli, command, output),
        // Files are compared, and checked, where they lie: no board is needed.
        Command::Policy(Policy::Diff { before, after }) => {
            return policy::diff(before, after, output);
        }
        Command::Policy(Policy::Tune(args)) => return tune::run(args, output),
        Command::Policy(Policy::Check { file }) if cli.target == Target::Virtual => {
            return policy::check_here(file, output);
        }
        Command::Recipe(Recipe::Check { file }) if cli.target == Target::Virtual => {
            return recipe::check_here(&setup(cli)?, file, output);
        }
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("The threads of the connection could not be started")?;
    runtime.block_on(converse(cli, output))
}

/// Refuses what cannot be the same run twice.
///
/// # Errors
/// `not_deterministic`, with what to leave out.
fn check_deterministic(cli: &Cli) -> anyhow::Result<()> {
    let why = match &cli.command {
        _ if cli.local.deterministic.is_none() => return Ok(()),
        _ if cli.target != Target::Virtual => "only --target virtual has virtual time",
        Command::Demo(_) => "the demo's line moves in real time",
        Command::Kernel(_) => "a kernel alone takes no turns with anybody",
        Command::Logs { follow: true } => "a log that is followed has no end",
        Command::Bench(bench) if bench.in_flight.get() > 1 => {
            "images under way at once come in any order; use --in-flight 1"
        }
        _ => return Ok(()),
    };
    Err(ApiError::new("not_deterministic", "--deterministic", why.to_owned()).into())
}

async fn converse(cli: &Cli, output: &mut Output) -> anyhow::Result<u8> {
    if let Command::Demo(demo) = &cli.command {
        return crate::demo::run(cli, demo, output).await; // brings its own board
    }
    let mut session = Session::open(cli).await?;
    let outcome = ask(cli, &mut session, output).await;
    session.client.close().await;
    outcome
}

async fn ask(cli: &Cli, session: &mut Session, output: &mut Output) -> anyhow::Result<u8> {
    match &cli.command {
        Command::Status => status::status(session, output).await,
        Command::Stats => status::stats(session, output).await,
        Command::Ping { count } => status::ping(session, count.get(), output).await,
        Command::Logs { follow } => status::logs(session, *follow, output).await,
        Command::Crash => crash::crash(session, output).await,
        Command::Inspect(args) => inspect::inspect(session, args, output).await,
        Command::Tensor { image, out } => tensor::tensor(session, image, out, output).await,
        Command::Bench(args) => bench::bench(session, args, output).await,
        Command::Fault(fault) => fault::fault(session, fault, output).await,
        Command::Recipe(args) => recipe::recipe(session, args, output).await,
        Command::Policy(args) => policy::policy(session, args, output).await,
        Command::Board(args) => board::with_agent(session, args, output).await,
        Command::Firmware(args) => firmware::with_agent(session, args, output).await,
        Command::Channels => channels::channels(session, output).await,
        Command::Bitstream(args) => bitstream::bitstream(session, args, output).await,
        // Done without this session.
        Command::Kernel(_)
        | Command::Demo(_)
        | Command::Console(_)
        | Command::Fixture(_)
        | Command::Proxy { .. }
        | Command::Completion { .. } => Ok(EXIT_OK),
    }
}

/// A conversation, and the virtual board where there is one.
pub struct Session {
    /// The conversation.
    pub client: Client,
    /// `--recipe`, to be named in each request.
    pub recipe: Option<String>,
    /// The way to the agent.
    transport: Arc<dyn Transport>,
}

impl Session {
    /// Reaches the target; a virtual board is started and its firmware waited for.
    ///
    /// # Errors
    /// The target cannot be reached or started.
    pub async fn open(cli: &Cli) -> anyhow::Result<Session> {
        if let Target::Serial(line) = &cli.target {
            let message = format!(
                "{line} is the R5F's console, for `agentctl console`; agentd --serial answers on agent+{line}"
            );
            return Err(ApiError::new("no_agent", "--target", message).into());
        }
        let remote = cli.target.transport(cli.ssh_command.as_deref());
        // A virtual board has it in force already.
        let recipe = remote.as_ref().and(cli.recipe.clone());
        let transport = match remote {
            Some(transport) => transport,
            None => Arc::new(InProcess(virtual_agent(cli).await?)),
        };
        let client = Client::connect(&*transport).await?;
        Ok(Session { client, recipe, transport })
    }

    /// Begins the conversation anew: an answer that was not waited for would be taken for the next one's.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn renew(&mut self) -> anyhow::Result<()> {
        // A serial line has one reader only.
        self.client.hang_up();
        self.client = Client::connect(&*self.transport).await?;
        Ok(())
    }

    /// A request for an image file under `--recipe`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn image(&self, path: &Path) -> anyhow::Result<ImageRequest> {
        Ok(ImageRequest {
            name: path.display().to_string(),
            bytes: read(path)?.into(),
            recipe: self.recipe.clone(),
            ..ImageRequest::default()
        })
    }
}

/// A virtual board and its agent in this process, the firmware waited for.
async fn virtual_agent(cli: &Cli) -> anyhow::Result<Arc<Service>> {
    let setup = setup(cli)?;
    let service = tokio::task::block_in_place(|| setup.start()).map_err(ApiError::from)?;
    if !service.wait_ready(JOIN_WITHIN).await {
        eprintln!("agentctl: the firmware has not joined, every stage runs on the CPU");
    }
    Ok(service)
}

/// Where `cargo xtask rtl-models` puts the kernels.
const RTL: &str = ".tandem/rtl";
/// Deadline of images on simulated logic, ns: its clocks are slow, the job is the same.
const RTL_DEADLINE: u64 = 60_000_000_000;

/// What `--target virtual` starts.
///
/// # Errors
/// The current folder is gone.
pub fn setup(cli: &Cli) -> anyhow::Result<Setup> {
    let here = std::env::current_dir().context("The current folder cannot be read")?;
    let mut setup = Setup::near(&here);
    let Local { board, models, recipes, engine, threads, library, .. } = &cli.local;
    let Local { default_deadline_ms, spin_us, deterministic, policy, .. } = &cli.local;
    setup.policy.clone_from(policy);
    setup.deterministic = *deterministic;
    setup.board.clone_from(board);
    if let Some(models) = models {
        setup.models.clone_from(models);
    }
    if let Some(recipes) = recipes {
        setup.recipes.clone_from(recipes);
    }
    if let Some(recipe) = &cli.recipe {
        setup.recipe.clone_from(recipe);
    }
    if cli.local.pl == PlKind::Rtl {
        let near = || here.ancestors().map(|folder| folder.join(RTL)).find(|path| path.is_dir());
        let folder = cli.local.rtl.clone().or_else(near);
        setup.pl = Pl::Rtl(folder.unwrap_or_else(|| PathBuf::from(RTL)));
        setup.agent.deadline = RTL_DEADLINE;
    }
    if let Some(ms) = default_deadline_ms {
        setup.agent.deadline = u64::from(*ms) * 1_000_000;
    }
    if let Some(us) = *spin_us {
        setup.spin.core_spin_us = us;
        setup.spin.agent_spin_us = us;
    }
    setup.choose(engine);
    setup.engine.threads = *threads;
    setup.engine.library.clone_from(library);
    Ok(setup)
}

/// Reads a file, `-` standard input, of at most [`MAX_FILE_BYTES`].
///
/// # Errors
/// `file_unreadable` or `file_too_large` with the path.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let name = path.display().to_string();
    let failed = |error: std::io::Error| {
        ApiError::new("file_unreadable", name.clone(), format!("{name} cannot be read: {error}"))
    };
    let mut bytes = Vec::new();
    let source: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(std::io::stdin()),
        _ => Box::new(std::fs::File::open(path).map_err(failed)?),
    };
    source.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let message = format!("{name} is above {MAX_FILE_BYTES} bytes, send a smaller one");
        return Err(ApiError::new("file_too_large", name, message).into());
    }
    Ok(bytes)
}

/// Writes a file, `-` standard output.
///
/// # Errors
/// `file_unwritable` with the path: a full disk, most likely.
pub fn write(path: &Path, bytes: &[u8], output: &mut Output) -> anyhow::Result<()> {
    if path.as_os_str() == "-" {
        return output.bytes(bytes);
    }
    std::fs::write(path, bytes).map_err(|error| unwritable(path, &error).into())
}

/// A file that could not be written.
pub fn unwritable(path: &Path, error: &std::io::Error) -> ApiError {
    let name = path.display().to_string();
    let message = format!("{name} cannot be written: {error}; free the disk or name another place");
    ApiError::new("file_unwritable", name, message)
}
