//! Takes messages from the agent and hands them out.

use tandem_link::{
    LinkError,
    message::{Event, FromPeer, JobHead, JobId, JobStatus, Lane, Nanos, SlotRef, Stamps, ToPeer},
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
    // The agent rings when it sends, not when it accepts an epoch.
    if !context.broken.get() && !context.link.borrow_mut().linked() {
        context.wake_in(context.config.poll_period);
    }
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
fn receive<P: Platform>(context: &Context<'_, P>) {
    while !context.broken.get() && context.outbox.borrow().len() < RECEIVE_LIMIT {
        let mut link = context.link.borrow_mut();
        let taken = match link.receive_bytes() {
            None => break,
            Some(Err(error)) => Taken::Other(Err(error)),
            Some(Ok(bytes)) => match JobHead::split(bytes) {
                None => Taken::Other(ring::decode(bytes)),
                Some((head, params)) => match head.lane {
                    Lane::Pre => enqueue(context, context.pre, &head, params),
                    Lane::Post => enqueue(context, context.post, &head, params),
                },
            },
        };
        let more = link.has_more();
        drop(link);
        match taken {
            Taken::Queued => {}
            Taken::Refused(ended) => answer(context, &ended, JobStatus::BadJob, None, 0),
            Taken::Other(Ok(message)) => dispatch(context, message),
            Taken::Other(Err(LinkError::AgentRestarted)) => {
                defmt::info!("agent restarted");
                context.broken.set(true);
            }
            Taken::Other(Err(_)) => bad_message(context),
        }
        if !more {
            break;
        }
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

/// Queues a job by its head and the bytes of its parameters. Those that came before are not decoded.
fn enqueue<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    lane: &LaneShare<K>,
    head: &JobHead,
    bytes: &[u8],
) -> Taken {
    let mut known = lane.known.borrow_mut();
    let received = context.platform.now();
    let refused = || {
        let JobHead { id, input, output, .. } = *head;
        Taken::Refused(Ended { id, slots: [input, output], received })
    };
    if let Some(set) = known.find(bytes) {
        let mut queue = lane.queue.borrow_mut();
        let Some(job) = queue.push(head.deadline) else { return refused() };
        known.hold(set);
        job.fill(head, received);
        lane.waits.set(true);
        job.set = Some(set);
        job.params.clear();
        return Taken::Queued;
    }
    let (set, params) = match unknown::<K>(&mut known, bytes) {
        Ok(decoded) => decoded,
        Err(error) => return Taken::Other(Err(error)),
    };
    let mut queue = lane.queue.borrow_mut();
    let Some(job) = queue.push(head.deadline) else { return refused() };
    if let Some(set) = set {
        known.hold(set);
    }
    job.fill(head, received);
    lane.waits.set(true);
    job.set = set;
    job.params.clear();
    // Empty, as just made sure.
    let _ = job.params.push(params);
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
pub struct Ended {
    /// The job.
    pub id: JobId,
    /// Its slots.
    pub slots: [SlotRef; 2],
    /// When it was taken from the ring.
    pub received: Nanos,
}

/// Gives the job's slots back and tells how it ended. Nothing touches the slots any more.
pub fn answer<P: Platform>(
    context: &Context<'_, P>,
    ended: &Ended,
    status: JobStatus,
    started: Option<Nanos>,
    written: u32,
) {
    let mut link = context.link.borrow_mut();
    for slot in ended.slots {
        // A slot that was not granted cannot be returned: that is what the status says, then.
        let _ = link.release(slot);
    }
    drop(link);
    let finished = context.platform.now();
    let started = started.unwrap_or(finished);
    let stamps = Stamps { received: ended.received, started, finished };
    context.tell(FromPeer::Done { id: ended.id, status, stamps, written });
}
