//! agentd at the other end of a serial line.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use tandem_agent::serial::{self, Tty};
use tokio::net::UnixStream;

use super::{Connecting, Stream, Transport};
use crate::console::Line;

/// The line of `agentd --serial`.
pub struct Serial(pub Line);

impl Transport for Serial {
    fn connect(&self) -> Connecting<'_> {
        Box::pin(async move {
            let stream = match &self.0 {
                Line::Device(path) => {
                    let line = serial::open(path).and_then(Tty::new)?;
                    serial::connect(line, number()).await
                }
                Line::Socket(path) => {
                    let line = UnixStream::connect(path).await.with_context(|| {
                        format!("No machine listens on {}; is QEMU running?", path.display())
                    })?;
                    serial::connect(line, number()).await
                }
            };
            Ok(Box::new(stream.with_context(|| self.0.to_string())?) as Box<dyn Stream>)
        })
    }
}

/// Tells this conversation from those that other programs had on the line.
fn number() -> u16 {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (std::process::id() ^ clock.subsec_micros()) as u16
}
