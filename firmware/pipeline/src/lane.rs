//! One lane: takes jobs by deadline, runs them one at a time, recovers from every failure.

use core::{cell::RefMut, future::poll_fn, task::Poll};

use tandem_drivers::{
    bus::Bus,
    dma::{AxiDma, Chain, ChainCache, Key, Limits, Progress, Verify, engine, polls},
    kernel::{Kernel, Outcome},
};
use tandem_link::{
    message::{Event, FromPeer, JobId, JobStatus, Nanos, SlotRef},
    peer::SlotView,
};

use crate::{
    context::{Context, LaneShare, until},
    gate,
    kind::{Job, LaneKind},
    known::Known,
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

/// The chains of a channel.
pub type Chains = ChainCache<CHAINS>;

/// The hardware of a lane.
pub struct Unit<'a, B, K> {
    pub dma: AxiDma<B>,
    pub kernel: Kernel<B, K>,
    pub limits: Limits,
    pub inputs: RefMut<'a, Chains>,
    pub outputs: RefMut<'a, Chains>,
    /// Number of the last job since the kernel's reset.
    pub number: u32,
    /// The best pace ever shown.
    pub fastest: Pace,
}

/// Time that so many bytes of input took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    time: Nanos,
    bytes: u32,
}

impl Pace {
    /// Nothing was shown yet: any job may take no time.
    pub const NONE: Self = Self { time: 0, bytes: 0 };

    /// Takes a job's pace where it is better. Compared as products, for a division costs this core as
    /// much as a tenth of a job.
    fn learn(&mut self, time: Nanos, bytes: u32) {
        let better =
            time.saturating_mul(self.bytes.into()) < self.time.saturating_mul(bytes.into());
        if better || self.bytes == 0 {
            *self = Self { time, bytes };
        }
    }

    /// Whether a job with so many bytes takes longer than `left` even so.
    fn exceeds(self, bytes: u32, left: Nanos) -> bool {
        let least = self.time.saturating_mul(bytes.into());
        least > left.saturating_mul(self.bytes.into())
    }
}

/// A job that may touch the hardware.
pub struct Ready {
    id: JobId,
    /// Its chains' places.
    places: [usize; 2],
    number: u32,
    pub bytes: u32,
    deadline: Nanos,
    input: SlotRef,
}

impl<B, K> Unit<'_, B, K> {
    /// The chains of a job.
    pub fn chains(&self, ready: &Ready) -> engine::Job<&Chain> {
        chains(&self.inputs, &self.outputs, ready)
    }
}

fn chains<'a>(inputs: &'a Chains, outputs: &'a Chains, ready: &Ready) -> engine::Job<&'a Chain> {
    let [input, output] = ready.places;
    engine::Job { input: inputs.chain(input), output: outputs.chain(output) }
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
    unit: &mut Unit<'_, &P::Bus, K>,
) {
    loop {
        let (ended, ready) = next(context, share, unit).await;
        let (status, written, started) = match ready {
            Err(status) => (status, 0, None),
            Ok(ready) => {
                let started = context.platform.now();
                let (status, written) = execute(context, share, unit, &ready, started).await;
                (status, written, Some(started))
            }
        };
        if status == JobStatus::LogicReset {
            gate::revive(context);
        }
        if status == JobStatus::LogicReset || started.is_some() && status != JobStatus::Ok {
            recover(context, share, unit).await;
        }
        answer(context, &ended, status, started, written);
        share.busy_until.set(Nanos::MAX);
    }
}

/// Waits for a job and prepares it where it lies.
async fn next<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    share: &LaneShare<K>,
    unit: &mut Unit<'_, &P::Bus, K>,
) -> (Ended, Result<Ready, JobStatus>) {
    poll_fn(|_| {
        share.turn();
        let mut queue = share.queue.borrow_mut();
        let Some(job) = queue.pop() else {
            share.waits.set(false);
            return Poll::Pending;
        };
        let ended = Ended { id: job.id, slots: [job.input, job.output], received: job.received };
        let mut known = share.known.borrow_mut();
        let ready = prepare(context, &known, unit, job);
        if let Some(set) = job.set {
            known.release(set);
        }
        Poll::Ready((ended, ready))
    })
    .await
}

