//! `scripts/test`: every test, each step named, and one count at the end.

use crate::shell::{Runner, run as run_command};
use crate::{apt, assets, clients, cross, exclusives, foreign, image, lint, qemu, rtl, sshd};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What a step, or all of them, came to.
#[derive(Default)]
struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
    /// The failed ones: a step, or a step and a test in it.
    names: Vec<String>,
}

impl Count {
    fn add(&mut self, other: Count) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.names.extend(other.names);
    }

    fn of(result: Result<()>, step: &str) -> Count {
        match result {
            Ok(()) => Count { passed: 1, ..Count::default() },
            Err(error) => {
                eprintln!("\x1b[1;31mFAILED\x1b[0m {step}: {error:#}");
                Count { failed: 1, names: vec![step.to_string()], ..Count::default() }
            }
        }
    }
}

/// Runs the steps in order; the last line counts all tests, a lint or a whole-program check as one.
pub fn run(runner: &Runner, filter: Option<&str>) -> Result<()> {
    assets::ensure(&runner.root, &mut |line| runner.say(line))?;
    let mut total = Count::default();
    if let Some(filter) = filter {
        total.add(step(runner, "tests", || cargo_test(runner, Some(filter))));
    } else {
        lint::ensure_tools(runner)?;
        cross::ensure_tools(runner)?;
        rtl::ensure_tools(runner)?;
        qemu::ensure_tools(runner)?;
        foreign::ensure_tools(runner)?;
        clients::ensure_tools(runner)?;
        sshd::ensure_tools(runner)?;
        // It has the server's program, which tests start themselves; the package redis-server
        // would start a service.
        apt::ensure(runner, &["redis-tools"], None)?;
        for name in lint::STEPS {
            let label = format!("lint: {name}");
            total.add(step(runner, &label, || Count::of(lint::run_step(runner, name), &label)));
        }
        total.add(step(runner, "tests", || cargo_test(runner, None)));
        total.add(step(runner, "tests of NEON in QEMU", || {
            counted(&mut cross::neon_tests(runner), "tests of NEON")
        }));
        for name in rtl::STEPS {
            let label = format!("rtl: {name}");
            total.add(step(runner, &label, || Count::of(rtl::run_step(runner, name), &label)));
        }
        total.add(step(runner, "rtl: benches", || counted(&mut rtl::benches(runner), "benches")));
        let label = "rtl: verdicts of Verilated kernels";
        total.add(step(runner, label, || match rtl::board_models(runner) {
            Ok(()) => counted(&mut rtl::verdicts(runner), label),
            Err(error) => Count::of(Err(error), label),
        }));
        type Check = fn(&Runner) -> Result<()>;
        let checks: [(&str, Check); 4] = [
            ("agentd, agentctl and gpu-worker for aarch64", cross::arm64),
            ("R5F image: build, size, one pre job in QEMU", |r| cross::rpu(r, false)),
            ("no exclusive instructions on shared words", exclusives::check),
            ("demo: scripts/demo --check --quick", demo),
        ];
        for (name, check) in checks {
            total.add(step(runner, name, || Count::of(check(runner), name)));
        }
        let label = "the whole board in QEMU";
        total.add(step(runner, label, || {
            match qemu::build(runner).and_then(|()| image::for_tests(runner)) {
                Ok(()) => counted(&mut qemu::tests(runner, None), label),
                Err(error) => Count::of(Err(error), label),
            }
        }));
        let label = "demo in QEMU: cargo xtask qemu demo --quick";
        total.add(step(runner, label, || Count::of(qemu::demo(runner, true), label)));
    }
    // Told again at the end: what they printed is thousands of lines up.
    for name in &total.names {
        println!("FAILED: {name}");
    }
    println!("{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    if total.failed > 0 || total.passed == 0 {
        std::process::exit(1);
    }
    Ok(())
}

fn step(runner: &Runner, name: &str, body: impl FnOnce() -> Count) -> Count {
    runner.say(name);
    let (start, processor) = (Instant::now(), processor_seconds());
    let count = body();
    let wall = start.elapsed().as_secs_f64();
    match (processor, processor_seconds()) {
        (Some(before), Some(now)) => {
            println!("    {name}: {wall:.0} s, {:.0} s of processor", now - before);
        }
        _ => println!("    {name}: {wall:.0} s"),
    }
    count
}

