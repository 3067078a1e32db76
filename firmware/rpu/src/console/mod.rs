//! The maintenance console: answers whoever asks on the line, with or without Linux.
//!
//! Looked at in each turn of the main loop. At 115200 baud the line's queue of 64 bytes fills in 5.5 ms, and
//! the core turns every [`PERIOD`] at the latest; a request has at most 20 bytes.

mod banks;
mod looped;
mod selftest;

pub use looped::ROOM as LOOP_ROOM;

use crate::board;
use crate::platform::{CrashPage, Log, R5Platform};
use selftest::{Progress, Running};
use tandem_drivers::mmio::MmioBus;
use tandem_drivers::ps::at;
use tandem_drivers::ps::id::{Identity, ResetReason, identity};
use tandem_drivers::ps::uart::Uart;
use tandem_link::SharedMemory;
use tandem_link::console::{
    Answer, BAUD, Collector, Counters, FRAME_BYTES, Info, PAGE_BYTES, PROTOCOL, Page, Request,
    decode, encode,
};
use tandem_link::message::Nanos;

/// UART_REF, Hz: what the loaders of the boards here set.
const REFERENCE: u32 = 100_000_000;
/// The line is looked at this often.
pub const PERIOD: Nanos = 2_000_000;
/// Most bytes of a request on the line.
const REQUEST_BYTES: usize = 64;

/// What is read before the MPU closes the blocks that tell it.
pub struct Facts {
    identity: Identity,
    reason: ResetReason,
}

impl Facts {
    /// Reads them.
    pub fn read(bus: &MmioBus) -> Self {
        let (identity, reason) = (identity(bus, at::CSU), ResetReason::read(bus, at::CRL_APB));
        Self { identity, reason }
    }
}

/// The console.
pub struct Console {
    line: Uart<MmioBus>,
    heard: Collector<REQUEST_BYTES>,
    frame: [u8; FRAME_BYTES],
    /// What of `frame` is still to be sent.
    waiting: core::ops::Range<usize>,
    requests: u32,
    garbage: u32,
    running: Option<(u16, Running)>,
    facts: Facts,
}

impl Console {
    /// Sets the line up.
    pub fn start(bus: MmioBus, facts: Facts) -> Self {
        let mut line = Uart::new(bus, board::UART, 0);
        if board::UART != 0 && line.start(REFERENCE, BAUD).is_err() {
            defmt::error!("no console: its rate cannot be had");
        }
        Self {
            line,
            heard: Collector::new(),
            frame: [0; FRAME_BYTES],
            waiting: 0..0,
            requests: 0,
            garbage: 0,
            running: None,
            facts,
        }
    }

    /// Sends what waits, hears what has come, goes on with a self-test. Never waits.
    pub fn turn(&mut self, platform: &R5Platform) {
        if board::UART == 0 {
            return; // this board leads no line out
        }
        self.send();
        // One answer at a time: what is asked meanwhile stays in the line's queue.
        while self.waiting.is_empty() {
            let Some(byte) = self.line.get() else { break };
            match self.heard.push(byte).map(|frame| frame.and_then(decode)) {
                None => continue,
                Some(Ok((number, request))) => {
                    self.requests = self.requests.wrapping_add(1);
                    self.answer(platform, number, request);
                }
                Some(Err(_)) => self.garbage = self.garbage.wrapping_add(1),
            }
            self.send();
        }
        if !self.waiting.is_empty() {
            return;
        }
        let Some((number, running)) = &mut self.running else { return };
        if let Progress::Ended { test, verdict, values } = running.turn(platform) {
            let number = *number;
            self.running = None;
            self.put(number, &Answer::Tested { test, verdict, values });
        }
    }

    fn send(&mut self) {
        while let Some(at) = self.waiting.clone().next() {
            if !self.line.put(self.frame[at]) {
                return;
            }
            self.waiting.start += 1;
        }
    }

    fn put(&mut self, number: u16, answer: &Answer<'_>) {
        // Every answer fits; a test of the link holds that.
        self.waiting = 0..encode(number, answer, &mut self.frame).unwrap_or(0);
        self.send();
    }

    fn answer(&mut self, platform: &R5Platform, number: u16, request: Request) {
        match request {
            Request::Info => self.put(number, &Answer::Info(self.info(platform))),
            Request::Counters => self.put(number, &Answer::Counters(self.counters(platform))),
            Request::Read { page, offset, count } => self.read(number, page, offset, count.into()),
            Request::Run(_) if self.running.is_some() => self.put(number, &Answer::Busy),
            Request::Run(test) => self.running = Some((number, Running::start(test, platform))),
            Request::Identify(block) => {
                self.put(number, &Answer::Kernel(selftest::identity(platform, block)));
            }
        }
    }

    fn info(&self, platform: &R5Platform) -> Info<'static> {
        Info {
            protocol: PROTOCOL,
            board: board::NAME,
            version: env!("CARGO_PKG_VERSION"),
            idcode: self.facts.identity.idcode,
            silicon: self.facts.identity.version as u8,
            reset_reason: self.facts.reason.0,
            now: platform.wires.now(),
            log_bytes: board::LOG_SIZE,
            crash_bytes: board::CRASH_SIZE,
        }
    }

    fn counters(&self, platform: &R5Platform) -> Counters {
        let errors = self.line.errors();
        Counters {
            requests: self.requests,
            garbage: self.garbage,
            overruns: errors.overruns,
            framing: errors.framing,
            parity: errors.parity,
            healthy: platform.healthy_count(),
            wakes: platform.wakes(),
        }
    }

    fn read(&mut self, number: u16, page: Page, offset: u32, count: usize) {
        match page {
            Page::Log => self.read_of(&Log::new(), number, offset, count),
            Page::Crash => self.read_of(&CrashPage::new(), number, offset, count),
        }
    }

    fn read_of(&mut self, words: &dyn SharedMemory, number: u16, offset: u32, count: usize) {
        let whole = offset.is_multiple_of(4) && count.is_multiple_of(4) && count <= PAGE_BYTES;
        if !whole || offset >= words.size() {
            return self.put(number, &Answer::Refused);
        }
        let count = count.min((words.size() - offset) as usize);
        let mut bytes = [0; PAGE_BYTES];
        for (word, at) in
            bytes[..count].as_chunks_mut::<4>().0.iter_mut().zip((offset..).step_by(4))
        {
            *word = words.load(at).to_le_bytes();
        }
        self.put(number, &Answer::Bytes(&bytes[..count]));
    }
}
