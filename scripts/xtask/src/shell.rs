//! Running other programs, always from the repository's root, always saying so.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The repository's root: the parent of `scripts/`.
pub fn repository_root() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .map(Path::to_path_buf)
        .context("xtask was built outside the repository")
}

/// Runs programs in the repository's root.
pub struct Runner {
    /// The repository's root.
    pub root: PathBuf,
}

impl Runner {
    /// A runner for this repository.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// One line about what happens now.
    pub fn say(&self, line: &str) {
        println!("\x1b[1;36m==>\x1b[0m {line}");
    }

    /// A program (a relative path is relative to the root) with the root as its directory.
    pub fn command(&self, program: &str) -> Command {
        let local = self.root.join(program);
        let mut command =
            if program.contains('/') { Command::new(local) } else { Command::new(program) };
        command.current_dir(&self.root);
        command
    }

    /// The cargo that runs this xtask, or the first on the path.
    pub fn cargo_command(&self) -> Command {
        self.command(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
    }

    /// Runs cargo and fails with the command line if it fails.
    pub fn cargo(&self, args: &[&str]) -> Result<()> {
        let mut command = self.cargo_command();
        command.args(args);
        run(&mut command)
    }

    /// The interpreter of the project's own virtual environment.
    pub fn python(&self) -> Command {
        self.command(".tandem/venv/bin/python")
    }
}

/// Runs a command to its end; an error names it.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// Runs a command to its end and returns its standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} ended with {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
