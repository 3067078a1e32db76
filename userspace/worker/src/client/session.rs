//! One connection to a worker, from hello to its end.

use std::io::IoSlice;
use std::net::{TcpStream, ToSocketAddrs};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tandem_link::message::JobId;
use thiserror::Error;

use crate::address::Address;
use crate::protocol::{
    ENTRY_BYTES, EntryError, FromWorker, Hello, Identity, Interface, MAX_CREDITS, Note, Refusal,
    Status, ToWorker, VERSION, decode, encode,
};
use crate::wire::{BEAT, Patience, Wire, WireError};

/// Slots to ask for: one for the job under way, one that an abandoned job may still hold.
const WANTED: u32 = 2;
/// Heads of an abandoned job are read into this much of the stack.
const SCRAP: usize = 16 << 10;

/// Why a session ended, or never began.
#[derive(Debug, Error)]
pub enum Broken {
    /// No connection.
    #[error("cannot be reached ({0}); start gpu-worker there, or correct the address")]
    Unreachable(std::io::Error),
    /// The connection.
    #[error("{0}")]
    Wire(#[from] WireError),
    /// It sent what is no message.
    #[error("{0}")]
    Entry(#[from] EntryError),
    /// It refused to go on.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// It has another model than this side: ours, its own.
    #[error("it has {1}, this side has {0}")]
    Model(Box<Identity>, Box<Identity>),
    /// It answered under the epoch of another session.
    #[error("it answered under the stale epoch {0}")]
    Stale(u32),
    /// It sent a message that may not come here.
    #[error("it sent {0} out of turn")]
    OutOfTurn(&'static str),
    /// The heads were damaged on the way.
    #[error("the heads were damaged on the way")]
    Damaged,
}

impl From<Refusal> for Broken {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

/// A session that began.
pub(super) struct Opened {
    pub session: Box<Session>,
    pub runs_on: String,
    pub round_trip_ns: u64,
}

/// How a run ended with the session whole.
pub(super) enum Ran {
    Done { engine_ns: u64 },
    Late,
    Failed(Note),
}

#[derive(Debug)]
pub(super) struct Session {
    wire: Wire,
    /// The entry that is being read, and how much of it is there.
    inbox: [u8; ENTRY_BYTES],
    have: usize,
    /// Bytes of a payload that nobody wants any more.
    scrap: usize,
    patience: Patience,
    sent: Instant,
    mine: u32,
    theirs: u32,
    /// Jobs that may be submitted, and that were, since the hello.
    credits: u32,
    submitted: u32,
    /// Jobs whose answer nobody waits for; it still has to be read.
    abandoned: heapless::Vec<JobId, { MAX_CREDITS as usize }>,
    heads_bytes: u32,
}

/// An epoch that no connection of this process had, and hardly one of an earlier process.
pub(crate) fn fresh_epoch() -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = (clock.as_micros() as u32) ^ std::process::id().rotate_left(16);
    let next = |last: u32| if last == 0 { seed.max(1) } else { last.wrapping_add(1).max(1) };
    let update = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
    next(update.unwrap_or_else(|last| last))
}

impl Session {
    /// Connects and says hello.
    pub(super) fn open(
        address: &Address,
        interface: &Interface,
        by: Instant,
    ) -> Result<Opened, Broken> {
        let (socket, took) = connect(address, by)?;
        let wire = Wire::new(socket).map_err(Broken::Unreachable)?;
        let mine = fresh_epoch();
        let mut session = Box::new(Self {
            wire,
            inbox: [0; ENTRY_BYTES],
            have: 0,
            scrap: 0,
            patience: Patience::new(),
            sent: Instant::now(),
            mine,
            theirs: 0,
            credits: 0,
            submitted: 0,
            abandoned: heapless::Vec::new(),
            heads_bytes: interface.identity.heads_bytes,
        });
        let identity = interface.identity.clone();
        let hello = Hello { version: VERSION, epoch: mine, credits: WANTED, identity };
        session.send(&ToWorker::Hello(hello), &[], Some(by))?;
        let runs_on = session.greeted(&interface.identity, by)?;
        let round_trip_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        Ok(Opened { session, runs_on, round_trip_ns })
    }

    /// Takes the worker's hello; what it runs on.
    fn greeted(&mut self, ours: &Identity, by: Instant) -> Result<String, Broken> {
        match self.receive(by)?.ok_or(WireError::Late)? {
            FromWorker::Hello(hello) if hello.version != VERSION => {
                return Err(Refusal::Version(hello.version).into());
            }
            FromWorker::Hello(hello) if hello.identity != *ours => {
                return Err(Broken::Model(Box::new(ours.clone()), Box::new(hello.identity)));
            }
            FromWorker::Hello(hello)
                if hello.epoch != 0 && (1..=MAX_CREDITS).contains(&hello.credits) =>
            {
                self.theirs = hello.epoch;
                self.credits = hello.credits;
            }
            FromWorker::Refused(Refusal::Model(theirs)) => {
                return Err(Broken::Model(Box::new(ours.clone()), Box::new(theirs)));
            }
            FromWorker::Refused(refusal) => return Err(refusal.into()),
            _ => return Err(Broken::OutOfTurn("something else than a hello")),
        }
        match self.receive(by)?.ok_or(WireError::Late)? {
            FromWorker::Engine(note) => Ok(note.as_str().to_owned()),
            _ => Err(Broken::OutOfTurn("something else than its engine")),
        }
    }

    pub(super) fn epochs(&self) -> (u32, u32) {
        (self.mine, self.theirs)
    }

    /// Reads what is there without waiting.
    pub(super) fn catch_up(&mut self) -> Result<(), Broken> {
        let now = Instant::now();
        while let Some(message) = self.receive(now)? {
            self.between_jobs(message)?;
        }
        Ok(())
    }

    /// While no job is under way: reads, beats, and looks whether the worker still does.
    pub(super) fn tend(&mut self) -> Result<(), Broken> {
        self.catch_up()?;
        self.patience.look()?;
        self.beat()
    }

    /// Submits a job and waits for its heads until `by`.
    pub(super) fn run(
        &mut self,
        tensor: &[u8],
        heads: &mut [u8],
        ranges: &[Range<usize>],
        by: Instant,
    ) -> Result<Ran, Broken> {
        while self.submitted == self.credits {
            let Some(message) = self.receive(by)? else { return Ok(Ran::Late) };
            self.between_jobs(message)?;
        }
        let left = by.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Ran::Late);
        }
        self.submitted = self.submitted.wrapping_add(1);
        let id = self.submitted;
        let submit = ToWorker::Submit {
            epoch: self.theirs,
            id,
            left_ns: u64::try_from(left.as_nanos()).unwrap_or(u64::MAX),
            bytes: tensor.len() as u32,
            crc: crc32fast::hash(tensor),
        };
        self.send(&submit, tensor, Some(by))?;
        while let Some(message) = self.receive(by)? {
            match message {
                FromWorker::Done { id: of, status, engine_ns, bytes, crc, .. } if of == id => {
                    let expected = if status == Status::Ok { self.heads_bytes } else { 0 };
                    return match status {
                        _ if bytes != expected => Err(Broken::OutOfTurn("heads of another size")),
                        Status::Ok => self.take_heads(heads, ranges, crc, engine_ns, by),
                        Status::Expired => Ok(Ran::Late),
                        Status::Failed(note) => Ok(Ran::Failed(note)),
                    };
                }
                other => self.between_jobs(other)?,
            }
        }
        // Its answer is read when it comes. There is room: a job has a credit.
        let _ = self.abandoned.push(id);
        Ok(Ran::Late)
    }

    /// Reads the heads to where they belong in the slot.
    fn take_heads(
        &mut self,
        heads: &mut [u8],
        ranges: &[Range<usize>],
        crc: u32,
        engine_ns: u64,
        by: Instant,
    ) -> Result<Ran, Broken> {
        self.scrap = self.heads_bytes as usize;
        let mut hasher = crc32fast::Hasher::new();
        for range in ranges {
            let mut rest = &mut heads[range.clone()];
            while !rest.is_empty() {
                let bytes = match self.read_some(rest, by) {
                    Ok(bytes) => bytes,
                    // What is missing is scrap now.
                    Err(Broken::Wire(WireError::Late)) => return Ok(Ran::Late),
                    Err(broken) => return Err(broken),
                };
                self.scrap -= bytes;
                let (new, later) = rest.split_at_mut(bytes);
                // While it is still in the cache.
                hasher.update(new);
                rest = later;
            }
        }
        if hasher.finalize() == crc { Ok(Ran::Done { engine_ns }) } else { Err(Broken::Damaged) }
    }

    /// A message that belongs to no job under way.
    fn between_jobs(&mut self, message: FromWorker) -> Result<(), Broken> {
        match message {
            FromWorker::Heartbeat { total, .. } | FromWorker::Credit { total, .. } => {
                // A window that shrinks, or is wider than any worker's, is no credit.
                let more = total.wrapping_sub(self.credits);
                let open = total.wrapping_sub(self.submitted);
                if more > MAX_CREDITS || open > MAX_CREDITS {
                    return Err(Broken::OutOfTurn("a credit"));
                }
                self.credits = total;
            }
            FromWorker::Done { id, bytes, .. } => {
                let known = self.abandoned.iter().position(|of| *of == id);
                let known = known.ok_or(Broken::OutOfTurn("the answer to another job"))?;
                if bytes > self.heads_bytes {
                    return Err(Broken::Damaged);
                }
                self.abandoned.swap_remove(known);
                self.scrap = bytes as usize;
            }
            FromWorker::Refused(refusal) => return Err(refusal.into()),
            FromWorker::Hello(_) => return Err(Broken::OutOfTurn("a hello")),
            FromWorker::Engine(_) => return Err(Broken::OutOfTurn("its engine")),
        }
        Ok(())
    }

    /// The next message of this session; `None` if there was none before `by`.
    fn receive(&mut self, by: Instant) -> Result<Option<FromWorker>, Broken> {
        match self.entry(by) {
            Ok(()) => {}
            Err(Broken::Wire(WireError::Late)) => return Ok(None),
            Err(broken) => return Err(broken),
        }
        let message = decode(&self.inbox)?;
        match message {
            FromWorker::Done { epoch, .. }
            | FromWorker::Credit { epoch, .. }
            | FromWorker::Heartbeat { epoch, .. } => {
                if epoch != self.mine {
                    return Err(Broken::Stale(epoch));
                }
            }
            FromWorker::Hello(_) | FromWorker::Engine(_) | FromWorker::Refused(_) => {}
        }
        Ok(Some(message))
    }

    /// Fills the inbox, behind what is left of a payload that nobody wants.
    fn entry(&mut self, by: Instant) -> Result<(), Broken> {
        if self.scrap > 0 {
            self.skip(by)?;
        }
        while self.have < ENTRY_BYTES {
            let Self { wire, patience, sent, theirs, inbox, have, .. } = self;
            let idle = |wire: &Wire| beat(wire, *theirs, sent);
            *have += wire.read(&mut inbox[*have..], Some(by), patience, idle)?;
        }
        self.have = 0;
        Ok(())
    }

    /// Reads what nobody wants.
    fn skip(&mut self, by: Instant) -> Result<(), Broken> {
        let mut scrap = [0; SCRAP];
        while self.scrap > 0 {
            let some = SCRAP.min(self.scrap);
            self.scrap -= self.read_some(&mut scrap[..some], by)?;
        }
        Ok(())
    }

    /// Reads some bytes, and beats while there are none.
    fn read_some(&mut self, into: &mut [u8], by: Instant) -> Result<usize, Broken> {
        let Self { wire, patience, sent, theirs, .. } = self;
        let idle = |wire: &Wire| beat(wire, *theirs, sent);
        Ok(wire.read(into, Some(by), patience, idle)?)
    }

    fn beat(&mut self) -> Result<(), Broken> {
        Ok(beat(&self.wire, self.theirs, &mut self.sent)?)
    }

    fn send(
        &mut self,
        message: &ToWorker,
        payload: &[u8],
        by: Option<Instant>,
    ) -> Result<(), Broken> {
        let mut entry = [0; ENTRY_BYTES];
        encode(message, &mut entry);
        self.wire.write(&mut [IoSlice::new(&entry), IoSlice::new(payload)], by)?;
        self.sent = Instant::now();
        Ok(())
    }
}

/// Says that this side is there, if it said nothing for a while. Not before the worker's hello.
fn beat(wire: &Wire, theirs: u32, sent: &mut Instant) -> Result<(), WireError> {
    if theirs == 0 || sent.elapsed() < BEAT {
        return Ok(());
    }
    let mut entry = [0; ENTRY_BYTES];
    encode(&ToWorker::Heartbeat { epoch: theirs }, &mut entry);
    wire.write(&mut [IoSlice::new(&entry)], None)?;
    *sent = Instant::now();
    Ok(())
}

/// The first address of a name that answers, and how long its answer took.
fn connect(address: &Address, by: Instant) -> Result<(TcpStream, Duration), Broken> {
    let found = address.host_and_port().to_socket_addrs().map_err(Broken::Unreachable)?;
    let mut last = std::io::ErrorKind::AddrNotAvailable.into();
    for place in found {
        let began = Instant::now();
        let left = by.saturating_duration_since(began);
        if left.is_zero() {
            return Err(WireError::Late.into());
        }
        match TcpStream::connect_timeout(&place, left) {
            Ok(socket) => return Ok((socket, began.elapsed())),
            Err(error) => last = error,
        }
    }
    Err(Broken::Unreachable(last))
}
