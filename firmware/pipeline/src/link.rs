//! Takes messages from the agent and hands them out.

use tandem_link::{
    LinkError,
    job::{Incoming, JobHead},
    message::{Event, FromPeer, JobId, JobStatus, Lane, Nanos, SlotRef, Stamps, ToPeer},
    peer::Received,
    ring,
};

use crate::{
    context::{Context, LaneShare},
    gate,
    kind::LaneKind,
    known::{Known, Member},
    outbox::RECEIVE_LIMIT,
    platform::Platform,
};

/// Sends what waits, and takes what has come. [`Context::broken`] afterwards: the session is over.
#[inline(always)]
pub fn turn<P: Platform>(context: &Context<'_, P>) {
    context.flush();
    receive(context);
}

/// What became of an entry of the ring.
enum Taken {
    /// A job, which waits now.
    Queued,
    /// A job that cannot wait: more jobs than slots, so the agent names slots that it did not grant.
    Refused(Ended),
    /// Something else, if it decodes.
    Other(Result<ToPeer, LinkError>),
}

/// Everything that waits in the ring, unless too much waits in the other direction.
#[inline(never)]
fn receive<P: Platform>(context: &Context<'_, P>) {
    while !context.broken.get() && context.waiting() < RECEIVE_LIMIT {
        let mut link = context.link.borrow_mut();
        let recognise = |head: &JobHead, rest: &Incoming<'_, _>| match head.lane {
            Lane::Pre => context.pre.jobs.borrow_mut().known.recognise(rest),
            Lane::Post => context.post.jobs.borrow_mut().known.recognise(rest),
        };
        let taken = match link.receive_job(recognise) {
            None => {
                // The agent rings when it sends, not when it accepts an epoch.
                if !link.linked() {
                    context.wake_in(context.config.poll_period);
                }
                break;
            }
            Some(Ok(Received::Job(head, set))) => match head.lane {
                Lane::Pre => enqueue(context, context.pre, &head, Some(set), None),
                Lane::Post => enqueue(context, context.post, &head, Some(set), None),
            },
            Some(Ok(Received::Bytes(bytes))) => decoded(context, bytes),
            Some(Err(error)) => Taken::Other(Err(error)),
        };
        let more = link.has_more();
        drop(link);
        if !matches!(taken, Taken::Queued) {
            handle(context, taken);
        }
        if !more {
            break;
        }
    }
}

/// What is not a job that waits now.
#[inline(never)]
fn handle<P: Platform>(context: &Context<'_, P>, taken: Taken) {
    match taken {
        Taken::Queued => {}
        Taken::Refused(ended) => refuse(context, &ended, JobStatus::BadJob),
        Taken::Other(Ok(message)) => dispatch(context, message),
        Taken::Other(Err(LinkError::AgentRestarted)) => {
            defmt::info!("agent restarted");
            context.broken.set(true);
        }
        Taken::Other(Err(_)) => bad_message(context),
    }
}

/// A message that nobody has looked at. The parameters of a job are remembered, if they can be.
#[inline(never)]
fn decoded<P: Platform>(context: &Context<'_, P>, bytes: &[u8]) -> Taken {
    let Some((head, params)) = JobHead::split(bytes) else {
        return Taken::Other(ring::decode(bytes));
    };
    match head.lane {
        Lane::Pre => decoded_job(context, context.pre, &head, params),
        Lane::Post => decoded_job(context, context.post, &head, params),
    }
}

fn decoded_job<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    lane: &LaneShare<K>,
    head: &JobHead,
    bytes: &[u8],
) -> Taken {
    let decoded = unknown::<K>(&mut lane.jobs.borrow_mut().known, bytes);
    match decoded {
        Ok((set, params)) => enqueue(context, lane, head, set, Some(params)),
        Err(error) => Taken::Other(Err(error)),
    }
}

