//! One lane: takes jobs by deadline, runs them one at a time, recovers from every failure.

use core::{future::poll_fn, task::Poll};

use tandem_drivers::{
    bus::Bus,
    dma::{AxiDma, ChainCache, Limits, Progress, Verify, engine, polls},
    kernel::{Kernel, Outcome},
};
use tandem_link::{
    message::{Event, FromPeer, JobStatus, Nanos},
    peer::SlotView,
};

use crate::{
    context::{Context, LaneShare, until},
    gate,
    kind::{Job, LaneKind},
    link::{Ended, answer},
    platform::Platform,
    recover::{recover, tell_astray},
    verdict::{self, Failure},
};

/// Chains that a channel remembers.
pub const CHAINS: usize = 16;
/// Looks at a channel that is being started.
const START_POLLS: u32 = 1000;
/// A DMA that has not reset after this time holds the lane, and with it the heartbeat.
pub const RESET_TIME: Nanos = 10_000_000;
/// Time between looks at something that ends within microseconds.
pub const SHORT: Nanos = 20_000;

/// The hardware of a lane.
pub struct Unit<B, K> {
    pub dma: AxiDma<B>,
    pub kernel: Kernel<B, K>,
    pub limits: Limits,
    pub inputs: ChainCache<CHAINS>,
    pub outputs: ChainCache<CHAINS>,
    /// Number of the last job since the kernel's reset.
    pub number: u32,
    /// Least time that 1024 bytes of input have ever taken: no job is faster.
    pub fastest: Option<Nanos>,
}

/// A job that may touch the hardware.
pub struct Ready {
    pub chains: engine::Job,
    number: u32,
    pub bytes: u64,
}

/// A job on the hardware.
struct Running {
    started: Nanos,
    limit: Nanos,
    /// The limit is the job's deadline and not the kernel's time.
    by_deadline: bool,
}

/// Never ends.
pub async fn run<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    share: &LaneShare<K>,
    mut unit: Unit<&P::Bus, K>,
) {
    loop {
        let mut job = next(share).await;
        let ended = Ended { id: job.id, slots: [job.input, job.output], received: job.received };
        let (status, written, started) = match prepare(context, &mut unit, &mut job) {
            Err(status) => (status, 0, None),
            Ok(ready) => {
                let started = context.platform.now();
                let (status, written) =
                    execute(context, share, &mut unit, &job, &ready, started).await;
                (status, written, Some(started))
            }
        };
        if status == JobStatus::LogicReset {
            gate::revive(context);
        }
        if status == JobStatus::LogicReset || started.is_some() && status != JobStatus::Ok {
            recover(context, share, &mut unit).await;
        }
        answer(context, &ended, status, started, written);
        share.busy_until.set(Nanos::MAX);
    }
}

/// Waits for a job.
async fn next<K: LaneKind>(share: &LaneShare<K>) -> Job<K> {
    poll_fn(|_| {
        share.turn();
        match share.queue.borrow_mut().pop() {
            Some(job) => Poll::Ready(job),
            None => Poll::Pending,
        }
    })
    .await
}

/// Everything that can be refused without touching a register, and then the parameters.
fn prepare<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    unit: &mut Unit<&P::Bus, K>,
    job: &mut Job<K>,
) -> Result<Ready, JobStatus> {
    let bad = |_| JobStatus::BadJob;
    let now = context.platform.now();
    if now >= job.deadline {
        return Err(JobStatus::Late);
    }
    let (input, output) = {
        let link = context.link.borrow();
        (link.slot(job.input).map_err(bad)?, link.slot(job.output).map_err(bad)?)
    };
    let (read, written) = K::needs(&job.params).map_err(|_| JobStatus::BadJob)?;
    let fits = |view: &SlotView, class, bytes| {
        view.class == class as u32 && bytes <= view.capacity as usize
    };
    if !fits(&input, K::INPUT, read) || !fits(&output, K::OUTPUT, written) {
        return Err(JobStatus::BadJob);
    }
    let bytes = read as u64;
    let least = unit.fastest.map_or(0, |fastest| fastest * bytes / 1024);
    if now.saturating_add(least) > job.deadline {
        return Err(JobStatus::Late);
    }
    unit.kernel.ease(&mut job.params);
    let plans = K::plans(&job.params, input.addr, output.addr);
    let (input, output) = plans.map_err(|_| JobStatus::BadJob)?;
    let bus = context.platform.bus();
    let chain = |cache: &mut ChainCache<CHAINS>, plan| cache.prepare(&bus, plan, unit.limits);
    let input = chain(&mut unit.inputs, input).map_err(|_| JobStatus::BadJob)?;
    let output = chain(&mut unit.outputs, output).map_err(|_| JobStatus::BadJob)?;
    if unit.kernel.started() != unit.number {
        return Err(JobStatus::LogicReset);
    }
    unit.kernel.configure(&job.params).map_err(|_| JobStatus::KernelRefused)?;
    unit.number = unit.number.wrapping_add(1).max(1);
    Ok(Ready { chains: engine::Job { input, output }, number: unit.number, bytes })
}

