//! The command line, as `--help` shows it.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use tandem_agent::routing::JobOptions;
use tandem_policy::Source;
use tandem_worker::Engines;

use crate::output::Format;
use crate::transport::Target;

/// Inspect photographs, look into a board, plant faults, try recipes.
#[derive(Debug, Parser)]
#[command(
    name = "agentctl",
    version,
    propagate_version = true,
    after_help = "\
Examples:
  agentctl inspect bus.jpg                          one photograph on a virtual board
  agentctl inspect *.jpg -o json | jq .verdict      one JSON object a line
  agentctl --recipe people-and-vehicles inspect bus.jpg --annotate out
  agentctl --target unix:///run/tandem/agent.sock status
  agentctl --target ssh://root@kv260 status         agentd on a board, through ssh
  agentctl --target agent+serial:///dev/ttyUSB2 status   through its serial line (agentd --serial)
  agentctl inspect bus.jpg --fault hung_kernel:pre  see a fault being survived

Exit codes: 0 it worked, 1 it did not, 2 the command line is wrong,
3 a verdict is not pass (only with --fail-on-verdict), 4 two policies differ (policy diff)."
)]
pub struct Cli {
    /// The board: `virtual` lives for the length of the command, `unix:///PATH` is agentd's socket,
    /// `ssh://[USER@]HOST[:PORT][/PATH]` agentd's socket over there, `agent+serial:///dev/ttyUSB2` the
    /// line of agentd --serial; for `console`, which speaks to the R5F:
    /// `serial:///dev/ttyUSB1`, or `serial+unix:///PATH` for QEMU's socket;
    /// a name of targets.toml (`board list`) stands for its target
    #[arg(long, global = true, env = "TANDEM_TARGET", default_value = "virtual",
          value_parser = crate::board::names::resolve)]
    pub target: Target,
    /// What runs instead of `ssh` for ssh:// targets: words for the shell, as git's GIT_SSH_COMMAND
    #[arg(long, global = true, value_name = "COMMAND", env = "TANDEM_SSH")]
    pub ssh_command: Option<String>,
    /// How answers are printed
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// Recipe to inspect under; the one in force (virtual: `default`) without it
    #[arg(long, global = true, value_name = "NAME")]
    pub recipe: Option<String>,
    /// What the virtual board runs
    #[command(flatten)]
    pub local: Local,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// `--pl`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlKind {
    /// The bit-exact model
    #[default]
    Model,
    /// Verilated kernels: a fraction of a second a frame; the gate and the DMA stay models
    Rtl,
}

