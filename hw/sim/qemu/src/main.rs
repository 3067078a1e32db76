//! Boots the R5F image in QEMU with the PL plugin, plays the agent over the real link in guest
//! memory, and compares what the kernels wrote with `hw/model`, byte for byte.

mod console;
mod crash;
mod guest;
mod jobs;
mod measure;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use std::path::PathBuf;
use std::time::Duration;
use tandem_qemu::words::{Words, firmware_log};

#[derive(Parser)]
#[command(about = "One boot of the R5F image in QEMU: jobs through Bus, link and pipeline")]
struct Arguments {
    /// R5F image (ELF).
    #[arg(long)]
    image: PathBuf,
    /// The PL plugin (`libtandem_qemu.so`).
    #[arg(long)]
    plugin: PathBuf,
    /// Board description.
    #[arg(long, default_value = "boards/qemu.toml")]
    board: PathBuf,
    /// QEMU program.
    #[arg(long, default_value = "qemu-system-aarch64")]
    qemu: String,
    /// More arguments for QEMU, such as `-d int`; may be repeated.
    #[arg(long = "qemu-arg", allow_hyphen_values = true)]
    qemu_args: Vec<String>,
    /// Give up on any one step after this many seconds.
    #[arg(long, default_value_t = 60)]
    patience: u64,
    /// Then crash the core in every way that leaves a record, a boot each.
    #[arg(long)]
    crashes: bool,
    /// Also count what a job costs the core, in instructions and in accesses that leave its TCM; fail
    /// where that is more than was agreed.
    #[arg(long)]
    cost: bool,
    /// Then ask the maintenance console with this `agentctl`.
    #[arg(long, value_name = "AGENTCTL")]
    console: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    let patience = Duration::from_secs(arguments.patience);
    let mut guest = guest::Guest::boot(&arguments).context("booting QEMU")?;
    let result = jobs::Agent::link(&mut guest, patience).context("linking to the R5F").and_then(
        |mut agent| {
            let mut report = agent.run(&mut guest, patience)?;
            if arguments.cost {
                let image = &arguments.image;
                report.extend(measure::cost(&mut agent, &mut guest, image, patience)?);
            }
            Ok(report)
        },
    );
    let log = Words::new(&guest.ddr, guest.board.regions.log);
    let lines = firmware_log(log, &arguments.image).context("decoding the firmware's log")?;
    let mut report = result.with_context(|| {
        format!("QEMU said: {}; the firmware said: {}", guest.log(), lines.join("; "))
    })?;
    ensure!(!lines.is_empty(), "the firmware logged nothing");
    let stack = format!("main stack: {} bytes at its highest", guest.stack_high_water()?);
    drop(guest);
    // Where nothing is counted the clock is the host's, as other timers of the machine are.
    arguments.cost = false;
    if let Some(agentctl) = &arguments.console {
        let mut guest = guest::Guest::boot(&arguments).context("booting QEMU")?;
        let lines = console::all(&mut guest, agentctl, &arguments.image, patience);
        report.extend(lines.with_context(|| format!("console; QEMU said: {}", guest.log()))?);
    }
    if arguments.crashes {
        let boot = || guest::Guest::boot(&arguments).context("booting QEMU");
        report.extend(crash::all(boot, &arguments.image, patience)?);
    }
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        for line in lines.iter().map(|line| format!("R5F: {line}")).chain(report).chain([stack]) {
            println!("    {line}");
        }
    }
    Ok(())
}
