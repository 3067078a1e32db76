//! From the hardware to the job's end.

use core::task::Poll;

use tandem_drivers::{
    bus::Bus,
    dma::{Chain, DmaError, Progress, Verify, engine},
    kernel::{Kernel, Outcome},
};
use tandem_link::message::{Event, FromPeer, Nanos};

use super::{Current, SHORT, Unit};
use crate::{context::Context, kind::LaneKind, platform::Platform, verdict::Failure};

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
    let (platform, now, lines) = (context.platform, context.now.get(), context.lines.get());
    if unit.job.moved.is_none() && lines & K::LINES == 0 && now < unit.job.look {
        platform.wake_at(unit.job.look);
        return Poll::Pending;
    }
    let Unit { dma, kernel, inputs, outputs, job, number, .. } = unit;
    let [input, output] = job.places;
    let chains = engine::Job { input: inputs.chain(input), output: outputs.chain(output) };
    let announced = match job.moved {
        Some(announced) => announced,
        None => match dma.poll(&chains) {
            Err(fault) => return Poll::Ready(Err(Failure::Dma(fault.error))),
            Ok(Progress::Running) => return still_moving(context, kernel, *number, job),
            Ok(Progress::Ended) => {
                // The line is level and nothing has acknowledged it: raised and low means lost.
                // A line that was low when this turn began may have risen since.
                let high = |lines: u32| lines & K::END != 0;
                let raised = || dma.s2mm().status().complete();
                high(lines) || !raised() || high(platform.irq_lines())
            }
        },
    };
    job.moved = Some(announced);
    if kernel.done() != *number {
        return still_computing(context, job);
    }
    let outcome = kernel.outcome();
    kernel.acknowledge(*number);
    let moved = match dma.finish(&chains) {
        Ok(moved) => moved,
        Err(fault) => return Poll::Ready(Err(Failure::Dma(fault.error))),
    };
    if outcome != Outcome::Ok {
        return Poll::Ready(Err(Failure::Kernel(outcome)));
    }
    if context.config.verify_all
        && let Err(error) = verify(&platform.bus(), [chains.input, chains.output])
    {
        return Poll::Ready(Err(Failure::Dma(error)));
    }
    // Only of a job that went well can it be said that its interrupt was lost: packets that never
    // came are not counted, and then the DMA has nothing to announce.
    if !announced {
        lost::<P, K>(context);
    }
    Poll::Ready(Ok(moved.written))
}

/// Every word of both chains.
#[inline(never)]
fn verify<B: Bus>(bus: &B, chains: [&Chain; 2]) -> Result<(), DmaError> {
    chains.iter().try_for_each(|chain| chain.verify(bus, Verify::All))
}

/// The interrupt of a good job was lost.
#[inline(never)]
fn lost<P: Platform, K: LaneKind>(context: &Context<'_, P>) {
    defmt::warn!("{=str}: lost interrupt", K::NAME);
    context.tell(FromPeer::Event(Event::LostInterrupt(K::LANE)));
}

/// Everything has moved, and the kernel does not say that it has ended.
#[inline(never)]
fn still_computing<P: Platform>(
    context: &Context<'_, P>,
    job: &Current,
) -> Poll<Result<u32, Failure>> {
    let platform = context.platform;
    if platform.now() >= job.limit {
        return Poll::Ready(Err(job.timeout()));
    }
    context.wake_in(SHORT);
    platform.wake_at(job.limit);
    Poll::Pending
}

/// The channels have not ended.
#[inline(never)]
fn still_moving<P: Platform, B: Bus, K: LaneKind>(
    context: &Context<'_, P>,
    kernel: &Kernel<B, K>,
    number: u32,
    job: &mut Current,
) -> Poll<Result<u32, Failure>> {
    let (now, period) = (context.now.get(), context.config.poll_period);
    if kernel.started() != number {
        return Poll::Ready(Err(Failure::Hung));
    }
    if let Some(failure) = stalled(kernel, number, &mut job.kernel_ended, now, period) {
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
