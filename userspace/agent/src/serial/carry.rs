//! Drives a [`Peer`] on a real line: the one place here that knows of clocks and tasks.

use std::io;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf,
};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::conversation::MOST_HELD;
use super::wire::PROTOCOL;
use super::{Counters, Happened, Peer};
use crate::tied::Tied;

/// How long a client knocks.
const KNOCK_FOR: Duration = Duration::from_secs(10);
/// Bytes that wait for the line: few, so that an acknowledgement does not queue behind data.
const MOST_WAITING: usize = 256;

/// Why a line gave no conversation.
#[derive(Debug, Error)]
pub enum LineError {
    /// Nobody, or somebody else.
    #[error(
        "No agent answers on this line within {} s ({garbage} frames were damaged or of something else); \
         is agentd started with --serial at its other end?", KNOCK_FOR.as_secs()
    )]
    NoAnswer {
        /// What came and was no frame.
        garbage: u64,
    },
    /// Another release.
    #[error(
        "agentd speaks version {0} on its line, this program {PROTOCOL}; use programs of one release"
    )]
    Protocol(u32),
    /// The line itself.
    #[error("The line failed: {0}")]
    Line(#[from] io::Error),
}

/// The application's end of a conversation; dropping it leaves the line.
pub type Carried = Tied<DuplexStream, Carrying>;

/// The task that carries a conversation.
#[derive(Debug)]
pub struct Carrying(AbortHandle);

impl Drop for Carrying {
    fn drop(&mut self) {
        // Two readers on a line would take each other's bytes.
        self.0.abort();
    }
}

/// Begins a conversation on `port` and carries it in a task of its own; `number` should differ from
/// those of earlier clients.
///
/// # Errors
/// [`LineError`].
pub async fn connect(
    port: impl AsyncRead + AsyncWrite + Send + 'static,
    number: u16,
) -> Result<Carried, LineError> {
    let mut carrier = Carrier::new(port, Peer::client(number));
    let knocked = tokio::time::timeout(KNOCK_FOR, carrier.turn_until_something()).await;
    match knocked {
        Err(_) => Err(LineError::NoAnswer { garbage: carrier.peer.counts()[1] }),
        Ok(Err(error)) => Err(error.into()),
        Ok(Ok(Happened::OtherProtocol(version))) => Err(LineError::Protocol(version)),
        Ok(Ok(_)) => {
            let (ours, theirs) = tokio::io::duplex(MOST_HELD);
            carrier.application = Some(Application::new(ours));
            let task = tokio::spawn(async move {
                // What ends it drops the application's stream, which hears of it that way.
                while let Ok(Happened::Began) = carrier.turn_until_something().await {}
            });
            Ok(Tied::new(theirs, Carrying(task.abort_handle())))
        }
    }
}

/// Serves on `port` until it ends: `begin` gives the application's stream of each conversation.
pub(super) async fn serve(
    port: impl AsyncRead + AsyncWrite,
    mut begin: impl FnMut() -> DuplexStream,
    counters: &Counters,
) {
    let mut carrier = Carrier::new(port, Peer::server());
    carrier.counters = Some(counters);
    loop {
        match carrier.turn_until_something().await {
            Ok(Happened::Began) => {
                counters.add(|counters| &counters.conversations, 1);
                carrier.application = Some(Application::new(begin()));
            }
            Ok(Happened::Lost) => {
                counters.add(|counters| &counters.lost, 1);
                carrier.application = None;
            }
            Ok(Happened::Over | Happened::OtherProtocol(_)) => carrier.application = None,
            Err(_) => return,
        }
    }
}

/// The application's side of a conversation.
struct Application {
    reads: ReadHalf<DuplexStream>,
    /// `None` once it was told the other's end.
    writes: Option<WriteHalf<DuplexStream>>,
    /// It has not ended.
    speaks: bool,
}

impl Application {
    fn new(stream: DuplexStream) -> Self {
        let (reads, writes) = tokio::io::split(stream);
        Self { reads, writes: Some(writes), speaks: true }
    }
}

