//! `agentctl`: inspect photographs, look into a board, plant faults, try recipes.
//!
//! The tool is a client of the agent's control protocol, whatever carries it: a unix socket, or a
//! virtual board that lives for the length of the command ([`transport`]).

pub mod annotate;
pub mod board;
pub mod cli;
pub mod client;
pub mod command;
pub mod console;
pub mod demo;
pub mod output;
pub mod transport;

use std::process::ExitCode;

use clap::Parser;
use cli::Cli;
use output::Output;

/// It worked.
pub const EXIT_OK: u8 = 0;
/// It did not work.
pub const EXIT_FAILED: u8 = 1;
/// The command line is wrong; clap exits with it.
pub const EXIT_USAGE: u8 = 2;
/// With `--fail-on-verdict`: it worked, and a verdict is not pass.
pub const EXIT_VERDICT: u8 = 3;
/// `policy diff`: the two do not mean the same.
pub const EXIT_DIFFERENT: u8 = 4;

/// Runs the program's command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut output = Output::new(cli.output);
    match command::run(&cli, &mut output) {
        Ok(code) => ExitCode::from(code),
        // Whoever reads us has heard enough: `agentctl … | head`.
        Err(error) if output::is_broken_pipe(&error) => ExitCode::from(EXIT_OK),
        Err(error) => {
            output.error(&error);
            ExitCode::from(EXIT_FAILED)
        }
    }
}
