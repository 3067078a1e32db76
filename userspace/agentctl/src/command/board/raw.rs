//! `board console`: bytes both ways between this terminal and a serial line.

use std::io::{ErrorKind, IsTerminal, Read, Write};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::EXIT_OK;
use crate::console::Line;

/// Ctrl-], as telnet has it.
const LEAVE: u8 = 0x1D;

/// The person's terminal, which gets its settings back.
struct Raw(Option<Termios>);

impl Raw {
    fn enter() -> anyhow::Result<Raw> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Ok(Raw(None));
        }
        let before = tcgetattr(&stdin)?;
        let mut settings = before.clone();
        settings.make_raw();
        tcsetattr(&stdin, OptionalActions::Now, &settings)?;
        eprint!("Ctrl-] leaves\r\n");
        Ok(Raw(Some(before)))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// How long the line may be silent after the end of standard input.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Until Ctrl-], until the line ends, or is silent after standard input has ended.
pub(super) fn console(line: &Line) -> anyhow::Result<u8> {
    let mut port = line.open()?;
    let raw = Raw::enter()?;
    let typed = listen(raw.0.is_some());
    let mut stdout = std::io::stdout();
    let mut bytes = [0; 512];
    let mut ended: Option<Instant> = None;
    while ended.is_none_or(|at| at.elapsed() < LAST_WORDS) {
        match typed.try_recv() {
            Ok(bytes) => port.write_all(&bytes).context("The line cannot be written")?,
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) if raw.0.is_some() => break, // Ctrl-]
            Err(TryRecvError::Disconnected) => ended = ended.or_else(|| Some(Instant::now())),
        }
        // Waits for a moment if the line is silent.
        match port.read(&mut bytes) {
            Ok(0) if matches!(line, Line::Socket(_)) => break,
            Ok(0) => {}
            Ok(count) => {
                stdout.write_all(&bytes[..count])?;
                stdout.flush()?;
                ended = ended.map(|_| Instant::now());
            }
            Err(error) if waited(error.kind()) => {}
            Err(error) => return Err(error).context("The line cannot be read"),
        }
    }
    Ok(EXIT_OK)
}

fn waited(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// What is typed, from a thread of its own: a read of standard input cannot be called off.
fn listen(terminal: bool) -> Receiver<Vec<u8>> {
    // A pipe is read as fast as the line takes it.
    let (sender, receiver) = sync_channel(4);
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin();
        let mut bytes = [0; 256];
        while let Ok(count @ 1..) = stdin.read(&mut bytes) {
            let typed = &bytes[..count];
            let leave = typed.iter().position(|byte| terminal && *byte == LEAVE);
            if sender.send(typed[..leave.unwrap_or(count)].to_vec()).is_err() || leave.is_some() {
                return;
            }
        }
    });
    receiver
}
