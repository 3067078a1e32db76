//! After a failure: what may be damaged beyond the job, and hardware that works again.

use tandem_drivers::dma::{Astray, Chain, engine};
use tandem_link::message::{Event, FromPeer, JobId, SlotRef};

use crate::{
    context::{Context, LaneShare, until},
    kind::LaneKind,
    lane::{RESET_TIME, SHORT, Unit},
    platform::Platform,
};

/// Tells the agent if data may have gone anywhere, before it hears how the job ended.
pub fn tell_astray<P: Platform>(
    context: &Context<'_, P>,
    id: JobId,
    input: SlotRef,
    job: engine::Job<&Chain>,
    bytes: u32,
) {
    let Ok(input) = context.link.borrow().slot(input) else { return };
    let own = input.addr..input.addr.saturating_add(bytes);
    let chains = [job.output, job.input];
    let bus = context.platform.bus();
    if let Some(Astray { own }) = chains.iter().find_map(|chain| chain.astray(&bus, &own)) {
        context.tell(FromPeer::Event(Event::Astray { id, own }));
    }
}

/// Resets kernel and DMA. While that does not succeed the lane stands, its slots stay with the
/// hardware, and the heartbeat stops: only a restart of the core helps then.
pub async fn recover<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    share: &LaneShare<K>,
    unit: &mut Unit<'_, &P::Bus, K>,
) {
    share.busy_until.set(context.clock().saturating_add(RESET_TIME));
    unit.inputs.forget();
    unit.outputs.forget();
    loop {
        // The kernel first: the DMA's reset waits for transfers that a stream may hold up.
        let held = unit.kernel.hold_reset();
        unit.dma.begin_reset();
        let end = context.clock().saturating_add(RESET_TIME);
        let dma = &unit.dma;
        let reset = until(context.platform, end, || {
            if dma.reset_done() {
                return Some(());
            }
            share.turn();
            context.wake_in(SHORT);
            None
        });
        if reset.await.is_some() && held.is_ok() {
            break;
        }
        defmt::error!("{=str}: reset does not end", K::NAME);
    }
    unit.kernel.release_reset(false);
    unit.number = 0;
}
