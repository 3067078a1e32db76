//! `crash`: what the firmware died of.

use std::fmt::Write as _;

use tandem_agent::control::{CrashReport, Request, Response};

use super::Session;
use crate::EXIT_OK;
use crate::client::unexpected;
use crate::output::Output;

pub(super) async fn crash(session: &mut Session, output: &mut Output) -> anyhow::Result<u8> {
    match session.client.ask(&Request::Crashes).await? {
        Response::Crashes(crashes, damaged) => print(&crashes, damaged, output),
        other => unexpected(&other),
    }
}

/// One object or one paragraph a crash.
pub(super) fn print(
    crashes: &[CrashReport],
    damaged: u32,
    output: &mut Output,
) -> anyhow::Result<u8> {
    for crash in crashes {
        output.answer(crash, text(crash))?;
    }
    if crashes.is_empty() && !output.is_json() {
        output.bytes(b"no crash on record\n")?;
    }
    if damaged > 0 {
        eprintln!("agentctl: {damaged} records are damaged and left out");
    }
    Ok(EXIT_OK)
}

fn text(crash: &CrashReport) -> String {
    let mut text = format!(
        "crash {}: {} at {:.3} s, pc {:#010x}, detail {}",
        crash.sequence,
        crash.reason,
        crash.time_ns as f64 / 1e9,
        crash.registers[15],
        crash.detail
    );
    for (index, four) in crash.registers.chunks(4).enumerate() {
        let _ = write!(text, "\n  r{:<2}", 4 * index);
        four.iter().for_each(|word| _ = write!(text, " {word:08x}"));
    }
    let CrashReport { cpsr, dfsr, dfar, ifsr, ifar, .. } = crash;
    let _ = write!(
        text,
        "\n  cpsr {cpsr:08x} dfsr {dfsr:08x} dfar {dfar:08x} ifsr {ifsr:08x} ifar {ifar:08x}"
    );
    for line in &crash.log {
        let _ = write!(text, "\n  {:<5} {}", line.level, line.text);
    }
    text
}
