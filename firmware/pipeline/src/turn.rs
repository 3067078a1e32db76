//! One session, turn by turn: who is looked at when.

use core::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use tandem_drivers::kernel::{Post, Pre};

use crate::{
    context::Context,
    gate,
    health::Health,
    lane::{self, Unit},
    link,
    platform::{Platform, Woken, irq},
};

/// Ends when the session is over.
///
/// A *full* turn looks at everything; one comes every poll period, so whatever announced itself by
/// nothing is found then. Other turns leave out what has announced nothing: the link without a
/// doorbell, a lane without a job, the gate without its line. A lane that has a job is looked at in
/// each turn, for its times are its own.
pub async fn session<P: Platform>(
    context: &Context<'_, P>,
    pre: &mut Unit<'_, &P::Bus, Pre>,
    post: &mut Unit<'_, &P::Bus, Post>,
) {
    let platform = context.platform;
    let mut pre = pin!(lane::run(context, context.pre, pre));
    let mut post = pin!(lane::run(context, context.post, post));
    let mut health = Health::new(platform.now());
    let mut full_at = 0;
    // The next full turn: when everything is to be looked at, or the beat is due, which says that both lanes
    // were looked at.
    let mut due = 0;
    poll_fn(|cx| {
        let Woken { now, lines, rung } = context.turn();
        let full = now >= due;
        if full {
            full_at = now.saturating_add(context.config.poll_period);
        }
        // The link first: what it receives is seen by the lanes in the same turn.
        if full || rung {
            link::turn(context);
            if context.broken.get() {
                return Poll::Ready(());
            }
        }
        // A lane never ends.
        if full || context.pre.stirs.get() {
            let _ = pre.as_mut().poll(cx);
        }
        if full || context.post.stirs.get() {
            let _ = post.as_mut().poll(cx);
        }
        if full || lines & irq::GATE != 0 {
            gate::turn(context);
        }
        if full {
            if now >= health.next {
                health.turn(context, now);
            }
            due = full_at.min(health.next);
        }
        platform.wake_at(due);
        Poll::Pending
    })
    .await;
}