/// Processor time of children that have ended, user and system, in seconds: what tells a step that
/// computes from one that waits. `None` where `/proc` does not tell (proc(5), `cutime`, `cstime`).
fn processor_seconds() -> Option<f64> {
    // The kernel shows times in units of USER_HZ, which is 100 on every architecture it runs on here.
    const USER_HZ: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?; // the program's name may hold spaces
    let mut fields = fields.split_whitespace().skip(13);
    let (user, system) = (fields.next()?, fields.next()?);
    Some((user.parse::<f64>().ok()? + system.parse::<f64>().ok()?) / USER_HZ)
}

fn demo(runner: &Runner) -> Result<()> {
    runner.cargo(&["build", "--quiet", "--release", "-p", "tandem-agentctl"])?;
    run_command(runner.command("target/release/agentctl").args(["demo", "--check", "--quick"]))
}

/// Runs cargo's test runner over the default members and adds up its closing lines.
fn cargo_test(runner: &Runner, filter: Option<&str>) -> Count {
    let mut command = runner.cargo_command();
    command.args(["test", "--release", "--no-fail-fast"]);
    if let Some(filter) = filter {
        command.args(["--", filter]);
    }
    counted(&mut command, "cargo test")
}

fn counted(command: &mut Command, what: &str) -> Count {
    count_results(command, what).unwrap_or_else(|error| Count::of(Err(error), what))
}

fn count_results(command: &mut Command, what: &str) -> Result<Count> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start cargo test")?;
    let output = child.stdout.take().context("cargo test has no output")?;
    let mut count = Count::default();
    let mut listed = Listed::default();
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        if let Some(result) = line.strip_prefix("test result: ") {
            let mut program = parse_result(result);
            let names = listed.take(); // a program without failures printed no list, only noise
            if program.failed > 0 {
                program.names.extend(names.map(|name| format!("{what}: {name}")));
            }
            count.add(program);
        } else {
            listed.read(&line);
        }
    }
    let status = child.wait()?;
    if !status.success() && count.failed == 0 {
        bail!("cargo test ended with {status} and no failed test: it did not build");
    }
    Ok(count)
}

/// `ok. 12 passed; 0 failed; 1 ignored; ...`
fn parse_result(line: &str) -> Count {
    let number = |word: &str| {
        line.split([';', '.'])
            .filter_map(|part| part.trim().strip_suffix(word))
            .find_map(|count| count.trim().parse().ok())
            .unwrap_or(0)
    };
    Count {
        passed: number("passed"),
        failed: number("failed"),
        skipped: number("ignored"),
        names: Vec::new(),
    }
}

/// The names that a test program lists under its last `failures:`, indented by four spaces. An
/// earlier one heads what the failed tests printed.
#[derive(Default)]
struct Listed(Vec<String>);

impl Listed {
    fn read(&mut self, line: &str) {
        if line == "failures:" {
            self.0.clear();
        } else if let Some(name) = line.strip_prefix("    ") {
            self.0.push(name.to_string());
        }
    }

    fn take(&mut self) -> impl Iterator<Item = String> + use<> {
        std::mem::take(&mut self.0).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::{Listed, parse_result, processor_seconds};
    use std::process::Command;

    #[test]
    fn closing_line_of_cargo_test_is_counted() {
        let count = parse_result("FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered");
        assert_eq!((count.passed, count.failed, count.skipped), (12, 3, 1));
    }

    #[test]
    fn failed_tests_are_named() {
        let printed = "running 2 tests\ntest a::b ... FAILED\n\nfailures:\n\n---- a::b stdout ----\n    \
                       left: 1\n\nfailures:\n    a::b\n    a::c\n";
        let mut listed = Listed::default();
        printed.lines().for_each(|line| listed.read(line));
        assert_eq!(listed.take().collect::<Vec<_>>(), ["a::b", "a::c"]);
    }

    #[test]
    fn processor_time_of_a_child_is_seen() {
        let before = processor_seconds().expect("/proc/self/stat");
        let child = Command::new("sh")
            .args(["-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"])
            .status();
        assert!(child.expect("sh").success());
        assert!(processor_seconds().expect("/proc/self/stat") > before);
    }
}
