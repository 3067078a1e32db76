//! Beats while every lane makes progress, and is silent otherwise: the agent draws the conclusion.

use core::{future::poll_fn, task::Poll};

use crate::{
    context::{Context, LaneShare},
    kind::LaneKind,
    platform::Platform,
};

/// The lane was polled since the last look, and its job, if any, is within its time.
fn moves<K: LaneKind>(lane: &LaneShare<K>, seen: &mut u32, now: u64) -> bool {
    let turns = lane.turns.get();
    let polled = turns != *seen;
    *seen = turns;
    polled && now <= lane.busy_until.get()
}

/// Never ends.
pub async fn run<P: Platform>(context: &Context<'_, P>) {
    let (mut next, mut beat) = (context.platform.now(), 0u32);
    let mut seen = [0; 2];
    poll_fn(|_| {
        let now = context.platform.now();
        if now >= next {
            let alive =
                [moves(&context.pre, &mut seen[0], now), moves(&context.post, &mut seen[1], now)];
            if alive == [true; 2] {
                beat = beat.wrapping_add(1);
                context.link.borrow_mut().heartbeat(now);
                context.gate.borrow().heartbeat(beat);
                context.platform.healthy();
            }
            context.gate.borrow_mut().synchronise(false, || context.platform.now());
            next = now.saturating_add(context.config.heartbeat_period);
        }
        context.platform.wake_at(next);
        Poll::<()>::Pending
    })
    .await;
}
