//! The one task runner behind `scripts/setup`, `scripts/demo` and `scripts/test`.

mod apt;
mod assets;
mod boards;
mod clients;
mod cross;
mod disassembly;
mod exclusives;
mod foreign;
mod image;
mod lint;
mod mutants;
mod qemu;
mod rtl;
mod shell;
mod sshd;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};
use shell::{Runner, repository_root};

#[derive(Parser)]
#[command(name = "xtask", about = "Tandem's task runner", version)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Fetch models, photographs and runtimes; build the programs. Quick the second time.
    Setup {
        /// Also fetch what only the tests need (linters, cross compilers, emulator).
        #[arg(long)]
        all: bool,
    },
    /// Run the main job on the virtual board: photographs in, verdicts out, faults on the way.
    #[command(disable_help_flag = true)]
    Demo {
        /// Passed on to `agentctl demo`; try `scripts/demo --help`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run every test, as CI does.
    Test {
        /// Only the tests whose name contains this; skips lints, cross builds and the demo.
        filter: Option<String>,
    },
    /// Runs that are nothing but a seed, many of them: the nightly test. Failing seeds are named,
    /// with the command that replays one.
    Seeds {
        /// First seed.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// How many.
        #[arg(long, default_value_t = 10_000)]
        count: u64,
    },
    /// Formatting, clippy, spelling, licences, generated files.
    Lint,
    /// Regenerate register code and documentation from SystemRDL.
    Regs {
        /// Only say what is stale.
        #[arg(long)]
        check: bool,
    },
    /// Regenerate what comes from the board descriptions.
    Boards {
        /// Only say what is stale.
        #[arg(long)]
        check: bool,
        /// Fill OUT/lib/firmware/xilinx/BITSTREAM instead, for the loader of a Kria board.
        #[arg(long, value_name = "BITSTREAM", requires = "out", conflicts_with = "check")]
        package: Option<String>,
        /// Root of the file system that the package is for.
        #[arg(long, value_name = "DIR")]
        out: Option<std::path::PathBuf>,
    },
    /// Lints, proofs and benches of the programmable logic.
    Rtl {
        /// Only the proofs and benches whose name contains this.
        filter: Option<String>,
    },
    /// What the kernels cost (an estimate) and how long they take: hw/rtl/report.json and report.md.
    RtlReport {
        /// Only say whether the committed report is of these sources.
        #[arg(long)]
        check: bool,
        /// Also print the report.
        #[arg(short, long, value_parser = ["json"])]
        output: Option<String>,
    },
    /// Verilate the kernels that `agentctl --pl rtl` runs, into .tandem/rtl.
    RtlModels,
    /// Change a kernel's SystemVerilog in small ways and see whether its bench notices. For a night.
    RtlMutants {
        /// A kernel of hw/sim/rtl/mutants.toml.
        kernel: String,
        /// How many mutants that build.
        #[arg(long, default_value_t = 60)]
        count: usize,
        /// Which of all.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Write hw/rtl/mutants/KERNEL.md.
        #[arg(long)]
        write: bool,
    },
    /// Build the R5F image, print its size against TCM, run one job on it in QEMU.
    Rpu {
        /// Build and report sizes only.
        #[arg(long)]
        build_only: bool,
    },
    /// The whole board in QEMU: Linux with UIO on the A53s, the R5F image, the logic as a plugin.
    Qemu {
        #[command(subcommand)]
        verb: qemu::Verb,
    },
    /// A card to flash: two slots with the agent, what boots them, a place for data.
    #[command(after_help = image::HELP)]
    Image(image::Options),
    /// Build agentd, agentctl and gpu-worker for aarch64-unknown-linux-gnu.
    Arm64,
    /// Disassemble both processors' programs: no exclusive instructions on shared words.
    Exclusives,
}

fn main() {
    if let Err(error) = dispatch(Cli::parse()) {
        eprintln!("\x1b[1;31merror:\x1b[0m {error:#}");
        std::process::exit(1);
    }
}

fn dispatch(cli: Cli) -> Result<()> {
    let runner = Runner::new(repository_root()?);
    match cli.task {
        Task::Setup { all } => setup(&runner, all),
        Task::Demo { args } => demo(&runner, &args),
        Task::Test { filter } => test::run(&runner, filter.as_deref()),
        Task::Seeds { from, count } => seeds(&runner, from, count),
        Task::Lint => lint::run(&runner),
        Task::Regs { check } => lint::registers(&runner, check),
        Task::Boards { package: Some(package), out: Some(out), .. } => {
            boards::package(&runner, &package, &out)
        }
        Task::Boards { check, .. } => boards::run(&runner, check),
        Task::Rtl { filter } => rtl::run(&runner, filter.as_deref()),
        Task::RtlReport { check, output } => rtl::report(&runner, check, output.is_some()),
        Task::RtlModels => rtl::board_models(&runner),
        Task::RtlMutants { kernel, count, seed, write } => {
            mutants::run(&runner, &kernel, count, seed, write)
        }
        Task::Rpu { build_only } => cross::rpu(&runner, build_only),
        Task::Qemu { verb } => qemu::run_verb(&runner, &verb),
        Task::Image(options) => image::run(&runner, &options),
        Task::Arm64 => cross::arm64(&runner),
        Task::Exclusives => exclusives::check(&runner),
    }
}

fn setup(runner: &Runner, all: bool) -> Result<()> {
    assets::ensure(&runner.root, &mut |line| runner.say(line))?;
    runner.say("building agentd and agentctl (release)");
    runner.cargo(&["build", "--release", "-p", "tandem-agent", "-p", "tandem-agentctl"])?;
    if all {
        lint::ensure_tools(runner)?;
        cross::ensure_tools(runner)?;
        rtl::ensure_tools(runner)?;
        qemu::ensure_tools(runner)?;
        foreign::ensure_tools(runner)?;
        clients::ensure_tools(runner)?;
        sshd::ensure_tools(runner)?;
    }
    runner.say("ready: scripts/demo shows the main job, scripts/test runs every test");
    Ok(())
}

fn seeds(runner: &Runner, from: u64, count: u64) -> Result<()> {
    let mut cargo = runner.cargo_command();
    cargo.env("TANDEM_SEEDS", format!("{from}..{}", from.saturating_add(count)));
    cargo.args(["test", "--release", "-p", "tandem-tests", "--test", "seeds"]);
    cargo.args(["--", "--nocapture", "every_seed_keeps_the_books"]);
    shell::run(&mut cargo)
}

fn demo(runner: &Runner, args: &[String]) -> Result<()> {
    assets::ensure(&runner.root, &mut |line| runner.say(line))?;
    runner.cargo(&["build", "--quiet", "--release", "-p", "tandem-agentctl"])?;
    if args.iter().any(|word| word == "--pl=rtl") || args.windows(2).any(|w| w == ["--pl", "rtl"]) {
        rtl::board_models(runner)?;
    }
    let mut command = runner.command("target/release/agentctl");
    command.arg("demo").args(args);
    let status = command.status()?;
    std::process::exit(status.code().unwrap_or(1));
}
