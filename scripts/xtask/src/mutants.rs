//! `cargo xtask rtl-mutants KERNEL`: does a kernel's bench notice a changed kernel?
//!
//! A mutant is the SystemVerilog with one small change: an operator, a constant, a reset, a
//! handshake, a lost statement. All places are listed, a seeded choice of them is built, and the
//! kernel's bench runs on each. A bench that still passes has not looked there: the survivor is
//! explained in `hw/sim/rtl/mutants.toml`, or the bench gets better.

mod changes;
mod memory;

use crate::shell::Runner;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use changes::changes;
use memory::Memory;

const TABLE: &str = "hw/sim/rtl/mutants.toml";
/// Share of mutants that a bench must notice or that must be explained, of 100.
const KILLED: usize = 95;

/// Seconds of the processor that the bench of an unchanged kernel may take.
const SECONDS: u64 = 600;
/// How many times longer a mutant's bench may compute, on each core, than the unchanged kernel's took by
/// the clock.
const PATIENCE: u64 = 3;
/// What a bench may take by the clock: one that waits for ever computes nothing.
const LONGEST: &str = "3600";

/// What is mutated and what must notice.
struct Kernel {
    /// Files under `hw/rtl`.
    files: Vec<String>,
    /// Models that are built anew.
    models: Vec<String>,
    /// Tests of `tandem-rtl`.
    benches: Vec<String>,
    /// Why a survivor does not count, by the mutant's text.
    explained: BTreeMap<String, String>,
}

/// One change.
#[derive(Clone)]
struct Mutant {
    file: String,
    /// From 0.
    line: usize,
    class: &'static str,
    from: String,
    to: String,
}

impl Mutant {
    /// What it is, without a line number, which moves.
    fn text(&self) -> String {
        let name = Path::new(&self.file).file_stem().unwrap_or_default().to_string_lossy();
        format!("{name}: {} => {}", self.from.trim(), self.to.trim())
    }
}

#[derive(Clone, Copy)]
enum Outcome {
    Killed,
    Survived,
    /// It does not build: not a mutant.
    Invalid,
}

/// Runs `count` mutants of a kernel and prints the table; writes it with `write`.
pub fn run(runner: &Runner, name: &str, count: usize, seed: u64, write: bool) -> Result<()> {
    crate::rtl::ensure_tools(runner)?;
    let kernel = read_table(runner, name)?;
    let mut mutants = all_mutants(runner, &kernel)?;
    let places = mutants.len();
    shuffle(&mut mutants, seed);
    runner.say(&format!("{places} places to change in {name}; seed {seed}"));
    runner.cargo(&[
        "build",
        "--quiet",
        "--release",
        "-p",
        "tandem-rtl",
        "--example",
        "build_model",
    ])?;
    let mut memory = Memory::open(runner, name)?;
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let seconds = match memory.whole() {
        Some(seconds) => seconds,
        None => {
            let start = Instant::now();
            let passes = bench(runner, &kernel, None, SECONDS)?;
            ensure!(passes, "the bench fails on the kernel as it is");
            memory.keep_whole(start.elapsed().as_secs() + 1)?
        }
    };
    runner.say(&format!("the kernel as it is takes its bench {seconds} s"));
    let mut done: Vec<(Mutant, Outcome)> = Vec::new();
    let valid = |done: &[(Mutant, Outcome)]| {
        done.iter().filter(|(_, outcome)| !matches!(outcome, Outcome::Invalid)).count()
    };
    for mutant in mutants {
        if valid(&done) == count {
            break;
        }
        let start = Instant::now();
        let outcome = match memory.outcome(&mutant) {
            Some(outcome) => outcome,
            None => try_mutant(runner, name, &kernel, &mutant, PATIENCE * cores * seconds)?,
        };
        memory.keep(&mutant, outcome)?;
        let word = match outcome {
            Outcome::Killed => "killed",
            Outcome::Survived => "SURVIVED",
            Outcome::Invalid => "does not build",
        };
        let seconds = start.elapsed().as_secs_f64();
        println!("    {word}: {} ({}, {seconds:.0} s)", mutant.text(), mutant.class);
        done.push((mutant, outcome));
    }
    report(runner, name, &kernel, &done, seed, write)
}

fn read_table(runner: &Runner, name: &str) -> Result<Kernel> {
    let table: toml::Table = fs::read_to_string(runner.root.join(TABLE)).context(TABLE)?.parse()?;
    let kernel = table.get(name).with_context(|| format!("no [{name}] in {TABLE}"))?;
    let list = |key: &str| -> Result<Vec<String>> {
        let list = kernel.get(key).and_then(toml::Value::as_array);
        let list = list.with_context(|| format!("[{name}] has no {key}"))?;
        Ok(list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect())
    };
    let explained = kernel.get("explained").and_then(toml::Value::as_table);
    Ok(Kernel {
        files: list("files")?,
        models: list("models")?,
        benches: list("benches")?,
        explained: explained
            .into_iter()
            .flatten()
            .filter_map(|(text, why)| Some((text.clone(), why.as_str()?.to_owned())))
            .collect(),
    })
}

fn all_mutants(runner: &Runner, kernel: &Kernel) -> Result<Vec<Mutant>> {
    let mut found = Vec::new();
    for file in &kernel.files {
        let text = fs::read_to_string(runner.root.join("hw/rtl").join(file)).context("a kernel")?;
        // Nothing before the ports' end: changed interfaces do not build.
        let body = text.lines().position(|line| line == ");").unwrap_or(0);
        for (at, line) in text.lines().enumerate().skip(body + 1) {
            for (class, to) in changes(line) {
                let (file, from) = (file.clone(), line.to_owned());
                found.push(Mutant { file, line: at, class, from, to });
            }
        }
    }
    Ok(found)
}

