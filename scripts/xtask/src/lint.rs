//! What is checked without running anything.

use crate::apt;
use crate::shell::{self, Runner};
use anyhow::{Context, Result};

const TYPOS: &str = "typos==1.52.0";
const CARGO_DENY: &str = "cargo-deny@0.20.2";

/// Fetches the linters that are not part of the Rust toolchain, and what tests run scripts with.
pub fn ensure_tools(runner: &Runner) -> Result<()> {
    apt::ensure(runner, &["device-tree-compiler", "tcl"], None)?;
    if !runner.root.join(".tandem/venv/bin/typos").exists() {
        runner.say(&format!("installing {TYPOS}"));
        shell::run(runner.python().args(["-m", "pip", "install", "--quiet", TYPOS]))?;
    }
    let deny = runner.cargo_command().args(["deny", "--version"]).output();
    if !deny.is_ok_and(|output| output.status.success()) {
        runner.say(&format!("building {CARGO_DENY} (a minute or two, once a machine)"));
        // From outside the workspace, whose lints and profiles are not meant for it.
        let mut install = runner.cargo_command();
        install.current_dir(std::env::temp_dir());
        shell::run(install.args(["install", "--quiet", "--locked", "--debug", CARGO_DENY]))?;
    }
    Ok(())
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
            // tandem-rtl is linted with its benches, which Verilator must build; the R5F's image builds for
            // the R5F only.
            "--workspace",
            "--exclude=tandem-rtl",
            "--exclude=tandem-rpu",
            "--",
            "--deny",
            "warnings",
        ]),
        "typos" => shell::run(runner.command(".tandem/venv/bin/typos").arg("--format=brief")),
        "cargo-deny" => {
            runner.cargo(&["deny", "--log-level", "error", "check", "licenses", "bans", "sources"])
        }
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
