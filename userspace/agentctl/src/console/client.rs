//! Questions and answers over a line on which anything may be lost or added.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tandem_agent::api::ApiError;
use tandem_link::SharedMemory;
use tandem_link::console::{
    Answer, Collector, FRAME_BYTES, Info, PAGE_BYTES, PROTOCOL, Page, Request, decode, encode,
};
use tandem_link::memory::HostMemory;

use super::Port;

/// Time for an answer; the board answers within milliseconds, a loaded emulator within seconds.
const PATIENCE: Duration = Duration::from_secs(4);
/// Time for a self-test: the longest takes some seconds on an emulator.
const TEST_PATIENCE: Duration = Duration::from_secs(60);
/// A question is asked so often.
const TRIES: u32 = 5;

/// How a question went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Questions that had to be asked again.
    pub retries: u32,
    /// Frames on the line that were none, and answers to nothing that was asked.
    pub garbage: u32,
}

/// A conversation with the R5F.
pub struct Console {
    port: Box<dyn Port>,
    heard: Collector<FRAME_BYTES>,
    number: u16,
    /// How the line has been.
    pub asked: Asked,
}

impl Console {
    /// Over an open line. Numbers start anywhere, so that answers to an earlier program are strangers.
    pub fn new(port: Box<dyn Port>) -> Self {
        let number = std::process::id() as u16 ^ 0x5A00;
        Self { port, heard: Collector::new(), number, asked: Asked::default() }
    }

    /// Asks until there is an answer that `take` understands.
    ///
    /// # Errors
    /// `no_answer` if none comes, `refused` if the board says so; the line's own error.
    pub fn ask<T>(
        &mut self,
        request: Request,
        mut take: impl FnMut(&Answer<'_>) -> Option<T>,
    ) -> anyhow::Result<T> {
        let patience = match request {
            Request::Run(_) => TEST_PATIENCE,
            _ => PATIENCE,
        };
        for attempt in 0..TRIES {
            self.asked.retries += u32::from(attempt > 0);
            self.number = self.number.wrapping_add(1);
            self.say(request)?;
            match self.listen(patience, &mut take)? {
                Some(Reply::Taken(answer)) => return Ok(answer),
                // A test that was asked for before is still under way: it ends by itself.
                Some(Reply::Busy) => std::thread::sleep(Duration::from_millis(500)),
                None => {}
            }
        }
        let message = format!(
            "The R5F does not answer on this line ({TRIES} tries); is it running, is it the right line?"
        );
        Err(ApiError::new("no_answer", "--target", message).into())
    }

    fn say(&mut self, request: Request) -> anyhow::Result<()> {
        let mut frame = [0; FRAME_BYTES];
        let used = encode(self.number, &request, &mut frame)?;
        self.port.write_all(&frame[..used]).context("The line cannot be written")?;
        self.port.flush().context("The line cannot be written")
    }

    fn listen<T>(
        &mut self,
        patience: Duration,
        take: &mut impl FnMut(&Answer<'_>) -> Option<T>,
    ) -> anyhow::Result<Option<Reply<T>>> {
        let end = Instant::now() + patience;
        let mut bytes = [0; 512];
        while Instant::now() < end {
            let count = match self.port.read(&mut bytes) {
                Ok(count) => count,
                Err(error) if waited(error.kind()) => 0,
                Err(error) => return Err(error).context("The line cannot be read"),
            };
            for byte in &bytes[..count] {
                let Some(frame) = self.heard.push(*byte) else { continue };
                match frame.and_then(decode::<Answer<'_>>) {
                    Ok((number, answer)) if number == self.number => match answer {
                        Answer::Refused => {
                            let message =
                                "The R5F refuses the question; use programs of one release";
                            return Err(
                                ApiError::new("refused", "console", message.to_owned()).into()
                            );
                        }
                        Answer::Busy => return Ok(Some(Reply::Busy)),
                        answer => {
                            if let Some(taken) = take(&answer) {
                                return Ok(Some(Reply::Taken(taken)));
                            }
                            self.asked.garbage += 1;
                        }
                    },
                    _ => self.asked.garbage += 1,
                }
            }
        }
        Ok(None)
    }

    /// Who is there; refuses another protocol. `take` gets what the answer borrows.
    ///
    /// # Errors
    /// See [`Console::ask`].
    pub fn info<T>(&mut self, mut take: impl FnMut(&Info<'_>) -> T) -> anyhow::Result<T> {
        let (protocol, taken) = self.ask(Request::Info, |answer| match answer {
            Answer::Info(info) => Some((info.protocol, take(info))),
            _ => None,
        })?;
        if protocol != PROTOCOL {
            bail!(
                "The R5F speaks protocol {protocol}, this program {PROTOCOL}; use programs of one release"
            );
        }
        Ok(taken)
    }

    /// The first `size` bytes of a page.
    ///
    /// # Errors
    /// See [`Console::ask`].
    pub fn page(&mut self, page: Page, size: u32) -> anyhow::Result<HostMemory> {
        let memory = HostMemory::new(size);
        self.fill(&memory, page, 0, size)?;
        Ok(memory)
    }

    /// Reads `from` to `end` (whole words) of a page into its place in `memory`.
    ///
    /// # Errors
    /// See [`Console::ask`].
    pub fn fill(
        &mut self,
        memory: &HostMemory,
        page: Page,
        from: u32,
        end: u32,
    ) -> anyhow::Result<()> {
        for offset in (from..end).step_by(PAGE_BYTES) {
            let count = (end - offset).min(PAGE_BYTES as u32);
            let request = Request::Read { page, offset, count: count as u8 };
            let bytes = self.ask(request, |answer| match answer {
                Answer::Bytes(bytes) if bytes.len() == count as usize => Some(bytes.to_vec()),
                _ => None,
            })?;
            for (word, at) in bytes.as_chunks::<4>().0.iter().zip((offset..).step_by(4)) {
                memory.store(at, u32::from_le_bytes(*word));
            }
        }
        Ok(())
    }
}

enum Reply<T> {
    Taken(T),
    Busy,
}

fn waited(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
