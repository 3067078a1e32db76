//! The firmware's log: defmt bytes from the board become lines that clients read.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use defmt_decoder::{DecodeError, StreamDecoder, Table};
use tokio::sync::{Notify, watch};

use crate::control::LogLine;

/// Lines that are kept for clients that come later.
const KEPT: usize = 4096;

/// How often the board's log ring is drained while nobody asks.
const DRAIN_EVERY: Duration = Duration::from_millis(100);

/// The lines so far.
#[derive(Clone, Default)]
pub struct Logs(Arc<Shared>);

#[derive(Default)]
struct Shared {
    ring: Mutex<Ring>,
    arrived: Notify,
    /// Times that the board's ring was drained.
    drained: watch::Sender<u64>,
}

#[derive(Default)]
struct Ring {
    lines: VecDeque<LogLine>,
    /// Number of the first line in `lines`.
    first: u64,
}

impl Logs {
    /// Appends a line.
    pub fn push(&self, line: LogLine) {
        let mut ring = self.0.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.lines.len() == KEPT {
            ring.lines.pop_front();
            ring.first += 1;
        }
        ring.lines.push_back(line);
        drop(ring);
        self.0.arrived.notify_waiters();
    }

    /// Lines from number `from` on, and the number behind the last.
    pub fn since(&self, from: u64) -> (Vec<LogLine>, u64) {
        let ring = self.0.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let skip = from.saturating_sub(ring.first) as usize;
        let lines = ring.lines.iter().skip(skip).cloned().collect();
        (lines, ring.first + ring.lines.len() as u64)
    }

    /// As [`Logs::since`], but waits until there is a line.
    pub async fn next(&self, from: u64) -> (Vec<LogLine>, u64) {
        loop {
            let arrived = self.0.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            let (lines, next) = self.since(from);
            if !lines.is_empty() {
                return (lines, next);
            }
            arrived.await;
        }
    }

    /// Waits until everything that the board has logged by now is here, two seconds at most.
    pub async fn settle(&self) {
        const LIMIT: Duration = Duration::from_secs(2);
        let mut drained = self.0.drained.subscribe();
        let seen = *drained.borrow();
        // The pass under way may have read the ring before the call: the one after it has not.
        let _ = tokio::time::timeout(LIMIT, drained.wait_for(|passes| *passes >= seen + 2)).await;
    }

    /// Drains `source` until it returns `None`: the board is gone, or has another image. It appends raw bytes and
    /// returns how many were lost before them. `table` decodes them.
    pub async fn drain(self, table: Option<Table>, source: impl Fn(&mut Vec<u8>) -> Option<u32>) {
        if table.is_none() {
            self.push(note("warn", "The program holds no defmt table, its log cannot be decoded"));
        }
        let mut decoder = table.as_ref().map(Decoder::new);
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let Some(lost) = source(&mut bytes) else { return };
            if let Some(decoder) = &mut decoder {
                decoder.lines(&bytes, lost, |line| self.push(line));
            }
            self.0.drained.send_modify(|passes| *passes += 1);
            tokio::time::sleep(DRAIN_EVERY).await;
        }
    }
}

/// Turns the bytes of the board's log ring into lines.
pub struct Decoder<'t> {
    table: &'t Table,
    stream: Box<dyn StreamDecoder + Send + Sync + 't>,
}

impl<'t> Decoder<'t> {
    /// At the beginning of a frame.
    pub fn new(table: &'t Table) -> Self {
        Self { table, stream: table.new_stream_decoder() }
    }

    /// Takes what was read of the ring, before which `lost` bytes are missing. A frame may end in
    /// a later call; what is damaged is told and left out.
    pub fn lines(&mut self, bytes: &[u8], lost: u32, mut line: impl FnMut(LogLine)) {
        if lost > 0 {
            // What follows begins inside a frame, perhaps: start afresh.
            self.stream = self.table.new_stream_decoder();
            line(note("warn", &format!("{lost} bytes of the log were lost")));
        }
        self.stream.received(bytes);
        loop {
            match self.stream.decode() {
                Ok(frame) => line(LogLine {
                    level: frame.level().map_or("", |level| level.as_str()).to_owned(),
                    at: frame.display_timestamp().map(|t| t.to_string()).unwrap_or_default(),
                    text: frame.display_message().to_string(),
                }),
                Err(DecodeError::UnexpectedEof) => return,
                Err(DecodeError::Malformed) if self.table.encoding().can_recover() => {}
                Err(DecodeError::Malformed) => {
                    self.stream = self.table.new_stream_decoder();
                    return line(note("warn", "The log is damaged, some of it is missing"));
                }
            }
        }
    }
}

fn note(level: &str, text: &str) -> LogLine {
    LogLine { level: level.to_owned(), at: String::new(), text: text.to_owned() }
}

/// The defmt table of an ELF file: the firmware's image, or this program on a virtual board.
pub fn table(elf: &Path) -> Option<Table> {
    Table::parse(&std::fs::read(elf).ok()?).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_lines_make_room_and_keep_their_numbers() {
        let logs = Logs::default();
        for number in 0..KEPT + 3 {
            logs.push(note("info", &number.to_string()));
        }
        let (lines, next) = logs.since(0);
        assert_eq!((lines.len(), next), (KEPT, KEPT as u64 + 3));
        assert_eq!(lines[0].text, "3");
        let (lines, _) = logs.since(next - 1);
        assert_eq!(lines.len(), 1);
        assert_eq!(logs.since(next + 9).0, []);
    }

    #[test]
    fn a_follower_wakes_for_a_line() {
        let logs = Logs::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (lines, next) = runtime.block_on(async {
            let (_, from) = logs.since(0);
            let (answer, ()) =
                tokio::join!(logs.next(from), async { logs.push(note("info", "x")) });
            answer
        });
        assert_eq!((lines[0].text.as_str(), next), ("x", 1));
    }

    #[test]
    fn without_a_table_the_log_says_so() {
        let logs = Logs::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let left = std::cell::Cell::new(2);
        let source = |_: &mut Vec<u8>| {
            left.set(left.get() - 1);
            (left.get() > 0).then_some(0)
        };
        runtime.block_on(logs.clone().drain(None, source));
        assert!(logs.since(0).0[0].text.contains("defmt table"));
    }
}
