//! Takes messages from the agent and hands them out.

use core::{future::poll_fn, task::Poll};

use tandem_link::{
    LinkError,
    message::{Event, FromPeer, JobId, JobStatus, Nanos, SlotRef, Stamps, ToPeer, Work},
};

use crate::{
    context::{Context, LaneShare},
    gate,
    kind::{Job, LaneKind},
    outbox::RECEIVE_LIMIT,
    platform::Platform,
};

/// Ends when the session is over.
pub async fn run<P: Platform>(context: &Context<'_, P>) {
    poll_fn(|_| {
        context.flush();
        receive(context);
        if context.broken.get() {
            return Poll::Ready(());
        }
        // The agent rings when it sends, not when it accepts an epoch.
        if !context.link.borrow_mut().linked() {
            context.wake_in(context.config.poll_period);
        }
        Poll::Pending
    })
    .await;
}

/// Everything that waits in the ring, unless too much waits in the other direction.
fn receive<P: Platform>(context: &Context<'_, P>) {
    while !context.broken.get() && context.outbox.borrow().len() < RECEIVE_LIMIT {
        let message = context.link.borrow_mut().receive();
        match message {
            None => break,
            Some(Ok(message)) => dispatch(context, message),
            Some(Err(LinkError::AgentRestarted)) => {
                defmt::info!("agent restarted");
                context.broken.set(true);
            }
            Some(Err(_)) => {
                defmt::warn!("message does not decode");
                context.tell(FromPeer::Event(Event::BadMessage));
            }
        }
    }
}

fn dispatch<P: Platform>(context: &Context<'_, P>, message: ToPeer) {
    match message {
        ToPeer::Job { id, deadline, work } => {
            let received = context.platform.now();
            match work {
                Work::Pre(job) => {
                    let (input, output, params) = (job.frame, job.tensor, job.params);
                    let job = Job { id, deadline, received, input, output, params };
                    enqueue(context, &context.pre, job);
                }
                Work::Post(job) => {
                    let (input, output, params) = (job.heads, job.result, job.params);
                    let job = Job { id, deadline, received, input, output, params };
                    enqueue(context, &context.post, job);
                }
            }
        }
        ToPeer::CancelReject { tag, gate_epoch } => gate::cancel(context, tag, gate_epoch),
        ToPeer::ConfigureGate { delay, pulse } => gate::configure(context, delay, pulse),
        ToPeer::Ping { sequence } => context.tell(FromPeer::Pong { sequence }),
    }
}

fn enqueue<P: Platform, K: LaneKind>(context: &Context<'_, P>, lane: &LaneShare<K>, job: Job<K>) {
    let refused = lane.queue.borrow_mut().push(job.deadline, job).err();
    // More jobs than slots: the agent names slots that it did not grant.
    if let Some(job) = refused {
        let ended = Ended { id: job.id, slots: [job.input, job.output], received: job.received };
        answer(context, &ended, JobStatus::BadJob, None, 0);
    }
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
    for slot in ended.slots {
        // A slot that was not granted cannot be returned: that is what the status says, then.
        let _ = context.link.borrow_mut().release(slot);
    }
    let finished = context.platform.now();
    let started = started.unwrap_or(finished);
    let stamps = Stamps { received: ended.received, started, finished };
    context.tell(FromPeer::Done { id: ended.id, status, stamps, written });
}
