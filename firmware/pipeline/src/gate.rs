//! The gate: triggers out, cancels in. The gate itself keeps the time; being late here costs a
//! good part its passage and lets no bad one through.

use tandem_drivers::kernel::Cancel;
use tandem_link::message::{Event, FromPeer, Nanos};

use crate::{context::Context, outbox::GATE_LIMIT, platform::Platform};

/// Forwards triggers. A trigger whose interrupt was lost is found by the next full turn.
#[inline(never)]
pub fn turn<P: Platform>(context: &Context<'_, P>) {
    revive(context);
    forward(context);
}

/// The epoch to begin in a gate that has none, in the firmware's `epoch`, after so many loads of the
/// logic: no other for a long time, and never 0.
pub fn gate_epoch(epoch: u32, loads: u8) -> u32 {
    (epoch << 8 | u32::from(loads)).max(1)
}

/// Looks whether the programmable logic was loaded anew under this session. Its gate has forgotten
/// epoch and settings then, and rejects everything until it has them again.
pub fn revive<P: Platform>(context: &Context<'_, P>) {
    let mut gate = context.gate.borrow_mut();
    if gate.epoch() != 0 {
        return;
    }
    let loads = context.logic_resets.get().wrapping_add(1);
    context.logic_resets.set(loads);
    gate.set_up(&context.config.gate_setup);
    gate.synchronise(true, || context.platform.now());
    gate.begin_epoch(gate_epoch(context.link.borrow().epoch(), loads), true);
    if let Some((delay, pulse)) = context.gate_settings.get() {
        gate.configure(delay, pulse);
    }
    drop(gate);
    defmt::warn!("programmable logic was loaded anew");
    context.tell(FromPeer::Event(Event::LogicReset));
}

fn forward<P: Platform>(context: &Context<'_, P>) {
    while context.waiting() < GATE_LIMIT {
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

/// Sets delay and pulse for triggers from now on. The delay is in the gate's unit.
pub fn configure<P: Platform>(context: &Context<'_, P>, delay: Nanos, pulse: Nanos) {
    context.gate_settings.set(Some((delay, pulse)));
    context.gate.borrow().configure(delay, pulse);
    defmt::info!("gate: delay {=u64}, pulse {=u64} ns", delay, pulse);
}
