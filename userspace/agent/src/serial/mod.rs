//! The control protocol over a serial line, where bytes may be lost, changed or added.
//!
//! The line carries frames of the R5F's console ([`tandem_link::console`]: COBS, CRC-32, zeros between
//! them); [`wire::Part`] is what they say. A [`peer::Peer`] makes of them a conversation that loses
//! nothing: a stream of bytes each way, numbered by offset, acknowledged, sent again. It knows neither
//! line nor clock, so tests and fuzzers drive it; [`carry`] does on a real line. On top of it the
//! protocol is the socket's own, byte for byte.

mod carry;
mod conversation;
mod peer;
mod tty;
pub mod wire;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::server::serve_stream;
use crate::service::Service;
pub use carry::{Carried, Carrying, LineError, connect};
pub use conversation::{MOST_HELD, ROOM};
pub use peer::{Happened, Peer};
pub use tty::{Tty, TtyError, open};

/// How long until a line that went away, such as an adapter that was pulled, is looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What a line has seen since the agent started, as it is counted.
#[derive(Debug, Default)]
pub struct Counters {
    frames: AtomicU64,
    garbage: AtomicU64,
    resent: AtomicU64,
    conversations: AtomicU64,
    lost: AtomicU64,
}

impl Counters {
    fn add(&self, counter: impl Fn(&Counters) -> &AtomicU64, count: u64) {
        counter(self).fetch_add(count, Ordering::Relaxed);
    }

    /// The counts.
    pub fn report(&self) -> LineReport {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LineReport {
            frames: read(&self.frames),
            garbage: read(&self.garbage),
            resent: read(&self.resent),
            conversations: read(&self.conversations),
            lost: read(&self.lost),
        }
    }
}

/// What a line has seen since the agent started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineReport {
    /// Frames that were understood.
    pub frames: u64,
    /// What lay between zeros and was no frame.
    pub garbage: u64,
    /// Frames that were sent again.
    pub resent: u64,
    /// Conversations that clients began.
    pub conversations: u64,
    /// Conversations whose client went silent.
    pub lost: u64,
}

/// Serves clients on the terminal `path`, one at a time, until the task is dropped. A line that goes away
/// is looked for again.
pub async fn serve(path: &Path, mut line: Tty, service: Arc<Service>, counters: Arc<Counters>) {
    loop {
        serve_port(line, &service, &counters).await;
        line = loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            if let Ok(line) = open(path).and_then(Tty::new) {
                break line;
            }
        };
    }
}

/// Serves clients on `port` until it ends.
pub async fn serve_port(
    port: impl AsyncRead + AsyncWrite,
    service: &Arc<Service>,
    counters: &Counters,
) {
    let begin = || {
        let (ours, theirs) = tokio::io::duplex(MOST_HELD);
        tokio::spawn(serve_stream(service.clone(), theirs));
        ours
    };
    carry::serve(port, begin, counters).await;
}

#[cfg(test)]
mod tests;
