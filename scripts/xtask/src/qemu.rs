//! The whole board in QEMU: makes what the guest is made of, then lets `tandem-qemu-board` run it.
//!
//! Debian's arm64 kernel boots as it is; what Debian does not build of it (`uio_pdrv_genirq`) and
//! our own modules are built against its headers. All of it lies in `.tandem/qemu`.

pub mod guest;
pub mod kernel;

use crate::shell::{Runner, run};
use crate::{apt, assets, cross, foreign, image};
use anyhow::Result;
use clap::Subcommand;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program that boots it.
const PROGRAM: &str = "target/release/tandem-qemu-board";

/// What to do with the board in QEMU.
#[derive(Subcommand, Clone)]
pub enum Verb {
    /// Make kernel, modules, device tree, initramfs and the host's programs
    Build,
    /// Photographs over the network to the agent in the guest, the main model in a worker on the
    /// host; detections are compared with the virtual board's
    Demo {
        /// Two photographs instead of all
        #[arg(long)]
        quick: bool,
    },
    /// Boot, start worker and agent, and give a shell on the guest's serial line
    Shell,
    /// The tests of the whole board
    Test {
        /// Only the tests whose name contains this
        filter: Option<String>,
    },
}

/// Does it.
pub fn run_verb(runner: &Runner, verb: &Verb) -> Result<()> {
    assets::ensure(&runner.root, &mut |line| runner.say(line))?;
    build(runner)?;
    match verb {
        Verb::Build => Ok(()),
        Verb::Demo { quick } => demo(runner, *quick),
        Verb::Shell => run(runner.command(PROGRAM).arg("shell")),
        Verb::Test { filter } => {
            image::for_tests(runner)?;
            foreign::ensure_tools(runner)?;
            run(&mut tests(runner, filter.as_deref()))
        }
    }
}

/// The main job on the whole board; [`build`] comes first.
pub fn demo(runner: &Runner, quick: bool) -> Result<()> {
    let mut command = runner.command(PROGRAM);
    command.arg("demo");
    if quick {
        command.arg("--quick");
    }
    run(&mut command)
}

/// The tests of the whole board; [`build`] and [`image::for_tests`] come first.
pub fn tests(runner: &Runner, filter: Option<&str>) -> Command {
    let mut cargo = runner.cargo_command();
    cargo.args(["test", "--release", "-p", "tandem-qemu-board"]);
    // A machine takes two cores and more: one after the other.
    cargo.args(["--", "--test-threads=1"]).args(filter);
    cargo
}

/// Makes everything that is missing or old.
pub fn build(runner: &Runner) -> Result<()> {
    ensure_tools(runner)?;
    let place = Place::of(runner);
    let kernel = kernel::ensure(runner, &place)?;
    runner.say("building the guest's programs (aarch64, armv7r) and the host's");
    let programs = cross::build_arm64(runner, &["tandem-agent", "tandem-agentctl"])?;
    let image = cross::build_rpu(runner, "tandem-rpu")?;
    guest::device_tree(runner, &place)?;
    guest::initramfs(runner, &place, &kernel, &programs, &image)?;
    let packages = [
        "-p",
        "tandem-qemu",
        "-p",
        "tandem-qemu-board",
        "-p",
        "tandem-agentctl",
        "-p",
        "tandem-worker",
    ];
    runner.cargo(&[&["build", "--quiet", "--release"], &packages[..]].concat())
}

/// Packages for the guest, besides the cross compilers.
pub fn ensure_tools(runner: &Runner) -> Result<()> {
    cross::ensure_tools(runner)?;
    apt::ensure_architecture(runner, "arm64")?;
    apt::ensure(
        runner,
        &["device-tree-compiler", "cpio", "make", "xz-utils", "openssh-client"],
        None,
    )
}

/// `.tandem/qemu`.
pub struct Place {
    folder: PathBuf,
}

impl Place {
    /// Of a checkout.
    pub fn of(runner: &Runner) -> Self {
        Self { folder: runner.root.join(".tandem/qemu") }
    }

    /// A file or folder in it.
    pub fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.join(path)
    }
}
