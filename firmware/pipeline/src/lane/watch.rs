//! From the hardware to the job's end.

use core::task::Poll;

use tandem_drivers::{
    bus::Bus,
    dma::{Progress, Verify, engine},
    kernel::{Kernel, Outcome},
};
use tandem_link::message::{Event, FromPeer, Nanos};

use super::{Current, SHORT, Unit};
use crate::{
    context::Context,
    kind::LaneKind,
    platform::Platform,
    verdict::Failure,
};

impl Current {
    /// What it means that the limit was reached.
    fn timeout(&self) -> Failure {
        if self.by_deadline { Failure::Deadline } else { Failure::Hung }
    }
}

/// Looks whether the job has ended, and then checks it. Bytes written, if all is well.
#[inline(always)]
pub fn watch<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    unit: &mut Unit<'_, &P::Bus, K>,
) -> Poll<Result<u32, Failure>> {
    let announced = match unit.job.moved {
        Some(announced) => announced,
        None => match moved(context, unit) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(failure)) => return Poll::Ready(Err(failure)),
            Poll::Ready(Ok(announced)) => announced,
        },
    };
    unit.job.moved = Some(announced);
    if unit.kernel.done() != unit.number {
        return still_computing(context, unit);
    }
    let outcome = unit.kernel.outcome();
    unit.kernel.acknowledge(unit.number);
    let chains = unit.chains();
    let moved = match unit.dma.finish(&chains) {
        Ok(moved) => moved,
        Err(fault) => return Poll::Ready(Err(Failure::Dma(fault.error))),
    };
    if outcome != Outcome::Ok {
        return Poll::Ready(Err(Failure::Kernel(outcome)));
    }
    if context.config.verify_all {
        let bus = context.platform.bus();
        let engine::Job { input, output } = chains;
        for chain in [input, output] {
            if let Err(error) = chain.verify(&bus, Verify::All) {
                return Poll::Ready(Err(Failure::Dma(error)));
            }
        }
    }
    // Only of a job that went well can it be said that its interrupt was lost: packets that never
    // came are not counted, and then the DMA has nothing to announce.
    if !announced {
        defmt::warn!("{=str}: lost interrupt", K::NAME);
        context.tell(FromPeer::Event(Event::LostInterrupt(K::LANE)));
    }
    Poll::Ready(Ok(moved.written))
}

/// Everything has moved, and the kernel does not say that it has ended.
#[inline(never)]
fn still_computing<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    unit: &Unit<'_, &P::Bus, K>,
) -> Poll<Result<u32, Failure>> {
    let platform = context.platform;
    if platform.now() >= unit.job.limit {
        return Poll::Ready(Err(unit.job.timeout()));
    }
    context.wake_in(SHORT);
    platform.wake_at(unit.job.limit);
    Poll::Pending
}

/// Whether both channels have ended: true if the interrupt line said so; false if only the timed poll
/// found it.
#[inline(always)]
fn moved<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    unit: &mut Unit<'_, &P::Bus, K>,
) -> Poll<Result<bool, Failure>> {
    let (platform, now, lines) = (context.platform, context.now.get(), context.lines.get());
    if lines & K::LINES == 0 && now < unit.job.look {
        platform.wake_at(unit.job.look);
        return Poll::Pending;
    }
    let Unit { dma, inputs, outputs, job, .. } = unit;
    let [input, output] = job.places;
    let chains = engine::Job { input: inputs.chain(input), output: outputs.chain(output) };
    match dma.poll(&chains) {
        Err(fault) => Poll::Ready(Err(Failure::Dma(fault.error))),
        Ok(Progress::Ended) => {
            // The line is level and nothing has acknowledged it: raised and low means lost.
            // A line that was low when this turn began may have risen since.
            let high = |lines: u32| lines & K::END != 0;
            let raised = || dma.s2mm().status().complete();
            Poll::Ready(Ok(high(lines) || !raised() || high(platform.irq_lines())))
        }
        Ok(Progress::Running) => still_moving(context, unit),
    }
}

/// The channels have not ended.
#[inline(never)]
fn still_moving<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    unit: &mut Unit<'_, &P::Bus, K>,
) -> Poll<Result<bool, Failure>> {
    let (now, period) = (context.now.get(), context.config.poll_period);
    if unit.kernel.started() != unit.number {
        return Poll::Ready(Err(Failure::Hung));
    }
    let job = &mut unit.job;
    if let Some(failure) = stalled(&unit.kernel, unit.number, &mut job.kernel_ended, now, period) {
        return Poll::Ready(Err(failure));
    }
    if now >= job.limit {
        let kernel_ok = job.kernel_ended.is_some();
        return Poll::Ready(Err(if kernel_ok { Failure::NoEnd } else { job.timeout() }));
    }
    job.look = now.saturating_add(period).min(job.limit);
    context.platform.wake_at(job.look);
    Poll::Pending
}

/// The kernel has ended, and the DMA will not: it refused, or lost the packet's end.
fn stalled<B: Bus, K: LaneKind>(
    kernel: &Kernel<B, K>,
    number: u32,
    kernel_ended: &mut Option<Nanos>,
    now: Nanos,
    grace: Nanos,
) -> Option<Failure> {
    if kernel.done() != number {
        return None;
    }
    match kernel.outcome() {
        // What the kernel sent last may be under way to memory: it gets one period for that.
        Outcome::Ok if now.saturating_sub(*kernel_ended.get_or_insert(now)) < grace => None,
        Outcome::Ok => Some(Failure::NoEnd),
        other => Some(Failure::Kernel(other)),
    }
}