/// What `--target virtual` starts.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "With --target virtual")]
pub struct Local {
    /// Board description; the built-in one without it
    #[arg(long, global = true, value_name = "FILE")]
    pub board: Option<PathBuf>,
    /// Folder of models; found upward from here without it
    #[arg(long, global = true, value_name = "DIR", env = "TANDEM_MODELS")]
    pub models: Option<PathBuf>,
    /// Folder of recipes; found upward from here without it
    #[arg(long, global = true, value_name = "DIR", env = "TANDEM_RECIPES")]
    pub recipes: Option<PathBuf>,
    /// What runs the main model: auto, ort, rten, or workers, tcp://HOST:PORT,..., where a runtime
    /// behind them stands by: tcp://10.0.2.2:7700,rten
    #[arg(long, global = true, default_value = "auto", value_name = "LIST")]
    pub engine: Engines,
    /// Routing policy: a file, a folder, or redis://HOST:PORT/DB#NAME
    #[arg(long, global = true, value_name = "SOURCE")]
    pub policy: Option<Source>,
    /// Threads of one inference; one per core without it
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Milliseconds from ingest to verdict for images that bring no deadline; 2000 without it
    #[arg(long, global = true, value_name = "MS", env = "TANDEM_DEADLINE_MS")]
    pub default_deadline_ms: Option<u32>,
    /// Microseconds that firmware and data plane look for work before they sleep: low latency for
    /// a processor each
    #[arg(long, global = true, value_name = "US")]
    pub spin_us: Option<u32>,
    /// What computes in the programmable logic: its bit-exact model, or its SystemVerilog, simulated
    #[arg(long, global = true, value_enum, default_value_t = PlKind::Model)]
    pub pl: PlKind,
    /// Folder of the Verilated kernels; `.tandem/rtl` upward from here without it
    #[arg(long, global = true, value_name = "DIR", env = "TANDEM_RTL")]
    pub rtl: Option<PathBuf>,
    /// One thread and virtual time: the same seed and the same command are the same run, to the
    /// bit. Times in answers are the board's then, and no measurement
    #[arg(long, global = true, value_name = "SEED")]
    pub deterministic: Option<u64>,
    /// ONNX Runtime's library; looked for without it
    #[arg(long, global = true, value_name = "FILE", env = "ORT_DYLIB_PATH")]
    pub library: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// How the agent, the firmware and the slots do
    Status,
    /// Verdicts for images: JPEG, PNG, or raw with a TNDMRAW1 header
    #[command(after_help = "\
Examples:
  agentctl inspect bus.jpg zidane.jpg
  agentctl inspect bus.jpg -o json
  agentctl inspect parts/*.png --annotate out --fail-on-verdict
  agentctl inspect bus.jpg --fault lost_interrupt:pre --fault stuck_tlast:post

With -o json each line is an object with image, size, verdict (result, rule, reason,
deadline_met), detections (label, score, box as x1, y1, x2, y2 in source pixels), stages (name,
silicon, us), degraded, model, recipe, tag and error (code, field, message; null where there is a
judgement); for an image that was refused, with image and error alone.")]
    Inspect(Inspect),
    /// Write the tensor that the model is given: u8, in the model's layout
    Tensor {
        /// Image
        image: PathBuf,
        /// Output; `-` is standard output
        out: PathBuf,
    },
    /// Run one kernel alone on raw bytes
    #[command(subcommand)]
    Kernel(Kernel),
    /// The firmware's log
    Logs {
        /// Go on with new lines until interrupted
        #[arg(short, long)]
        follow: bool,
    },
    /// What the firmware died of: reason, registers, fault status, last lines of its log
    Crash,
    /// Latency of every stage (p50, p90, p99) and throughput
    Bench(Bench),
    /// Faults of a virtual board's hardware
    #[command(subcommand)]
    Fault(Fault),
    /// Recipes: what makes a part pass
    #[command(subcommand)]
    Recipe(Recipe),
    /// Routing policies: which silicon and which engines an image goes to
    #[command(subcommand)]
    #[command(after_help = "\
Examples:
  agentctl policy check line.yaml                   what is wrong with it, line and column
  agentctl policy diff line.yaml new.yaml           what changes, by meaning
  agentctl --target unix:///run/tandem/agent.sock policy apply new.yaml
  agentctl --target unix:///run/tandem/agent.sock policy explain bus.jpg --stream packing-1
  agentctl policy tune load.jsonl --cost detect=1:8,4:20   which drop, queue, batch and slack serve best

Exit codes: 0 it is good, in force, or the same; 1 it was refused or could not be read;
4 the two of diff differ. userspace/policy/README.md has the format.")]
    Policy(Policy),
    /// The ways that bytes take: kind, line, the least time of a job, what was measured
    #[command(after_help = "\
`a job at least` is its bytes over the line's rate. `on the way` is fastest / mean / slowest: of a worker
its run less its runtime's own time, of the programmable logic the whole stage, waiting included.
`agentd --line-rate NAME=RATE` says what a line carries where the kernel does not; an image whose deadline
its bytes cannot meet is refused (link_too_slow).")]
    Channels,
    /// Round trips through the rings to the firmware and back
    Ping {
        /// How many
        #[arg(short = 'n', long, default_value = "1000")]
        count: NonZeroU32,
    },
    /// All counters
    Stats,
    /// The main job as a story: parts through trigger, verdict and gate, faults on the way
    Demo(crate::demo::Demo),
    /// The R5F's own maintenance console: a board without Linux answers, too
    #[command(subcommand)]
    #[command(after_help = "\
Examples:
  agentctl --target serial:///dev/ttyUSB1 console info
  agentctl --target serial:///dev/ttyUSB1 console selftest -o json
  agentctl --target serial+unix:///tmp/uart1 console crash --image tandem-rpu

It talks to the firmware over a serial line (115200 baud), not to an agent. A self-test that fails
makes the exit code 1; one that this board has no parts for is `not fitted` and no failure.")]
    Console(Console),
    /// Boards: list, identity, card and slots, Linux's console, reset
    #[command(subcommand)]
    Board(crate::command::board::Board),
    /// The R5F's firmware: what runs, check a bundle, update without a reboot, make a bundle
    #[command(subcommand)]
    Firmware(crate::command::firmware::Firmware),
    /// The programmable logic: what it holds, what there is, load another bitstream
    #[command(subcommand)]
    Bitstream(crate::command::bitstream::Bitstream),
    /// Factory fixture: run a plan of measurements on a board and keep its record
    #[command(subcommand)]
    Fixture(crate::command::fixture::Fixture),
    /// Join standard input and output with agentd's socket: what `--target ssh://` runs on the board
    #[command(after_help = "\
Examples:
  ssh root@kv260 agentctl proxy                     what --target ssh://root@kv260 does
  ssh root@kv260 agentctl proxy /run/other.sock     and with ssh://root@kv260/run/other.sock

Says `tandem-proxy 1` when the socket is open, then passes bytes both ways until one side ends.")]
    Proxy {
        /// agentd's socket; tandem-agent.sock in XDG_RUNTIME_DIR or /run/tandem/agent.sock without it
        socket: Option<PathBuf>,
    },
    /// Completion for a shell, to be sourced
    #[command(after_help = "Example:\n  source <(agentctl completion bash)")]
    Completion {
        /// Shell
        shell: Shell,
    },
}

/// `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Images; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write each image with its boxes and verdict to DIR/NAME.png
    #[arg(long, value_name = "DIR")]
    pub annotate: Option<PathBuf>,
    /// Milliseconds from the start of ingest to the verdict; the agent's default without it
    #[arg(long, value_name = "MS")]
    pub deadline_ms: Option<u32>,
    /// What a routing policy looks at
    #[command(flatten)]
    pub job: Job,
    /// Plant a fault before the first image (see `fault list`); may be repeated
    #[arg(long, value_name = "NAME")]
    pub fault: Vec<String>,
    /// Exit with 3 if a verdict is not pass
    #[arg(long)]
    pub fail_on_verdict: bool,
}

/// What an image is, for routing policies.
#[derive(Clone, Debug, Default, Args)]
pub struct Job {
    /// Stream that the image belongs to
    #[arg(long, value_name = "NAME", default_value = "")]
    pub stream: String,
    /// Priority, 255 the highest; the stream's own without it
    #[arg(long, value_name = "N")]
    pub priority: Option<u8>,
    /// Id by which canaries are drawn; the number of its admission without it
    #[arg(long, value_name = "N")]
    pub id: Option<u64>,
}

impl Job {
    /// As the agent takes it.
    pub fn options(&self) -> JobOptions {
        JobOptions { stream: self.stream.clone(), priority: self.priority, id: self.id }
    }
}

/// `policy`.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Check a policy: alone, or with --target against the engines and models of an agent
    Check {
        /// Policy (YAML)
        file: PathBuf,
    },
    /// What changes from one policy to another: rules added, removed, changed, moved
    Diff {
        /// Policy before
        before: PathBuf,
        /// Policy after
        after: PathBuf,
    },
    /// Put a policy in force, whole; if it is refused the last good one stays
    Apply {
        /// Policy (YAML)
        file: PathBuf,
    },
    /// The policy in force, and how its source does
    Show,
    /// Which rule an image would match, why not the ones before it, and what follows
    Explain {
        /// Image; it is looked at, and not inspected
        image: PathBuf,
        /// What the policy looks at
        #[command(flatten)]
        job: Job,
        /// Milliseconds from the start of ingest to the verdict; the agent's default without it
        #[arg(long, value_name = "MS")]
        deadline_ms: Option<u32>,
    },
    /// Simulate a load with a grid of choices (drop, queue, batch, slack), the best first
    Tune(crate::command::tune::Tune),
}

/// `bench`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  agentctl bench bus.jpg --count 200 --in-flight 2 -o json")]
pub struct Bench {
    /// Image that is inspected again and again
    pub image: PathBuf,
    /// Images that are measured
    #[arg(short = 'n', long, default_value = "50")]
    pub count: NonZeroU32,
    /// Images before them that are not
    #[arg(long, default_value_t = 5)]
    pub warmup: u32,
    /// Images under way at once
    #[arg(long, value_name = "N", default_value = "1")]
    pub in_flight: NonZeroU32,
}

/// `kernel`.
#[derive(Debug, Subcommand)]
pub enum Kernel {
    /// Run it: parameters and raw bytes in, raw bytes out
    #[command(after_help = "\
Examples:
  agentctl kernel run --template pre > pre.json
  agentctl kernel run pre.json frame.rgb tensor.bin              the model
  agentctl kernel run pre.json frame.rgb tensor.bin --on board   the programmable logic

SPEC is {\"kernel\": \"pre\" or \"post\", \"params\": {…}} with the fields of hw/model. pre reads a
frame and writes a tensor; post reads heads (f32) and writes a result: a header of 32 bytes
(count, candidates, not_finite, cut as u32), then 24 bytes a detection (x1, y1, x2, y2 as i32 in
1/256 pixel, score u16, class u16, index u32), all little endian.")]
    Run(KernelRun),
}

/// `kernel run`.
#[derive(Debug, Args)]
pub struct KernelRun {
    /// Kernel and parameters (JSON)
    #[arg(required_unless_present = "template")]
    pub spec: Option<PathBuf>,
    /// Input bytes; `-` is standard input
    #[arg(value_name = "IN", required_unless_present = "template")]
    pub input: Option<PathBuf>,
    /// Output bytes; `-` is standard output
    #[arg(value_name = "OUT", required_unless_present = "template")]
    pub out: Option<PathBuf>,
    /// Where it runs
    #[arg(long, value_enum, default_value_t = On::Model)]
    pub on: On,
    /// Print an example of SPEC instead
    #[arg(long, value_enum, conflicts_with_all = ["spec", "input", "out"])]
    pub template: Option<KernelName>,
}

/// Where a kernel runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum On {
    /// The bit-exact model, on this machine
    Model,
    /// The board's programmable logic
    Board,
}

/// A kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KernelName {
    /// Frame to tensor
    Pre,
    /// Heads to detections
    Post,
}

/// `fault`.
#[derive(Debug, Subcommand)]
pub enum Fault {
    /// What can be planted, what is planted, what was taken
    List,
    /// Plant one; the next access that fits takes it
    Inject {
        /// Such as hung_kernel:pre, flipped_descriptor_bit:pre:2:70, freeze_core, kill_core:100
        name: String,
    },
    /// Let a frozen core go on and start a dead one
    Clear,
}

/// `console`.
#[derive(Debug, Subcommand)]
pub enum Console {
    /// Board, image, device, why it was reset
    Info,
    /// The firmware's last log lines
    Logs {
        /// The image that the R5F runs (ELF): it has the strings
        #[arg(long, value_name = "FILE", env = "TANDEM_RPU_IMAGE")]
        image: PathBuf,
        /// Bytes of the log that are fetched; 4096 without it
        #[arg(long, value_name = "N")]
        bytes: Option<u32>,
    },
    /// Crash records, oldest first
    Crash {
        /// The image (ELF): shows the log's last lines of each crash, too
        #[arg(long, value_name = "FILE", env = "TANDEM_RPU_IMAGE")]
        image: Option<PathBuf>,
    },
    /// Tests that the R5F makes of itself and its board; all without names
    Selftest {
        /// tcm, ocm, dma-loopback, kernels, gpio, i2c, timer, watchdog
        tests: Vec<String>,
    },
    /// What each kernel of the logic says of itself, against what these programs know; fails where
    /// one is another
    Kernels,
    /// What the console has counted: damaged frames, errors of the line
    Counters,
}

/// `recipe`.
#[derive(Debug, Subcommand)]
pub enum Recipe {
    /// Recipes of the agent's folder; the one in force is marked
    List,
    /// Check a recipe file against the model that it names
    Check {
        /// Recipe
        file: PathBuf,
    },
    /// Show how each rule came to the verdict on an image
    Explain {
        /// Image
        image: PathBuf,
    },
    /// Put a recipe in force; on an error the last good one stays
    Switch {
        /// Name
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn globals_may_stand_anywhere() {
        let line = ["agentctl", "inspect", "a.jpg", "-o", "json", "--target", "unix:///x"];
        let cli = Cli::try_parse_from(line).unwrap();
        assert_eq!(cli.target, Target::Unix("/x".into()));
        assert_eq!(cli.output, Format::Json);
    }

    #[test]
    fn a_kernel_needs_its_three_files_or_a_template() {
        let parse = |line: &[&str]| Cli::try_parse_from(line).map(|_| ());
        assert!(parse(&["agentctl", "kernel", "run", "a", "b"]).is_err());
        assert!(parse(&["agentctl", "kernel", "run", "a", "b", "c"]).is_ok());
        assert!(parse(&["agentctl", "kernel", "run", "--template", "pre"]).is_ok());
    }
}
