//! The gate: triggers out, cancels in. The gate itself keeps the time; being late here costs a
//! good part its passage and lets no bad one through.

use core::{future::poll_fn, task::Poll};

use tandem_drivers::kernel::Cancel;
use tandem_link::message::{FromPeer, Nanos};

use crate::{
    context::Context,
    outbox::GATE_LIMIT,
    platform::{Platform, irq},
};

/// Forwards triggers; never ends. A trigger whose interrupt was lost is found by the timed poll.
pub async fn run<P: Platform>(context: &Context<'_, P>) {
    let mut next = 0;
    poll_fn(|_| {
        let now = context.platform.now();
        if context.platform.irq_lines() & irq::GATE != 0 || now >= next {
            forward(context);
            next = now.saturating_add(context.config.poll_period);
        }
        context.platform.wake_at(next);
        Poll::<()>::Pending
    })
    .await;
}

fn forward<P: Platform>(context: &Context<'_, P>) {
    while context.outbox.borrow().len() < GATE_LIMIT {
        let mut gate = context.gate.borrow_mut();
        let Some(trigger) = gate.next_trigger() else { break };
        let gate_epoch = gate.epoch();
        drop(gate);
        // The gate has forgotten a trigger that nobody fetched for too long: its part was rejected.
        if trigger.due != 0 {
            let (tag, at, due) = (trigger.tag, trigger.at, trigger.due);
            context.tell(FromPeer::Triggered { tag, gate_epoch, at, due });
        }
    }
}

/// Takes back a reject. The gate counts the outcome; a part without a cancel in time is rejected.
pub fn cancel<P: Platform>(context: &Context<'_, P>, tag: u32, gate_epoch: u32) {
    match context.gate.borrow_mut().cancel(tag, gate_epoch) {
        Cancel::Cancelled | Cancel::TooLate => {}
        Cancel::WrongEpoch => defmt::warn!("cancel of tag {=u32}: another epoch", tag),
        Cancel::UnknownTag => defmt::warn!("cancel of tag {=u32}: not pending", tag),
        Cancel::NotExecuted => defmt::error!("cancel of tag {=u32}: gate did not answer", tag),
    }
}

/// Sets delay and pulse for triggers from now on.
pub fn configure<P: Platform>(context: &Context<'_, P>, delay: Nanos, pulse: Nanos) {
    context.gate.borrow().configure(delay, pulse);
    defmt::info!("gate: delay {=u64} ns, pulse {=u64} ns", delay, pulse);
}