fn shuffle(mutants: &mut [Mutant], seed: u64) {
    let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    for last in (1..mutants.len()).rev() {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        mutants.swap(last, ((state >> 33) % (last as u64 + 1)) as usize);
    }
}

fn try_mutant(
    runner: &Runner,
    name: &str,
    kernel: &Kernel,
    mutant: &Mutant,
    seconds: u64,
) -> Result<Outcome> {
    let work = runner.root.join(".tandem/rtl/mutants").join(name);
    let (rtl, out) = (work.join("rtl"), work.join("out"));
    copy_sources(&runner.root.join("hw/rtl"), &rtl)?;
    let file = rtl.join(&mutant.file);
    let text = fs::read_to_string(&file)?;
    let lines = text.lines().enumerate();
    let changed: Vec<&str> =
        lines.map(|(at, line)| if at == mutant.line { mutant.to.as_str() } else { line }).collect();
    fs::write(&file, changed.join("\n") + "\n")?;
    fs::create_dir_all(&out)?;
    for model in &kernel.models {
        let _ = fs::remove_file(out.join(format!("{model}.so")));
    }
    let mut build = runner.cargo_command();
    build.args([
        "run",
        "--quiet",
        "--release",
        "-p",
        "tandem-rtl",
        "--example",
        "build_model",
        "--",
    ]);
    build.arg(&rtl).arg(&out).args(&kernel.models);
    if !build.output().context("start build_model")?.status.success() {
        return Ok(Outcome::Invalid);
    }
    let passes = bench(runner, kernel, Some(&out), seconds)?;
    Ok(if passes { Outcome::Survived } else { Outcome::Killed })
}

/// Whether the bench passes. One that computes for more than `seconds` does not: it is time of the
/// processor, because a busy machine says nothing about a mutant.
fn bench(runner: &Runner, kernel: &Kernel, models: Option<&Path>, seconds: u64) -> Result<bool> {
    let mut command = runner.command("prlimit");
    command
        .arg(format!("--cpu={seconds}"))
        .arg("timeout")
        .arg(LONGEST)
        .arg(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["test", "--quiet", "--release", "-p", "tandem-rtl"]);
    for bench in &kernel.benches {
        command.args(["--test", bench]);
    }
    // The others are what they were.
    command.env("TANDEM_RTL_TESTED", kernel.models.join(","));
    if let Some(models) = models {
        command.env("TANDEM_RTL_MODELS", models);
    }
    Ok(command.output().context("start the bench")?.status.success())
}

fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(to);
    for folder in fs::read_dir(from)? {
        let folder = folder?.path();
        if !folder.is_dir() {
            continue;
        }
        let target = to.join(folder.file_name().context("a folder without a name")?);
        fs::create_dir_all(&target)?;
        for file in fs::read_dir(&folder)? {
            let file = file?.path();
            if file.extension().is_some_and(|extension| extension == "sv") {
                fs::copy(&file, target.join(file.file_name().context("a file without a name")?))?;
            }
        }
    }
    Ok(())
}

fn report(
    runner: &Runner,
    name: &str,
    kernel: &Kernel,
    done: &[(Mutant, Outcome)],
    seed: u64,
    write: bool,
) -> Result<()> {
    let mut killed: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let (mut survivors, mut unexplained) = (String::new(), Vec::new());
    let mut list = String::new();
    for (mutant, outcome) in done {
        let text = mutant.text();
        let fate = match outcome {
            Outcome::Invalid => continue,
            Outcome::Killed => "killed",
            Outcome::Survived => "survived",
        };
        let entry = killed.entry(mutant.class).or_default();
        entry.1 += 1;
        entry.0 += usize::from(fate == "killed");
        list += &format!("| {} | `{}` | {fate} |\n", mutant.class, text.replace('|', "\\|"));
        if fate == "survived" {
            let why = kernel.explained.get(&text).map_or("NOT EXPLAINED", String::as_str);
            survivors += &format!("- `{text}`: {why}\n");
            if why == "NOT EXPLAINED" {
                unexplained.push(text);
            }
        }
    }
    let (hit, all) = killed.values().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    let mut page = format!(
        "<!-- Written by `cargo xtask rtl-mutants {name} --write`. -->\n# Mutants of {name}\n\n\
         {hit} of {all} killed (seed {seed}), the rest below with its reason.\n\n\
         | Class | Killed | Of |\n| --- | --- | --- |\n"
    );
    for (class, (hit, all)) in &killed {
        page += &format!("| {class} | {hit} | {all} |\n");
    }
    let survivors = if survivors.is_empty() { "None.\n".to_owned() } else { survivors };
    page += &format!(
        "\n## Survivors\n{survivors}\n## All\n| Class | Change | Outcome |\n| --- | --- | --- |\n{list}"
    );
    println!("{page}");
    if write {
        let file: PathBuf = runner.root.join("hw/rtl/mutants").join(format!("{name}.md"));
        fs::create_dir_all(file.parent().context("no folder")?)?;
        fs::write(&file, page)?;
    }
    let explained = all - hit - unexplained.len();
    if (hit + explained) * 100 < all * KILLED {
        bail!("{} survivors of {all} are not explained", unexplained.len());
    }
    Ok(())
}
