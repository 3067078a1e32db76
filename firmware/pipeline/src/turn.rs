//! One session, turn by turn: who is looked at when.

use core::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{self, Poll},
};

use tandem_drivers::kernel::{Post, Pre};
use tandem_link::message::Nanos;

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
    let mut pre = pin!(lane::run(context, context.pre, pre));
    let mut post = pin!(lane::run(context, context.post, post));
    let mut times = Times { full: 0, due: 0, health: Health::new(context.platform.now()) };
    poll_fn(|cx| turn(context, pre.as_mut(), post.as_mut(), &mut times, cx)).await;
}

/// When what is looked at.
struct Times {
    /// Everything, a poll period after it was last looked at.
    full: Nanos,
    /// The next full turn: everything is to be looked at, or the beat is due, which says that both lanes
    /// were.
    due: Nanos,
    health: Health,
}

/// One turn.
// By itself: inside the future its every variable would be spilled.
#[inline(never)]
fn turn<P: Platform>(
    context: &Context<'_, P>,
    pre: Pin<&mut impl Future<Output = ()>>,
    post: Pin<&mut impl Future<Output = ()>>,
    times: &mut Times,
    cx: &mut task::Context<'_>,
) -> Poll<()> {
    let platform = context.platform;
    // The first turn comes right after the boot, which took its time since the core woke.
    let woken = if times.due == 0 { platform.look() } else { platform.woken() };
    let Woken { now, lines, rung } = woken;
    context.now.set(now);
    context.lines.set(lines);
    let full = now >= times.due;
    // The link first: what it receives is seen by the lanes in the same turn.
    if full || rung {
        link::turn(context);
        if context.broken.get() {
            return Poll::Ready(());
        }
    }
    // A lane never ends.
    if full || context.pre.stirs.get() {
        let _ = pre.poll(cx);
    }
    if full || context.post.stirs.get() {
        let _ = post.poll(cx);
    }
    if full || lines & irq::GATE != 0 {
        gate::turn(context);
    }
    if full {
        times.full = now + context.config.poll_period;
        if now >= times.health.next {
            times.health.turn(context, now);
        }
        times.due = times.full.min(times.health.next);
    }
    platform.wake_at(times.due);
    Poll::Pending
}
