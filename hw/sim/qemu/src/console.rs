//! The maintenance console, asked by the real `agentctl` over QEMU's serial socket: before there is an
//! agent, after garbage, beside jobs, and after a crash.

use crate::crash;
use crate::guest::Guest;
use crate::jobs::{Agent, noise, wait};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Bytes of both banks, and of the half of the on-chip memory; and how many of them are free at least:
/// most of the main stack, the whole half.
const BYTES: [(&str, u64, u64); 2] = [("tcm", 0x2_0000, 0x4000), ("ocm", 0x2_0000, 0x2_0000)];
/// What a run of the loop moves.
const LOOPED_BYTES: u64 = 16384;
/// What QEMU has not.
const NOT_FITTED: [&str; 2] = ["gpio", "i2c"];

struct Console<'a> {
    agentctl: &'a Path,
    target: String,
    image: &'a Path,
}

impl Console<'_> {
    /// One command; its lines of JSON.
    fn ask(&self, words: &[&str]) -> Result<Vec<Value>> {
        let output = Command::new(self.agentctl)
            .args(["--target", &self.target, "-o", "json", "console"])
            .args(words)
            .env("TANDEM_RPU_IMAGE", self.image)
            .output()
            .with_context(|| format!("starting {}", self.agentctl.display()))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "console {words:?} ended with {}: {errors}",
            output.status
        );
        let text = String::from_utf8(output.stdout)?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    fn one(&self, word: &str) -> Result<Value> {
        self.ask(&[word])?.pop().with_context(|| format!("console {word} said nothing"))
    }
}

/// Everything that the console does; a line a check.
pub fn all(
    guest: &mut Guest,
    agentctl: &Path,
    image: &Path,
    patience: Duration,
) -> Result<Vec<String>> {
    let socket = guest.console();
    wait(guest, patience, "QEMU's serial socket", || socket.exists().then_some(Ok(())))?;
    let target = format!("serial+unix://{}", socket.display());
    let console = Console { agentctl, target, image };
    let info = console.one("info").context("a board without an agent")?;
    ensure!(info["board"] == "qemu", "it says {info}");
    let garbage = survive(&console, &socket)?;
    let mut agent = Agent::link(guest, patience)?;
    let logs = console.ask(&["logs"])?;
    let epoch = |line: &Value| line["text"].as_str().is_some_and(|text| text.contains("epoch 1"));
    ensure!(logs.iter().any(epoch), "the log has no epoch: {logs:?}");
    let kernels = console.ask(&["kernels"])?;
    ensure!(kernels.len() == 3, "there are {} kernels: {kernels:?}", kernels.len());
    ensure!(kernels.iter().all(|kernel| kernel["matches"] == true), "they say {kernels:?}");
    // Again and again: each run finds the DMA as it needs it.
    for _ in 0..3 {
        console.ask(&["selftest", "dma-loopback"])?;
    }
    let tests = selftests(&console)?;
    agent.run(guest, patience).context("jobs after the self-tests")?;
    ensure!(console.ask(&["crash"])?.is_empty(), "it has crashed");
    crash::provoke(guest, 1, patience)?;
    crash::restart(guest, &mut agent, image, patience)?;
    let crashes = console.ask(&["crash"])?;
    ensure!(crashes.len() == 1 && crashes[0]["reason"] == "Undefined", "it tells {crashes:?}");
    ensure!(crashes[0]["log"].as_array().is_some_and(|log| !log.is_empty()), "without its log");
    Ok(vec![
        format!("console: info without an agent: {info}"),
        format!("console: {garbage} frames of garbage counted, the next question answered"),
        format!("console: {tests}"),
        "console: logs, jobs after the self-tests, the record of a crash after a restart"
            .to_owned(),
    ])
}

/// Noise on the line, cut frames and zeros among it.
fn survive(console: &Console<'_>, socket: &Path) -> Result<u64> {
    let before = console.one("counters")?;
    let mut line = UnixStream::connect(socket)?;
    for (seed, byte) in [(3, 0), (5, 1), (9, 255)] {
        line.write_all(&noise(1500, seed))?;
        line.write_all(&[byte; 40])?;
    }
    drop(line);
    let after = console.one("counters")?;
    let count = |counters: &Value, name: &str| counters[name].as_u64().unwrap_or(0);
    let garbage = count(&after, "garbage") - count(&before, "garbage");
    ensure!(garbage > 0, "nothing of the noise was counted: {after}");
    ensure!(count(&after, "requests") > count(&before, "requests"), "no request was: {after}");
    Ok(garbage)
}

fn selftests(console: &Console<'_>) -> Result<String> {
    let found = console.ask(&["selftest"])?;
    ensure!(found.len() == 8, "{} tests ran: {found:?}", found.len());
    let mut told = Vec::new();
    for line in &found {
        let (test, verdict) = (line["test"].as_str(), line["verdict"].as_str());
        let (test, verdict) = test.zip(verdict).context("a test without name or verdict")?;
        let wanted = if NOT_FITTED.contains(&test) { "not fitted" } else { "passed" };
        ensure!(verdict == wanted, "{test} is {verdict}, not {wanted}: {line}");
        let value = |name: &str| line["detail"][name].as_u64().unwrap_or(0);
        if let Some((_, all, free)) = BYTES.iter().find(|(name, ..)| *name == test) {
            let parts = ["marched_bytes", "in_place_bytes", "left_bytes"].map(value);
            ensure!(parts.iter().sum::<u64>() == *all, "{test} has another size: {line}");
            ensure!(parts[0] >= *free, "{test} marched too little: {line}");
            let [marched, in_place, left] = parts;
            told.push(format!(
                "{test} {verdict} ({marched} marched, {in_place} in place, {left} left)"
            ));
            continue;
        }
        if test == "dma-loopback" {
            ensure!(value("bytes") == LOOPED_BYTES, "the loop moved another number: {line}");
        }
        told.push(format!("{test} {verdict}"));
    }
    Ok(told.join(", "))
}