/// Runs a job. After a failure the hardware must be reset before anything else.
async fn execute<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    share: &LaneShare<K>,
    unit: &mut Unit<&P::Bus, K>,
    job: &Job<K>,
    ready: &Ready,
    started: Nanos,
) -> (JobStatus, u32) {
    let time_up = started.saturating_add(context.config.kernel_timeout);
    let running =
        Running { started, limit: time_up.min(job.deadline), by_deadline: job.deadline < time_up };
    let slack = RESET_TIME + 2 * context.config.poll_period;
    share.busy_until.set(running.limit.saturating_add(slack));
    unit.kernel.start(ready.number);
    let outcome = match unit.dma.submit(&ready.chains, polls(START_POLLS)) {
        Ok(()) => watch(context, share, unit, ready, &running).await,
        Err(fault) => Err(Failure::Dma(fault.error)),
    };
    match outcome {
        Ok(written) => {
            let took = context.platform.now().saturating_sub(started);
            let pace = took * 1024 / ready.bytes.max(1);
            unit.fastest = Some(unit.fastest.map_or(pace, |fastest| fastest.min(pace)));
            (JobStatus::Ok, written)
        }
        Err(failure) => {
            let status = if unit.kernel.started() == ready.number {
                let chains = [&ready.chains.input, &ready.chains.output];
                verdict::status(&context.platform.bus(), chains, failure)
            } else {
                JobStatus::LogicReset
            };
            if status == JobStatus::DescriptorCorrupt {
                tell_astray(context, job.id, job.input, ready);
            }
            let status_number = status as u8;
            defmt::warn!(
                "{=str}: job {=u32} ends with status {=u8}",
                K::NAME,
                job.id,
                status_number
            );
            (status, 0)
        }
    }
}

/// Waits for the end of a job, and checks it. Bytes written, if all is well.
async fn watch<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    share: &LaneShare<K>,
    unit: &mut Unit<&P::Bus, K>,
    ready: &Ready,
    running: &Running,
) -> Result<u32, Failure> {
    let announced = moved(context, share, unit, ready, running).await?;
    let (platform, kernel) = (context.platform, &unit.kernel);
    let done = until(platform, running.limit, || {
        share.turn();
        context.wake_in(SHORT);
        (kernel.done() == ready.number).then_some(())
    });
    done.await.ok_or_else(|| running.timeout())?;
    let outcome = unit.kernel.outcome();
    unit.kernel.acknowledge(ready.number);
    let moved = unit.dma.finish(&ready.chains).map_err(|fault| Failure::Dma(fault.error))?;
    if outcome != Outcome::Ok {
        return Err(Failure::Kernel(outcome));
    }
    if context.config.verify_all {
        let bus = platform.bus();
        for chain in [&ready.chains.input, &ready.chains.output] {
            chain.verify(&bus, Verify::All).map_err(Failure::Dma)?;
        }
    }
    // Only of a job that went well can it be said that its interrupt was lost: packets that never
    // came are not counted, and then the DMA has nothing to announce.
    if !announced {
        defmt::warn!("{=str}: lost interrupt", K::NAME);
        context.tell(FromPeer::Event(Event::LostInterrupt(K::LANE)));
    }
    Ok(moved.written)
}

impl Running {
    /// What it means that the limit was reached.
    fn timeout(&self) -> Failure {
        if self.by_deadline { Failure::Deadline } else { Failure::Hung }
    }
}

/// Waits until both channels have ended. True if the interrupt line said so; false if only the
/// timed poll found it.
async fn moved<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    share: &LaneShare<K>,
    unit: &mut Unit<&P::Bus, K>,
    ready: &Ready,
    running: &Running,
) -> Result<bool, Failure> {
    let (platform, period) = (context.platform, context.config.poll_period);
    let mut next_look = running.started.saturating_add(period);
    // When the kernel was first seen to have ended well with the DMA still waiting.
    let mut kernel_ended = None;
    poll_fn(|_| {
        share.turn();
        let now = platform.now();
        if platform.irq_lines() & K::LINES == 0 && now < next_look.min(running.limit) {
            platform.wake_at(next_look.min(running.limit));
            return Poll::Pending;
        }
        match unit.dma.poll(&ready.chains) {
            Err(fault) => return Poll::Ready(Err(Failure::Dma(fault.error))),
            Ok(Progress::Ended) => {
                // The line is level and nothing has acknowledged it: raised and low means lost.
                let raised = unit.dma.s2mm().status().complete();
                return Poll::Ready(Ok(!raised || platform.irq_lines() & K::END != 0));
            }
            Ok(Progress::Running) => {}
        }
        if unit.kernel.started() != ready.number {
            return Poll::Ready(Err(Failure::Hung));
        }
        if let Some(failure) = stalled(&unit.kernel, ready, &mut kernel_ended, now, period) {
            return Poll::Ready(Err(failure));
        }
        if now >= running.limit {
            let kernel_ok = kernel_ended.is_some();
            return Poll::Ready(Err(if kernel_ok { Failure::NoEnd } else { running.timeout() }));
        }
        next_look = now.saturating_add(period);
        platform.wake_at(next_look.min(running.limit));
        Poll::Pending
    })
    .await
}

/// The kernel has ended, and the DMA will not: it refused, or lost the packet's end.
fn stalled<B: Bus, K: LaneKind>(
    kernel: &Kernel<B, K>,
    ready: &Ready,
    kernel_ended: &mut Option<Nanos>,
    now: Nanos,
    grace: Nanos,
) -> Option<Failure> {
    if kernel.done() != ready.number {
        return None;
    }
    match kernel.outcome() {
        // What the kernel sent last may be under way to memory: it gets one period for that.
        Outcome::Ok if now.saturating_sub(*kernel_ended.get_or_insert(now)) < grace => None,
        Outcome::Ok => Some(Failure::NoEnd),
        other => Some(Failure::Kernel(other)),
    }
}