struct Carrier<'a, P> {
    reads: ReadHalf<P>,
    writes: WriteHalf<P>,
    peer: Peer,
    application: Option<Application>,
    waiting: Vec<u8>,
    started: Instant,
    counters: Option<&'a Counters>,
    counted: [u64; 3],
    happened: std::collections::VecDeque<Happened>,
}

/// What a turn waited for.
enum Event {
    Heard(usize),
    Written(usize),
    Said(usize),
    Taken(usize),
    Deaf,
    Time,
}

impl<P: AsyncRead + AsyncWrite> Carrier<'_, P> {
    fn new(port: P, peer: Peer) -> Self {
        let (reads, writes) = tokio::io::split(port);
        Self {
            reads,
            writes,
            peer,
            application: None,
            waiting: Vec::new(),
            started: Instant::now(),
            counters: None,
            counted: [0; 3],
            happened: std::collections::VecDeque::new(),
        }
    }

    async fn turn_until_something(&mut self) -> io::Result<Happened> {
        loop {
            if let Some(happened) = self.happened.pop_front() {
                return Ok(happened);
            }
            self.turn().await?;
        }
    }

    /// Waits for the line, the application or the clock, once.
    async fn turn(&mut self) -> io::Result<()> {
        let mut heard = [0; 1024];
        let mut said = [0; 1024];
        let now = self.started.elapsed();
        while self.waiting.len() < MOST_WAITING && self.peer.emit(now, &mut self.waiting) {}
        self.happened.extend(self.peer.happened());
        self.count();
        if !self.happened.is_empty() {
            return Ok(());
        }
        if self.peer.is_drained()
            && let Some(application) = &mut self.application
            && let Some(mut writes) = application.writes.take()
        {
            let _ = writes.shutdown().await;
        }
        let space = self.peer.space().min(said.len());
        let wake = self.peer.wake_at().map(|at| self.started + at);
        let (mut reads, mut writes) = (None, None);
        if let Some(application) = &mut self.application {
            reads = (application.speaks && space > 0).then_some(&mut application.reads);
            writes = application.writes.as_mut().filter(|_| !self.peer.received().is_empty());
        }
        let event = tokio::select! {
            count = self.reads.read(&mut heard) => Event::Heard(count?),
            count = self.writes.write(&self.waiting), if !self.waiting.is_empty() => Event::Written(count?),
            count = maybe_read(reads, &mut said[..space]) => Event::Said(count),
            count = maybe_write(writes, self.peer.received()) => count.map_or(Event::Deaf, Event::Taken),
            () = maybe_sleep(wake) => Event::Time,
        };
        match event {
            Event::Heard(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Event::Heard(count) => self.peer.hear(&heard[..count], self.started.elapsed()),
            Event::Written(count) => drop(self.waiting.drain(..count)),
            Event::Said(0) => {
                self.peer.end();
                if let Some(application) = &mut self.application {
                    application.speaks = false;
                }
            }
            Event::Said(count) => self.peer.send(&said[..count]),
            Event::Taken(count) => self.peer.taken(count),
            // Nobody listens any more; the other may go on until it hears our end.
            Event::Deaf => self.peer.taken(self.peer.received().len()),
            Event::Time => {}
        }
        Ok(())
    }

    fn count(&mut self) {
        let now = self.peer.counts();
        if let Some(counters) = self.counters {
            let [frames, garbage, resent] = std::array::from_fn(|at| now[at] - self.counted[at]);
            counters.add(|counters| &counters.frames, frames);
            counters.add(|counters| &counters.garbage, garbage);
            counters.add(|counters| &counters.resent, resent);
        }
        self.counted = now;
    }
}

/// 0 where the application has ended; for ever without one.
async fn maybe_read(reads: Option<&mut ReadHalf<DuplexStream>>, bytes: &mut [u8]) -> usize {
    match reads {
        Some(reads) => reads.read(bytes).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

/// `None` where the application does not listen any more; for ever without one.
async fn maybe_write(writes: Option<&mut WriteHalf<DuplexStream>>, bytes: &[u8]) -> Option<usize> {
    match writes {
        Some(writes) => writes.write(bytes).await.ok().filter(|count| *count > 0),
        None => std::future::pending().await,
    }
}

async fn maybe_sleep(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
