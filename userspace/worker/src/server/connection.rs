//! One client: a thread that reads, a thread that writes.

use std::io::IoSlice;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;
use tandem_model::post::MAX_HEADS;

use super::runner::{Finished, Job};
use super::slots::Slot;
use super::{Event, Shared};
use crate::client::fresh_epoch;
use crate::protocol::{
    ENTRY_BYTES, FromWorker, Hello, MAX_CREDITS, Refusal, Status, ToWorker, VERSION, decode, encode,
};
use crate::wire::{BEAT, Patience, Wire, WireError};

/// How long jobs under way may take to be answered when a connection is ended by this side.
const LINGER: Duration = Duration::from_secs(5);
/// A job's time is at most this, so that adding it to a clock cannot overflow.
const LONGEST: Duration = Duration::from_secs(3600);

/// A session, as its two threads and the engine's see it.
pub(super) struct Connection {
    wire: Wire,
    /// Epochs: the client's, this side's.
    theirs: u32,
    mine: u32,
    /// Slots of this session that no job has, and jobs that ended: room for every slot in each.
    free: ArrayQueue<Slot>,
    finished: ArrayQueue<Finished>,
    granted: u32,
    /// Jobs that were taken in and not answered yet.
    jobs: AtomicU32,
    writer: OnceLock<Thread>,
    /// Nothing that ends now is answered any more.
    over: AtomicBool,
    /// The reader has ended, with this to tell the client.
    ending: OnceLock<Option<Refusal>>,
}

/// Why a connection ended.
enum End {
    Wire(WireError),
    Refused(Box<Refusal>),
}

