//! Crashes on demand: each leaves the record that it should.

use crate::guest::Guest;
use crate::jobs::{Agent, wait};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::time::{Duration, Instant};
use tandem_link::crash::{Reason, Record, records};
use tandem_link::glue;
use tandem_link::log::last;
use tandem_qemu::words::{Words, decode_log};

/// What the firmware is asked to do (`firmware/rpu/src/provoke.rs`), and how that must end.
struct Case {
    ask: u32,
    name: &'static str,
    reason: Reason,
    /// The Thumb instruction at the address that the record gives.
    instruction: Option<u16>,
    /// The address that a data access failed at.
    data: Option<fn(&Guest) -> std::ops::Range<u32>>,
}

const CASES: [Case; 8] = [
    Case {
        ask: 1,
        name: "undefined instruction",
        reason: Reason::Undefined,
        instruction: Some(0xDE00),
        data: None,
    },
    Case {
        ask: 2,
        name: "store to code",
        reason: Reason::DataAbort,
        instruction: None,
        data: Some(|_| 0x100..0x101),
    },
    Case {
        ask: 3,
        name: "load from a payload slot",
        reason: Reason::DataAbort,
        instruction: None,
        data: Some(|guest| {
            let pool = guest.board.regions.pool.base;
            pool..pool + 1
        }),
    },
    Case {
        ask: 4,
        name: "stack overflow",
        reason: Reason::StackOverflow,
        instruction: None,
        data: Some(|_| 0x2_A800..0x2_B000),
    },
    Case {
        ask: 5,
        name: "jump into data",
        reason: Reason::PrefetchAbort,
        instruction: None,
        data: None,
    },
    Case {
        ask: 6,
        name: "supervisor call",
        reason: Reason::SupervisorCall,
        instruction: Some(0xDF00),
        data: None,
    },
    Case { ask: 7, name: "panic", reason: Reason::Panic, instruction: None, data: None },
    Case {
        ask: 8,
        name: "hang, seen by the watchdog",
        reason: Reason::Watchdog,
        instruction: None,
        data: None,
    },
];

/// Where code lies: the vectors end, the bank ends.
const CODE: std::ops::Range<u32> = 0x20..0x1_0000;

/// Boots once for each case; a line a case.
pub fn all(
    boot: impl Fn() -> Result<Guest>,
    image: &Path,
    patience: Duration,
) -> Result<Vec<String>> {
    let one = |case: &Case| -> Result<String> {
        let mut guest = boot()?;
        let mut agent = Agent::link(&mut guest, patience)?;
        let record = provoke(&mut guest, case.ask, patience)?;
        // It logs once more, on the stack that is measured.
        let log = Words::new(&guest.ddr, guest.board.regions.log);
        wait(&mut guest, patience, "the crash's line in the log", || {
            let bytes: Vec<u8> = last(&log, 4096).collect();
            let lines = decode_log(&bytes, image);
            let told = |line: &String| line.contains("crash ") || line.contains("panic at ");
            match lines {
                Ok(lines) => lines.iter().any(told).then_some(Ok(())),
                Err(error) => Some(Err(error)),
            }
        })?;
        let line = check(case, &guest, &record, image)?;
        restart(&mut guest, &mut agent, image, patience).context("restarting after it")?;
        Ok(format!("{line}; restarted, jobs equal"))
    };
    let mut lines = CASES
        .iter()
        .map(|case| one(case).with_context(|| format!("crash: {}", case.name)))
        .collect::<Result<Vec<_>>>()?;
    lines.push(parked(&mut boot()?, image, patience).context("asked to park")?);
    Ok(lines)
}

/// Asks for a crash and waits for its record.
pub fn provoke(guest: &mut Guest, ask: u32, patience: Duration) -> Result<Record> {
    guest.provoke(ask)?;
    let page = Words::new(&guest.ddr, guest.board.regions.crash);
    wait(guest, patience, "the crash record", || {
        let (mut found, _) = records(&page);
        found.pop().map(Ok)
    })
}

/// The parked core begins the image again, in the same machine: a new epoch, and its jobs go well.
pub fn restart(
    guest: &mut Guest,
    agent: &mut Agent,
    image: &Path,
    patience: Duration,
) -> Result<()> {
    parks(guest, patience)?;
    guest.restart(image)?;
    agent.again(guest, patience)?;
    ensure!(guest.glue_word(glue::PARKED)? == 0, "it runs and says that it is parked");
    ensure!(guest.glue_word(glue::RESTART)? == 0, "it has not taken the request back");
    agent.run(guest, patience)?;
    Ok(())
}

/// Waits until the core says that it is parked.
fn parks(guest: &mut Guest, patience: Duration) -> Result<()> {
    let start = Instant::now();
    while guest.glue_word(glue::PARKED)? != 1 {
        guest.check()?;
        ensure!(start.elapsed() < patience, "the core does not park");
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

/// A core that lives is asked to park, does, leaves no record, and begins again.
fn parked(guest: &mut Guest, image: &Path, patience: Duration) -> Result<String> {
    let mut agent = Agent::link(guest, patience)?;
    guest.ask_to_park()?;
    restart(guest, &mut agent, image, patience)?;
    let (found, _) = records(&Words::new(&guest.ddr, guest.board.regions.crash));
    ensure!(found.is_empty(), "it left a crash record: {found:?}");
    Ok("asked to park: parked, restarted, jobs equal".to_owned())
}

fn check(case: &Case, guest: &Guest, record: &Record, image: &Path) -> Result<String> {
    let crash = &record.crash;
    ensure!(record.sequence == 1, "it is number {}", record.sequence);
    ensure!(crash.reason == case.reason, "the record says {:?}: {crash:x?}", crash.reason);
    ensure!(crash.time > 0, "the record has no time");
    let [pc, sp] = [crash.registers.r[15], crash.registers.r[13]];
    if crash.reason == Reason::Panic {
        ensure!(crash.detail > 0, "the record has no line");
    } else {
        let place = if crash.reason == Reason::PrefetchAbort { 0x2_0000..0x2_0001 } else { CODE };
        ensure!(place.contains(&pc), "it stopped at {pc:#x}, not in {place:x?}");
        ensure!((0x2_A000..0x3_0000).contains(&sp), "the main stack was at {sp:#x}");
        ensure!(crash.registers.cpsr & 0x1F == 0x1F, "it was not in system mode");
    }
    if let Some(wanted) = case.instruction {
        let found = guest.halfword(pc)?;
        ensure!(found == wanted, "at {pc:#x} is {found:#06x}, not {wanted:#06x}");
    }
    if let Some(range) = case.data {
        let (at, range) = (crash.faults.data_address, range(guest));
        ensure!(range.contains(&at), "the access was at {at:#x}, not in {range:x?}");
    }
    let log = decode_log(&record.log, image)?;
    ensure!(!log.is_empty(), "the record has no line of the log");
    if crash.reason == Reason::Panic {
        let last = log.last().map_or("", String::as_str);
        ensure!(last.contains("panic at "), "the log ends with {last:?}");
    }
    Ok(format!(
        "crash: {:<26} {:?}, pc {pc:#x}, {} lines of log, {} bytes of stack",
        case.name,
        crash.reason,
        log.len(),
        guest.crash_high_water()?
    ))
}
