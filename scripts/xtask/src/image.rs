//! The image of a card: what boots, two slots with the agent, a place for data.
//!
//! Everything is made without root, and twice the same from the same sources. What lies where is
//! in `boards/slots/README.md`.

mod boot;
mod parts;
mod table;
mod vendor;

use crate::qemu::{self, Place, kernel};
use crate::shell::{Runner, output, run as run_tool};
use crate::{apt, assets, cross};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tandem_slots::layout;
use vendor::Target;

/// Below the options.
pub const HELP: &str = "\
The image goes to .tandem/image/BOARD/card.img and the slot's content, which `tandem-slot install`
takes, beside it: root.squashfs and root.squashfs.sha256. scripts/flash writes a card.

A board of silicon needs parts of its vendor in boards/BOARD/vendor; those that are missing are
named. Nothing here has run on silicon.";

/// What to make.
#[derive(clap::Args)]
pub struct Options {
    /// qemu, kv260, zcu102 or ultra96v2
    #[arg(long, value_name = "NAME")]
    board: String,
    /// Where the image goes
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Make it even if parts of the vendor are missing: it does not boot by itself then
    #[arg(long)]
    without_vendor: bool,
    /// Make it a second time elsewhere and fail if it is not the same, byte for byte
    #[arg(long)]
    twice: bool,
}

/// What all parts of an image need.
struct Job<'a> {
    runner: &'a Runner,
    target: Target,
    kernel: kernel::Kernel,
    /// Folder of this board's parts.
    folder: PathBuf,
    /// Seconds since 1970 that every file has.
    epoch: String,
}

impl Job<'_> {
    /// A tool whose output depends on its input only.
    fn tool(&self, program: &str) -> Command {
        let mut command = self.runner.command(program);
        command.env("SOURCE_DATE_EPOCH", &self.epoch).env("E2FSPROGS_FAKE_TIME", &self.epoch);
        command.env("TZ", "UTC").env("LC_ALL", "C");
        command
    }

    fn join(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The card that `boards/qemu/tests` boots, which must come out the same when it is made again.
pub fn for_tests(runner: &Runner) -> Result<()> {
    let board = "qemu".to_owned();
    run(runner, &Options { board, out: None, without_vendor: false, twice: true })
}

/// Makes it.
pub fn run(runner: &Runner, options: &Options) -> Result<()> {
    let target = Target::of(&options.board)?;
    let missing = vendor::missing(runner, &target);
    if !missing.is_empty() {
        let list = missing.join("\n  ");
        if !options.without_vendor {
            bail!(
                "parts that only you can supply are missing:\n  {list}\n--without-vendor makes the image \
                 all the same; it does not boot by itself then"
            );
        }
        runner.say(&format!("made without these parts, so it does not boot by itself:\n  {list}"));
    }
    ensure_tools(runner)?;
    assets::ensure(&runner.root, &mut |line| runner.say(line))?;
    let place = Place::of(runner);
    let kernel = kernel::ensure(runner, &place)?;
    runner.say("building the board's programs (aarch64, armv7r)");
    let programs =
        cross::build_arm64(runner, &["tandem-agent", "tandem-agentctl", "tandem-slots"])?;
    let firmware = cross::build_rpu_for(runner, "tandem-rpu", target.name)?;
    let folder = runner.root.join(".tandem/image").join(target.name);
    let mut job = Job { runner, target, kernel, folder, epoch: epoch(runner)? };
    let out = options.out.clone().unwrap_or_else(|| job.join("card.img"));
    let built = Built { place: &place, programs: &programs, firmware: &firmware };
    let first = card(&job, &built, &out)?;
    println!("    slot content: {} KiB", fs::metadata(job.join("root.squashfs"))?.len() / 1024);
    println!("    card:         {} MiB, SHA-256 {}", layout::CARD >> 20, first.card());
    if options.twice {
        runner.say("the same again, in another folder");
        job.folder.set_extension("again");
        let second = card(&job, &built, &job.join("card.img"))?;
        fs::remove_dir_all(&job.folder)?;
        first.ensure_same(&second)?;
        println!("    made twice:   the same");
    }
    Ok(())
}

/// What was built for an image.
struct Built<'a> {
    place: &'a Place,
    programs: &'a Path,
    firmware: &'a Path,
}

/// SHA-256 of each part of a card, and of the card.
struct Sums(Vec<(&'static str, String)>);

impl Sums {
    fn of(parts: &[(&'static str, &Path)]) -> Result<Self> {
        let sum = |(name, path): &(&'static str, &Path)| Ok((*name, parts::sha256(path)?));
        Ok(Self(parts.iter().map(sum).collect::<Result<_>>()?))
    }

    fn card(&self) -> &str {
        self.0.last().map_or("", |(_, sum)| sum)
    }

    /// Names the first part that is another.
    fn ensure_same(&self, other: &Self) -> Result<()> {
        let differs = self.0.iter().zip(&other.0).find(|(one, other)| one != other);
        match differs {
            None => Ok(()),
            Some(((part, one), (_, other))) => bail!(
                "made twice, the {part} is not the same: SHA-256 {one}, then {other}; something in it \
                 depends on when or where it is made"
            ),
        }
    }
}

/// Makes the card of a job in its folder.
fn card(job: &Job<'_>, built: &Built<'_>, out: &Path) -> Result<Sums> {
    let runner = job.runner;
    fs::create_dir_all(&job.folder)?;
    runner.say("slot: programs, models, recipes, modules as one squashfs");
    let root = parts::root(job, built.programs, built.firmware)?;
    runner.say("boot partition: kernel, device tree, initramfs, boot script");
    let boot = boot::partition(job, built.place, built.programs)?;
    let data = parts::data(job)?;
    runner.say(&format!("writing {}", out.display()));
    table::assemble(job, out, &boot, &root, &data)?;
    let initramfs = job.join("boot/initramfs.cpio");
    let device_tree = job.join("boot/system.dtb");
    Sums::of(&[
        ("slot's squashfs", &root),
        ("initramfs", &initramfs),
        ("device tree", &device_tree),
        ("boot partition", &boot),
        ("data partition", &data),
        ("card", out),
    ])
}

/// Packages for images.
fn ensure_tools(runner: &Runner) -> Result<()> {
    qemu::ensure_tools(runner)?;
    let tools = ["dosfstools", "e2fsprogs", "fdisk", "mtools", "squashfs-tools", "u-boot-tools"];
    apt::ensure(runner, &tools, None)
}

/// `SOURCE_DATE_EPOCH`, or the last commit's.
fn epoch(runner: &Runner) -> Result<String> {
    let time = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(time) => time,
        Err(_) => output(runner.command("git").args(["log", "-1", "--format=%ct"]))?,
    };
    let time = time.trim();
    time.parse::<u64>().with_context(|| format!("SOURCE_DATE_EPOCH is {time:?}, not seconds"))?;
    Ok(time.to_owned())
}

/// Gives all of a tree one time.
fn settle(job: &Job<'_>, root: &Path) -> Result<()> {
    let mut touch = job.tool("find");
    touch.arg(root).args(["-exec", "touch", "-h", "-d"]).arg(format!("@{}", job.epoch));
    run_tool(touch.args(["{}", "+"]))
}

/// An empty folder.
fn fresh(folder: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())
}