fn bad_message<P: Platform>(context: &Context<'_, P>) {
    defmt::warn!("message does not decode");
    context.tell(FromPeer::Event(Event::BadMessage));
}

fn dispatch<P: Platform>(context: &Context<'_, P>, message: ToPeer) {
    match message {
        // Every job has a head, and was queued by it.
        ToPeer::Job { .. } => bad_message(context),
        ToPeer::CancelReject { tag, gate_epoch } => gate::cancel(context, tag, gate_epoch),
        ToPeer::ConfigureGate { delay, pulse } => gate::configure(context, delay, pulse),
        ToPeer::Ping { sequence } => context.tell(FromPeer::Pong { sequence }),
    }
}

/// Queues a job, with a set of parameters that is remembered, or with its own.
#[inline(always)]
fn enqueue<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    lane: &LaneShare<K>,
    head: &JobHead,
    set: Option<Member>,
    params: Option<K::Params>,
) -> Taken {
    let received = context.now.get();
    let jobs = &mut *lane.jobs.borrow_mut();
    let Some(job) = jobs.queue.push(head.deadline) else {
        return Taken::Refused(Ended::of(head, received));
    };
    if let Some(set) = set {
        jobs.known.hold(set);
    }
    job.fill(head, received, set);
    if let Some(params) = params {
        // Empty, as just made sure.
        let _ = job.params.push(params);
    }
    lane.stirs.set(true);
    Taken::Queued
}

/// Parameters that did not come before, or not lately: decoded, and remembered if they can be.
#[inline(never)]
fn unknown<K: LaneKind>(
    known: &mut Known,
    bytes: &[u8],
) -> Result<(Option<Member>, K::Params), LinkError> {
    let params = ring::decode(bytes)?;
    // Those that do not hold together are the lane's to refuse.
    let needs = K::needs(&params).ok();
    let words = needs.map(|(input, output)| [input, output].map(u32::try_from));
    let set = match words {
        Some([Ok(input), Ok(output)]) => known.learn(bytes, [input, output]),
        _ => None,
    };
    Ok((set, params))
}

/// What an answer needs of its job.
#[derive(Clone, Copy)]
pub struct Ended {
    /// The job.
    pub id: JobId,
    /// Its slots.
    pub slots: [SlotRef; 2],
    /// When it was taken from the ring.
    pub received: Nanos,
}

impl Ended {
    const NO_SLOT: SlotRef = SlotRef { index: 0, generation: 0 };
    /// Of no job.
    pub const NONE: Self = Self { id: 0, slots: [Self::NO_SLOT; 2], received: 0 };

    /// Of the job with this head.
    #[inline(always)]
    pub fn of(head: &JobHead, received: Nanos) -> Self {
        Self { id: head.id, slots: [head.input, head.output], received }
    }
}

/// Gives back the slots of a job that was not begun, and tells why.
#[inline(never)]
pub fn refuse<P: Platform>(context: &Context<'_, P>, ended: &Ended, status: JobStatus) {
    let now = context.clock();
    answer(context, ended, status, [now, now], 0);
}

/// Gives the job's slots back and tells how it ended, and when it was `[started, finished]`. Nothing touches
/// the slots any more.
#[inline(always)]
pub fn answer<P: Platform>(
    context: &Context<'_, P>,
    ended: &Ended,
    status: JobStatus,
    [started, finished]: [Nanos; 2],
    written: u32,
) {
    let Ended { id, slots: [input, output], received } = *ended;
    let stamps = Stamps { received, started, finished };
    let mut link = context.link.borrow_mut();
    // A slot that was not granted cannot be returned: that is what the status says, then.
    let _ = link.release(input);
    let _ = link.release(output);
    let sent = context.waiting() == 0 && link.send_done(id, status, &stamps, written).is_ok();
    drop(link);
    if sent {
        context.platform.ring_agent();
    } else {
        context.tell(FromPeer::Done { id, status, stamps, written });
    }
}
