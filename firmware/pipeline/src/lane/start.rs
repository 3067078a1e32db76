//! From the queue to the hardware.

use tandem_drivers::{
    bus::Bus,
    dma::{Key, engine, polls},
};
use tandem_link::{SlotClass, message::JobStatus, peer::SlotView};

use super::{Broken, Unit};
use crate::{
    context::{Context, Jobs, LaneShare},
    kind::{Job, LaneKind},
    known::Known,
    platform::Platform,
    verdict::Failure,
};

/// Looks at a channel that is being started.
const START_POLLS: u32 = 1000;

/// What became of the next job.
pub enum Begun {
    /// None waits.
    Nothing,
    /// It is on the hardware.
    Running,
    /// No register was written.
    Refused(JobStatus),
    /// The hardware must be reset.
    Broken(Broken),
}

/// Takes the next job, and puts it on the hardware.
#[inline(always)]
pub fn start<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    share: &LaneShare<K>,
    unit: &mut Unit<'_, &P::Bus, K>,
) -> Begun {
    let deadline = {
        let Jobs { queue, known } = &mut *share.jobs.borrow_mut();
        let Some(job) = queue.pop() else { return Begun::Nothing };
        unit.job.ended = job.ended;
        let prepared = prepare(context, known, unit, job);
        if let Some(set) = job.set {
            known.release(set);
        }
        match prepared {
            Ok(()) => job.deadline,
            Err(JobStatus::LogicReset) => return Begun::Broken(Broken::Reset),
            Err(status) => return Begun::Refused(status),
        }
    };
    let job = &mut unit.job;
    let time_up = job.started + context.config.kernel_timeout;
    job.limit = time_up.min(deadline);
    job.by_deadline = deadline < time_up;
    job.look = (job.started + context.config.poll_period).min(job.limit);
    (job.moved, job.kernel_ended) = (None, None);
    share.busy_until.set(job.limit + context.slack);
    unit.number = unit.number.wrapping_add(1).max(1);
    unit.kernel.start(unit.number);
    let Unit { dma, inputs, outputs, job, .. } = unit;
    let [input, output] = job.places;
    let chains = engine::Job { input: inputs.chain(input), output: outputs.chain(output) };
    match dma.submit(&chains, polls(START_POLLS)) {
        Ok(()) => Begun::Running,
        Err(fault) => Begun::Broken(Broken::Failed(Failure::Dma(fault.error))),
    }
}

/// Everything that can be refused without touching a register, and then the parameters.
#[inline(always)]
fn prepare<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    known: &Known,
    unit: &mut Unit<'_, &P::Bus, K>,
    job: &mut Job<K>,
) -> Result<(), JobStatus> {
    let bad = |_| JobStatus::BadJob;
    let slots = job.ended.slots;
    let now = context.platform.now();
    if now >= job.deadline {
        return Err(JobStatus::Late);
    }
    let (input, output) = {
        let link = context.link.borrow_mut();
        (link.slot(slots[0]).map_err(bad)?, link.slot(slots[1]).map_err(bad)?)
    };
    let (set, [read, written]) = match job.set {
        Some(set) => {
            let set = known.set(set);
            (set.number(), set.needs())
        }
        None => (0, needs(job)?),
    };
    let fits = |view: &SlotView, class: SlotClass, bytes| {
        view.class == class as u32 && bytes <= view.capacity
    };
    if !fits(&input, K::INPUT, read) || !fits(&output, K::OUTPUT, written) {
        return Err(JobStatus::BadJob);
    }
    if unit.fastest.exceeds(read, job.deadline - now) {
        return Err(JobStatus::Late);
    }
    (unit.job.bytes, unit.job.started) = (read, now);
    // What was made of the same parameters for the same slots is still there, or it is made (again).
    let input = Key { params: set, slot: input.addr, hint: slots[0].index };
    let output = Key { params: set, slot: output.addr, hint: slots[1].index };
    let bus = context.platform.bus();
    let found = (unit.inputs.find(&bus, input), unit.outputs.find(&bus, output));
    let mut fresh = false;
    unit.job.places = match found {
        (Some(input), Some(output)) => [input, output],
        _ => {
            fresh = true;
            build(bus, known, unit, job, [input, output])?
        }
    };
    // A load of the logic has taken the parameters with it, whatever this core remembers of them.
    if unit.kernel.started() != unit.number {
        return Err(JobStatus::LogicReset);
    }
    if !unit.kernel.holds(set) {
        fresh = true;
        configure(known, unit, job, set)?;
    }
    if fresh {
        // That took its time.
        unit.job.started = context.platform.now();
    }
    Ok(())
}

/// Bytes that a job whose parameters are not remembered needs in its slots.
#[inline(never)]
fn needs<K: LaneKind>(job: &Job<K>) -> Result<[u32; 2], JobStatus> {
    let params = job.params.first().ok_or(JobStatus::BadJob)?;
    let (read, written) = K::needs(params).map_err(|_| JobStatus::BadJob)?;
    let bytes = |bytes: usize| u32::try_from(bytes).map_err(|_| JobStatus::BadJob);
    Ok([bytes(read)?, bytes(written)?])
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
