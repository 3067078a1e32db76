//! A crash of the firmware, as clients see it.

use serde::{Deserialize, Serialize};
use tandem_link::crash::Record;

use super::LogLine;

/// One crash record. Registers and fault status as an Armv7-R core has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrashReport {
    /// Counts the crashes of the board.
    pub sequence: u32,
    /// `Undefined`, `DataAbort`, `StackOverflow`, `Watchdog`, ...
    pub reason: String,
    /// When, ns of the board's clock.
    pub time_ns: u64,
    /// What the reason says it is, else 0.
    pub detail: u32,
    /// r0 to r15.
    pub registers: [u32; 16],
    /// Program status.
    pub cpsr: u32,
    /// Why a data access failed.
    pub dfsr: u32,
    /// Where.
    pub dfar: u32,
    /// Why a fetch failed.
    pub ifsr: u32,
    /// Where.
    pub ifar: u32,
    /// The last lines of the log.
    pub log: Vec<LogLine>,
}

impl CrashReport {
    /// A record whose log's bytes were decoded.
    pub fn new(record: &Record, log: Vec<LogLine>) -> Self {
        let crash = &record.crash;
        Self {
            sequence: record.sequence,
            reason: format!("{:?}", crash.reason),
            time_ns: crash.time,
            detail: crash.detail,
            registers: crash.registers.r,
            cpsr: crash.registers.cpsr,
            dfsr: crash.faults.data_status,
            dfar: crash.faults.data_address,
            ifsr: crash.faults.fetch_status,
            ifar: crash.faults.fetch_address,
            log,
        }
    }
}
