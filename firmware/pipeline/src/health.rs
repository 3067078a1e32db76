//! Beats while every lane makes progress, and is silent otherwise: the agent draws the conclusion.

use tandem_link::message::Nanos;

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

/// The beat.
pub struct Health {
    /// When to look at the lanes.
    pub next: Nanos,
    beat: u32,
    seen: [u32; 2],
}

impl Health {
    /// Looks at once.
    pub fn new(now: Nanos) -> Self {
        Self { next: now, beat: 0, seen: [0; 2] }
    }

    /// Looks, and beats if all is well.
    #[inline(never)]
    pub fn turn<P: Platform>(&mut self, context: &Context<'_, P>, now: Nanos) {
        let [pre, post] = &mut self.seen;
        if [moves(context.pre, pre, now), moves(context.post, post, now)] == [true; 2] {
            self.beat = self.beat.wrapping_add(1);
            context.link.borrow_mut().heartbeat(now);
            context.gate.borrow().heartbeat(self.beat);
            context.platform.healthy();
        }
        context.gate.borrow_mut().synchronise(false, || context.platform.now());
        self.next = now.saturating_add(context.config.heartbeat_period);
    }
}