impl From<WireError> for End {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl End {
    fn event(&self) -> Event {
        match self {
            Self::Wire(WireError::Closed) => Event::Closed,
            Self::Wire(WireError::Silent | WireError::Late) => Event::Silent,
            Self::Wire(WireError::Io(_)) => Event::Network,
            Self::Refused(refusal) => (&**refusal).into(),
        }
    }
}

/// Serves a connection to its end, which is counted once.
pub(super) fn serve(shared: &Arc<Shared>, socket: TcpStream, peer: SocketAddr) {
    let Ok(wire) = Wire::new(socket) else {
        return shared.counters.count(Event::Network);
    };
    match greet(shared, &wire) {
        Ok((hello, slots)) => session(shared, wire, peer, &hello, slots),
        Err(end) => {
            ended(shared, peer, &end);
            if let End::Refused(refusal) = &end {
                let _ = send(&wire, &FromWorker::Refused((**refusal).clone()));
            }
        }
    }
}

/// Counts an end, and says what this side did not like.
fn ended(shared: &Shared, peer: SocketAddr, end: &End) {
    shared.counters.count(end.event());
    if let End::Refused(refusal) = end {
        eprintln!("gpu-worker: {peer} is hung up on: {}", Event::from(&**refusal).name());
    }
}

/// Takes the hello, and slots for the session.
fn greet(shared: &Shared, wire: &Wire) -> Result<(Hello, Vec<Slot>), End> {
    let hello = match receive(shared, wire, &mut Patience::new())? {
        ToWorker::Hello(hello) if hello.version != VERSION => {
            return Err(Refusal::Version(VERSION).into());
        }
        ToWorker::Hello(hello) if hello.identity != shared.interface.identity => {
            return Err(Refusal::Model(shared.interface.identity.clone()).into());
        }
        ToWorker::Hello(hello) if hello.epoch != 0 => hello,
        _ => return Err(Refusal::BadMessage.into()),
    };
    let wanted = hello.credits.clamp(1, MAX_CREDITS) as usize;
    let slots: Vec<Slot> = std::iter::from_fn(|| shared.pool.take()).take(wanted).collect();
    if slots.is_empty() {
        return Err(Refusal::NoSlots.into());
    }
    Ok((hello, slots))
}

/// The session: a second thread writes while this one reads.
fn session(shared: &Arc<Shared>, wire: Wire, peer: SocketAddr, hello: &Hello, slots: Vec<Slot>) {
    let granted = slots.len();
    let connection = Arc::new(Connection {
        wire,
        theirs: hello.epoch,
        mine: fresh_epoch(),
        free: ArrayQueue::new(granted),
        finished: ArrayQueue::new(granted),
        granted: granted as u32,
        jobs: AtomicU32::new(0),
        writer: OnceLock::new(),
        over: AtomicBool::new(false),
        ending: OnceLock::new(),
    });
    for slot in slots {
        let _ = connection.free.push(slot);
    }
    if let Err(error) = connection.greet(shared) {
        return ended(shared, peer, &End::Wire(error));
    }
    let own = connection.clone();
    let heads = shared.clone();
    let writer = std::thread::Builder::new().name("worker-write".into()).spawn(move || {
        let written = own.write(&heads);
        own.over.store(true, Ordering::Release);
        // The reader sees the end.
        own.wire.close();
        // Heads that could not be sent are nobody's.
        while own.finished.pop().is_some() {}
        written
    });
    let Ok(writer) = writer else { return ended(shared, peer, &Refusal::NoSlots.into()) };
    let _ = connection.writer.set(writer.thread().clone());
    shared.counters.count(Event::Session);
    let end = connection.read(shared);
    let refusal = match &end {
        End::Refused(refusal) => {
            ended(shared, peer, &end);
            Some((**refusal).clone())
        }
        End::Wire(_) => {
            connection.over.store(true, Ordering::Release);
            None
        }
    };
    let _ = connection.ending.set(refusal);
    writer.thread().unpark();
    match (writer.join(), end) {
        (_, End::Refused(_)) => {}
        // What stopped the writer came first; the reader only saw the connection end.
        (Ok(Err(error)), End::Wire(WireError::Closed)) => ended(shared, peer, &End::Wire(error)),
        (_, end) => ended(shared, peer, &end),
    }
}

impl Connection {
    /// Nobody waits for the jobs of this session any more.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// A job ended: its heads go out, or its slot back.
    pub(super) fn finished(&self, job: Finished) {
        if !self.is_over() {
            let refused = self.finished.push(job).is_err();
            debug_assert!(!refused, "more jobs than slots");
        }
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    /// Answers the hello, before anything else is sent.
    fn greet(&self, shared: &Shared) -> Result<(), WireError> {
        let hello = Hello {
            version: VERSION,
            epoch: self.mine,
            credits: self.granted,
            identity: shared.interface.identity.clone(),
        };
        send(&self.wire, &FromWorker::Hello(hello))?;
        send(&self.wire, &FromWorker::Engine(shared.runs_on.clone()))
    }

    /// Takes jobs in until the connection ends.
    fn read(self: &Arc<Self>, shared: &Shared) -> End {
        let (mut patience, mut next) = (Patience::new(), 1u32);
        loop {
            match self.read_one(shared, &mut patience, next) {
                Ok(true) => next = next.wrapping_add(1),
                Ok(false) => {}
                Err(end) => return end,
            }
        }
    }

    /// Takes one message; whether it was a job.
    fn read_one(
        self: &Arc<Self>,
        shared: &Shared,
        patience: &mut Patience,
        next: u32,
    ) -> Result<bool, End> {
        let refuse = |refusal: Refusal| Err(refusal.into());
        match receive(shared, &self.wire, patience)? {
            ToWorker::Heartbeat { epoch } if epoch == self.mine => Ok(false),
            ToWorker::Submit { epoch, id, left_ns, bytes, crc } if epoch == self.mine => {
                let left = Duration::from_nanos(left_ns).min(LONGEST);
                let deadline = Instant::now() + left;
                let need = shared.interface.identity.tensor_bytes;
                if id != next {
                    return refuse(Refusal::OutOfOrder);
                }
                if bytes != need {
                    return refuse(Refusal::Size { have: bytes, need });
                }
                let Some(mut slot) = self.free.pop() else { return refuse(Refusal::NoCredit) };
                fill(shared, &self.wire, slot.tensor.bytes_mut(), patience)?;
                if crc32fast::hash(slot.tensor.bytes()) != crc {
                    return refuse(Refusal::Damaged);
                }
                self.jobs.fetch_add(1, Ordering::AcqRel);
                shared.runner.submit(Job { id, deadline, slot, client: self.clone() });
                Ok(true)
            }
            ToWorker::Heartbeat { .. } | ToWorker::Submit { .. } => refuse(Refusal::StaleEpoch),
            ToWorker::Hello(_) => refuse(Refusal::BadMessage),
        }
    }

    /// Sends what ended, and beats, until the connection is over.
    fn write(&self, shared: &Shared) -> Result<(), WireError> {
        let mut total = self.granted;
        let (mut sent, mut end_by) = (Instant::now(), None);
        loop {
            while let Some(job) = self.finished.pop() {
                self.answer(shared, &job)?;
                let _ = self.free.push(job.slot);
                self.jobs.fetch_sub(1, Ordering::AcqRel);
                total = total.wrapping_add(1);
                send(&self.wire, &FromWorker::Credit { epoch: self.theirs, total })?;
                sent = Instant::now();
            }
            if self.is_over() {
                return Ok(());
            }
            let now = Instant::now();
            if let Some(refusal) = self.ending.get() {
                let end_by = *end_by.get_or_insert(now + LINGER);
                if self.jobs.load(Ordering::Acquire) == 0 || now >= end_by {
                    let refusal = refusal.clone().map(FromWorker::Refused);
                    return refusal.map_or(Ok(()), |refusal| send(&self.wire, &refusal));
                }
            }
            if now.duration_since(sent) >= BEAT {
                send(&self.wire, &FromWorker::Heartbeat { epoch: self.theirs, total })?;
                sent = now;
            }
            std::thread::park_timeout(BEAT.saturating_sub(now.duration_since(sent)));
        }
    }

    /// Sends how a job ended, heads straight from their slot.
    fn answer(&self, shared: &Shared, job: &Finished) -> Result<(), WireError> {
        let heads = job.slot.heads.bytes();
        let ranges = match job.status {
            Status::Ok => shared.interface.heads.as_slice(),
            Status::Expired | Status::Failed(_) => &[],
        };
        let mut hasher = crc32fast::Hasher::new();
        ranges.iter().for_each(|range| hasher.update(&heads[range.clone()]));
        let done = FromWorker::Done {
            epoch: self.theirs,
            id: job.id,
            status: job.status.clone(),
            engine_ns: job.engine_ns,
            bytes: ranges.iter().map(|range| range.len() as u32).sum(),
            crc: hasher.finalize(),
        };
        let mut entry = [0; ENTRY_BYTES];
        encode(&done, &mut entry);
        let mut parts = [IoSlice::new(&[]); 1 + MAX_HEADS];
        parts[0] = IoSlice::new(&entry);
        for (part, range) in parts[1..].iter_mut().zip(ranges) {
            *part = IoSlice::new(&heads[range.clone()]);
        }
        self.wire.write(&mut parts[..=ranges.len()], None)
    }
}

fn send(wire: &Wire, message: &FromWorker) -> Result<(), WireError> {
    let mut entry = [0; ENTRY_BYTES];
    encode(message, &mut entry);
    wire.write(&mut [IoSlice::new(&entry)], None)
}

/// The next message, or why there is none.
fn receive(shared: &Shared, wire: &Wire, patience: &mut Patience) -> Result<ToWorker, End> {
    let mut entry = [0; ENTRY_BYTES];
    fill(shared, wire, &mut entry, patience)?;
    decode(&entry).map_err(|_| Refusal::BadMessage.into())
}

/// Fills a buffer from the connection, unless the worker is told to stop meanwhile.
fn fill(shared: &Shared, wire: &Wire, into: &mut [u8], patience: &mut Patience) -> Result<(), End> {
    let stop = |_: &Wire| match shared.stop.load(Ordering::Acquire) {
        true => Err(WireError::Late),
        false => Ok(()),
    };
    let mut have = 0;
    while have < into.len() {
        have += match stop(wire).and_then(|()| wire.read(&mut into[have..], None, patience, stop)) {
            Ok(bytes) => bytes,
            // There is no other limit here.
            Err(WireError::Late) => return Err(Refusal::Stopping.into()),
            Err(error) => return Err(End::Wire(error)),
        };
    }
    Ok(())
}