/// Everything that can be refused without touching a register, and then the parameters.
fn prepare<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    known: &Known,
    unit: &mut Unit<'_, &P::Bus, K>,
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
    let [read, written] = needs(known, job)?;
    let fits = |view: &SlotView, class, bytes| view.class == class as u32 && bytes <= view.capacity;
    if !fits(&input, K::INPUT, read) || !fits(&output, K::OUTPUT, written) {
        return Err(JobStatus::BadJob);
    }
    if unit.fastest.exceeds(read, job.deadline - now) {
        return Err(JobStatus::Late);
    }
    // What was made of the same parameters for the same slots is still there, or it is made (again).
    let set = job.set.map_or(0, |set| known.number(set));
    let keys = [input.addr, output.addr].map(|slot| Key { params: set, slot });
    let bus = context.platform.bus();
    let found = [unit.inputs.find(&bus, keys[0]), unit.outputs.find(&bus, keys[1])];
    let places = match found {
        [Some(input), Some(output)] => [input, output],
        _ => build(bus, known, unit, job, keys)?,
    };
    // A load of the logic has taken the parameters with it, whatever this core remembers of them.
    if unit.kernel.started() != unit.number {
        return Err(JobStatus::LogicReset);
    }
    if !unit.kernel.holds(set) {
        configure(known, unit, job, set)?;
    }
    unit.number = unit.number.wrapping_add(1).max(1);
    let Job { id, deadline, input, .. } = *job;
    Ok(Ready { id, places, number: unit.number, bytes: read, deadline, input })
}

/// Bytes that a job needs in its slots.
fn needs<K: LaneKind>(known: &Known, job: &Job<K>) -> Result<[u32; 2], JobStatus> {
    match (job.set, job.params.first()) {
        (Some(set), _) => Ok(known.needs(set)),
        (None, Some(params)) => {
            let (read, written) = K::needs(params).map_err(|_| JobStatus::BadJob)?;
            let bytes = |bytes: usize| u32::try_from(bytes).map_err(|_| JobStatus::BadJob);
            Ok([bytes(read)?, bytes(written)?])
        }
        (None, None) => Err(JobStatus::BadJob),
    }
}

/// The job's parameters as the kernel takes them best.
fn params<B: Bus, K: LaneKind>(
    known: &Known,
    unit: &Unit<'_, B, K>,
    job: &mut Job<K>,
) -> Result<K::Params, JobStatus> {
    let copy = || job.set.and_then(|set| known.decode(set));
    let mut params = job.params.pop().or_else(copy).ok_or(JobStatus::BadJob)?;
    unit.kernel.ease(&mut params);
    Ok(params)
}

/// Plans a job anew; its chains are taken over where they are there for other parameters.
#[inline(never)]
fn build<B: Bus, K: LaneKind>(
    bus: &B,
    known: &Known,
    unit: &mut Unit<'_, &B, K>,
    job: &mut Job<K>,
    keys: [Key; 2],
) -> Result<[usize; 2], JobStatus> {
    let params = params(known, unit, job)?;
    let plans = K::plans(&params, keys[0].slot, keys[1].slot);
    let (input, output) = plans.map_err(|_| JobStatus::BadJob)?;
    // Empty: `params` has taken them.
    let _ = job.params.push(params);
    let input = unit.inputs.place(bus, keys[0], input, unit.limits);
    let output = unit.outputs.place(bus, keys[1], output, unit.limits);
    Ok([input.map_err(|_| JobStatus::BadJob)?, output.map_err(|_| JobStatus::BadJob)?])
}

/// Writes the parameters.
#[inline(never)]
fn configure<B: Bus, K: LaneKind>(
    known: &Known,
    unit: &mut Unit<'_, B, K>,
    job: &mut Job<K>,
    set: u32,
) -> Result<(), JobStatus> {
    let params = params(known, unit, job)?;
    unit.kernel.configure_as(set, &params).map_err(|_| JobStatus::KernelRefused)
}

