//! A shell at the other end of the serial line, for programs.

use crate::machine::{PATIENCE, until};
use anyhow::{Context, Result, bail, ensure};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Printed by the guest's first program (`init`).
const READY: &str = "tandem: ready";

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Exit code.
    pub code: i32,
    /// What it printed.
    pub text: String,
}

/// The guest's shell.
pub struct Console {
    line: UnixStream,
    /// What came and was not asked for yet.
    heard: Vec<u8>,
    /// Everything that ever came.
    transcript: Vec<u8>,
    commands: u32,
    patience: Duration,
}

impl Console {
    /// Connects as soon as QEMU listens; `alive` fails when it has died.
    pub(crate) fn connect(path: &Path, alive: &mut dyn FnMut() -> Result<()>) -> Result<Self> {
        let line = until("QEMU's serial socket", || {
            alive()?;
            Ok(UnixStream::connect(path).ok())
        })?;
        line.set_read_timeout(Some(Duration::from_millis(50)))?;
        Ok(Self {
            line,
            heard: Vec::new(),
            transcript: Vec::new(),
            commands: 0,
            patience: PATIENCE,
        })
    }

    /// Waits so long for an answer from now on.
    pub fn be_patient(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Waits for the guest's first prompt.
    pub(crate) fn ready(&mut self, alive: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        self.hear(READY, alive)?;
        // No echo, no prompt, long lines: from here on the shell talks to a program.
        self.line.write_all(b"stty -echo -onlcr; PS1=; PS2=\n")?;
        let answer = self.run("true").context("the guest's shell")?;
        ensure!(answer.code == 0, "the guest's shell says {answer:?}");
        Ok(())
    }

    /// Runs a command line in the guest.
    ///
    /// # Errors
    /// If no answer comes within [`PATIENCE`].
    pub fn run(&mut self, command: &str) -> Result<Answer> {
        self.commands += 1;
        // The markers are put together by the shell, so that an echo of the line is none.
        let mark = self.commands;
        writeln!(
            self.line,
            "echo '@''begin{mark}'; {command}\ncode=$?; echo; echo '@''end{mark}' $code"
        )?;
        let alive = &mut || Ok(());
        self.hear(&format!("@begin{mark}"), alive).with_context(|| command.to_owned())?;
        let text = self.hear(&format!("@end{mark} "), alive).with_context(|| command.to_owned())?;
        let code = self.hear("\n", alive)?;
        let code = code.trim().parse().with_context(|| format!("exit code {code:?}"))?;
        Ok(Answer { code, text: text.trim().to_owned() })
    }

    /// Runs a command that must succeed; returns what it printed.
    ///
    /// # Errors
    /// Its output, if it fails.
    pub fn check(&mut self, command: &str) -> Result<String> {
        let answer = self.run(command)?;
        ensure!(answer.code == 0, "{command}: exit code {}: {}", answer.code, answer.text);
        Ok(answer.text)
    }

    /// The line itself, for a person: with a prompt and an echo again.
    ///
    /// # Errors
    /// The line's.
    pub fn hand_over(&mut self) -> Result<UnixStream> {
        self.line.write_all(b"stty echo onlcr; PS1='tandem# '\n")?;
        Ok(self.line.try_clone()?)
    }

    /// Everything that the guest printed since it was switched on.
    pub fn transcript(&self) -> String {
        String::from_utf8_lossy(&self.transcript).into_owned()
    }

    /// Reads up to and with `wanted`; returns what came before it.
    fn hear(&mut self, wanted: &str, alive: &mut dyn FnMut() -> Result<()>) -> Result<String> {
        let start = Instant::now();
        let mut looked = 0;
        loop {
            let fresh = &self.heard[looked..];
            if let Some(at) = fresh.windows(wanted.len()).position(|w| w == wanted.as_bytes()) {
                let rest = self.heard.split_off(looked + at + wanted.len());
                let mut before = std::mem::replace(&mut self.heard, rest);
                before.truncate(looked + at);
                return Ok(String::from_utf8_lossy(&before).replace('\r', ""));
            }
            looked = self.heard.len().saturating_sub(wanted.len());
            if start.elapsed() > self.patience {
                let tail = String::from_utf8_lossy(&self.heard).into_owned();
                bail!("{wanted:?} did not come within {} s: {tail}", self.patience.as_secs());
            }
            alive()?;
            let mut bytes = [0; 4096];
            match self.line.read(&mut bytes) {
                Ok(0) => bail!("the serial line ended: {}", self.transcript()),
                Ok(count) => {
                    self.heard.extend_from_slice(&bytes[..count]);
                    self.transcript.extend_from_slice(&bytes[..count]);
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error).context("the serial line"),
            }
        }
    }
}
