//! `console`: what the R5F itself says on its serial line.

mod kernels;
mod selftest;

use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use tandem_agent::api::ApiError;
use tandem_agent::control::{CrashReport, LogLine};
use tandem_agent::logs::{Decoder, table};
use tandem_drivers::ps::id::ResetReason;
use tandem_link::SharedMemory;
use tandem_link::console::{Answer, Page, Request};
use tandem_link::crash::{Record, records};
use tandem_link::log::{DATA_AT, HEAD_AT, LOST_AT, MAGIC, MAGIC_AT, capacity, last};

use crate::EXIT_OK;
use crate::cli::Console as Command;
use crate::console::{Console, Line};
use crate::output::{Output, table as columns};

/// Bytes of the log that are fetched where nobody says how many: some hundred lines.
const LOG_BYTES: u32 = 4096;

/// Runs a console command on `line`.
///
/// # Errors
/// The line, or `no_answer`.
pub fn run(line: &Line, command: &Command, output: &mut Output) -> anyhow::Result<u8> {
    let mut console = Console::new(line.open()?);
    match command {
        Command::Info => info(&mut console, output),
        Command::Counters => counters(&mut console, output),
        Command::Logs { image, bytes } => {
            logs(&mut console, image, bytes.unwrap_or(LOG_BYTES), output)
        }
        Command::Crash { image } => crash(&mut console, image.as_deref(), output),
        Command::Selftest { tests } => selftest::run(&mut console, tests, output),
        Command::Kernels => kernels::run(&mut console, output),
    }
}

#[derive(Serialize)]
struct Info {
    board: String,
    version: String,
    idcode: u32,
    silicon: u8,
    reset_reason: Vec<&'static str>,
    now_ns: u64,
    /// Questions that had to be asked again, frames that were none: how the line is.
    retries: u32,
    garbage: u32,
}

fn info(console: &mut Console, output: &mut Output) -> anyhow::Result<u8> {
    let mut info = console.info(|info| Info {
        board: info.board.to_owned(),
        version: info.version.to_owned(),
        idcode: info.idcode,
        silicon: info.silicon,
        reset_reason: reasons(info.reset_reason),
        now_ns: info.now,
        retries: 0,
        garbage: 0,
    })?;
    (info.retries, info.garbage) = (console.asked.retries, console.asked.garbage);
    let text = format!(
        "R5F of board {}, image {}\ndevice {:#010x}, silicon {}\nreset by {}\nclock {:.3} s\nline: {} asked again, {} damaged",
        info.board,
        info.version,
        info.idcode,
        info.silicon,
        if info.reset_reason.is_empty() {
            "nothing that is told".to_owned()
        } else {
            info.reset_reason.join(", ")
        },
        info.now_ns as f64 / 1e9,
        info.retries,
        info.garbage,
    );
    output.answer(&info, text)?;
    Ok(EXIT_OK)
}

fn reasons(bits: u32) -> Vec<&'static str> {
    let names = ResetReason::NAMES.iter().enumerate();
    names.filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, name)| *name).collect()
}

fn counters(console: &mut Console, output: &mut Output) -> anyhow::Result<u8> {
    let counters = console.ask(Request::Counters, |answer| match answer {
        Answer::Counters(counters) => Some(*counters),
        _ => None,
    })?;
    let rows = [
        ("requests", counters.requests),
        ("garbage", counters.garbage),
        ("overruns", counters.overruns),
        ("framing", counters.framing),
        ("parity", counters.parity),
        ("healthy", counters.healthy),
        ("wakes", counters.wakes),
    ];
    let rows = rows.map(|(name, count)| vec![name.to_owned(), count.to_string()]);
    output.answer(&counters, columns(&rows))?;
    Ok(EXIT_OK)
}

fn logs(
    console: &mut Console,
    image: &Path,
    bytes: u32,
    output: &mut Output,
) -> anyhow::Result<u8> {
    let size = console.info(|info| info.log_bytes)?;
    let memory = console.page(Page::Log, DATA_AT.min(size))?;
    if memory.load(MAGIC_AT) != MAGIC {
        return Err(ApiError::new(
            "no_log",
            "console",
            "The R5F has logged nothing yet".to_owned(),
        )
        .into());
    }
    // Only what is wanted of the ring is fetched: a serial line is slow.
    let (head, lost, room) = (memory.load(HEAD_AT), memory.load(LOST_AT), capacity(size));
    let wanted = bytes.min(room).min(head);
    let whole = tandem_link::memory::HostMemory::new(size);
    for at in [MAGIC_AT, HEAD_AT] {
        whole.store(at, memory.load(at));
    }
    let first = head.wrapping_sub(wanted) & (room - 1) & !3;
    let end = (head & (room - 1)).next_multiple_of(4);
    if wanted > 0 && first < end {
        console.fill(&whole, Page::Log, DATA_AT + first, DATA_AT + end)?;
    } else if wanted > 0 {
        console.fill(&whole, Page::Log, DATA_AT + first, DATA_AT + room)?;
        console.fill(&whole, Page::Log, DATA_AT, DATA_AT + end)?;
    }
    let bytes: Vec<u8> = last(&whole, wanted).collect();
    for line in lines(image, &bytes)? {
        output.answer(&line, format!("{:<5} {}", line.level, line.text))?;
    }
    if lost > 0 {
        eprintln!("agentctl: the R5F dropped {lost} bytes of log, since nobody read them");
    }
    Ok(EXIT_OK)
}

/// The whole lines in `bytes`, whose first may be cut.
fn lines(image: &Path, bytes: &[u8]) -> anyhow::Result<Vec<LogLine>> {
    let table = table(image).with_context(|| {
        let name = image.display();
        format!("{name} has no strings of a log; name the image that the R5F runs (ELF)")
    })?;
    let mut found = Vec::new();
    Decoder::new(&table).lines(bytes, 0, |line| found.push(line));
    Ok(found)
}

fn crash(console: &mut Console, image: Option<&Path>, output: &mut Output) -> anyhow::Result<u8> {
    let size = console.info(|info| info.crash_bytes)?;
    let (found, damaged) = records(&console.page(Page::Crash, size)?);
    let report = |record: &Record| {
        let log = image.map_or(Ok(Vec::new()), |image| lines(image, &record.log))?;
        Ok(CrashReport::new(record, log))
    };
    let reports = found.iter().map(report).collect::<anyhow::Result<Vec<_>>>()?;
    super::crash::print(&reports, damaged, output)
}