/// Runs a job. After a failure the hardware must be reset before anything else.
async fn execute<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    share: &LaneShare<K>,
    unit: &mut Unit<'_, &P::Bus, K>,
    ready: &Ready,
    started: Nanos,
) -> (JobStatus, u32) {
    let time_up = started.saturating_add(context.config.kernel_timeout);
    let running = Running {
        started,
        limit: time_up.min(ready.deadline),
        by_deadline: ready.deadline < time_up,
    };
    let slack = RESET_TIME + 2 * context.config.poll_period;
    share.busy_until.set(running.limit.saturating_add(slack));
    unit.kernel.start(ready.number);
    let outcome =
        match unit.dma.submit(&chains(&unit.inputs, &unit.outputs, ready), polls(START_POLLS)) {
            Ok(()) => watch(context, share, unit, ready, &running).await,
            Err(fault) => Err(Failure::Dma(fault.error)),
        };
    match outcome {
        Ok(written) => {
            let took = context.platform.now().saturating_sub(started);
            unit.fastest.learn(took, ready.bytes);
            (JobStatus::Ok, written)
        }
        Err(failure) => {
            let status = if unit.kernel.started() == ready.number {
                let engine::Job { input, output } = unit.chains(ready);
                verdict::status(&context.platform.bus(), [input, output], failure)
            } else {
                JobStatus::LogicReset
            };
            if status == JobStatus::DescriptorCorrupt {
                tell_astray(context, ready.id, ready.input, unit.chains(ready), ready.bytes);
            }
            let status_number = status as u8;
            defmt::warn!(
                "{=str}: job {=u32} ends with status {=u8}",
                K::NAME,
                ready.id,
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
    unit: &mut Unit<'_, &P::Bus, K>,
    ready: &Ready,
    running: &Running,
) -> Result<u32, Failure> {
    let announced = moved(context, share, unit, ready, running).await?;
    let (platform, kernel) = (context.platform, &unit.kernel);
    let done = until(platform, running.limit, || {
        if kernel.done() == ready.number {
            return Some(());
        }
        share.turn();
        context.wake_in(SHORT);
        None
    });
    done.await.ok_or_else(|| running.timeout())?;
    let outcome = unit.kernel.outcome();
    unit.kernel.acknowledge(ready.number);
    let moved = unit.dma.finish(&unit.chains(ready)).map_err(|fault| Failure::Dma(fault.error))?;
    if outcome != Outcome::Ok {
        return Err(Failure::Kernel(outcome));
    }
    if context.config.verify_all {
        let bus = platform.bus();
        let engine::Job { input, output } = unit.chains(ready);
        for chain in [input, output] {
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
    unit: &mut Unit<'_, &P::Bus, K>,
    ready: &Ready,
    running: &Running,
) -> Result<bool, Failure> {
    let (platform, period) = (context.platform, context.config.poll_period);
    let mut next_look = running.started.saturating_add(period);
    // When the kernel was first seen to have ended well with the DMA still waiting.
    let mut kernel_ended = None;
    poll_fn(|_| {
        share.turn();
        let (now, lines) = (context.now.get(), context.lines.get());
        if lines & K::LINES == 0 && now < next_look.min(running.limit) {
            platform.wake_at(next_look.min(running.limit));
            return Poll::Pending;
        }
        match unit.dma.poll(&chains(&unit.inputs, &unit.outputs, ready)) {
            Err(fault) => return Poll::Ready(Err(Failure::Dma(fault.error))),
            Ok(Progress::Ended) => {
                // The line is level and nothing has acknowledged it: raised and low means lost.
                // A line that was low when this turn began may have risen since.
                let high = |lines: u32| lines & K::END != 0;
                let raised = || unit.dma.s2mm().status().complete();
                return Poll::Ready(Ok(high(lines) || !raised() || high(platform.irq_lines())));
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
