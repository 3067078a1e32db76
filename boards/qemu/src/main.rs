//! `tandem-qemu-board`: the demo on the whole board in QEMU, or a shell on it.

mod demo;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use tandem_qemu_board::{Files, Machine, Options, Worker};

/// The whole board in QEMU: Linux on the A53s, the R5F image, the logic as a plugin.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
`cargo xtask qemu build` makes the files; `cargo xtask qemu demo` does both."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Photographs to the agent in the guest, the main model in a worker on the host
    Demo {
        /// Two photographs instead of all
        #[arg(long)]
        quick: bool,
    },
    /// Boot, start worker and agent, and give the guest's shell; Ctrl-D or a signal ends it
    Shell,
}

fn main() {
    let done = match Cli::parse().verb {
        Verb::Demo { quick } => demo::run(quick),
        Verb::Shell => shell(),
    };
    if let Err(error) = done {
        eprintln!("tandem-qemu-board: {error:#}");
        std::process::exit(1);
    }
}

/// Lines from standard input to the guest's shell, what it prints to standard output.
fn shell() -> Result<()> {
    let files = Files::here()?;
    let worker = Worker::start(&files, 0)?;
    let options = Options { engine: Some(worker.engine()), ..Options::default() };
    // A program that drives the shell ends it by a signal: no machine may be left behind.
    let power = Arc::new(Mutex::new(None));
    let (plug, stop) = (Arc::clone(&power), Arc::clone(&options.stop));
    ctrlc::set_handler(move || {
        stop.store(true, Ordering::Relaxed);
        if plug.lock().is_ok_and(|mut power| power.take().is_some()) {
            std::process::exit(0);
        }
    })?;
    let mut machine = Machine::boot(&files, &options)?;
    machine.start_agent()?;
    println!(
        "agent: http://{}/v1/inspect, R5F's UART: {}",
        machine.http(),
        machine.rpu_uart().display()
    );
    println!("the guest's shell; Ctrl-D ends the machine");
    let line: UnixStream = machine.console().hand_over()?;
    if options.stop.load(Ordering::Relaxed) {
        bail!("stopped while the agent started");
    }
    if let Ok(mut power) = power.lock() {
        *power = Some((machine, worker));
    }
    let mut output = line.try_clone()?;
    output.set_read_timeout(None)?;
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = output.read(&mut bytes) {
            let _ = std::io::stdout().write_all(&bytes[..count]);
            let _ = std::io::stdout().flush();
        }
    });
    std::io::copy(&mut std::io::stdin(), &mut &line)?;
    let power = power.lock().ok().and_then(|mut power| power.take());
    power.map_or(Ok(()), |(machine, _worker)| machine.power_off())
}
