//! One lane: takes jobs by deadline, runs them one at a time, recovers from every failure.
//!
//! A job that goes well passes through [`serve`] alone, in the turn that takes it from the queue and in
//! the one that finds it ended; what follows a failure waits for hardware and is the future's own.

mod start;
mod watch;

use core::{cell::RefMut, future::poll_fn, task::Poll};

use tandem_drivers::{
    dma::{AxiDma, Chain, ChainCache, Limits, engine},
    kernel::Kernel,
};
use tandem_link::message::{JobStatus, Nanos};

use crate::{
    context::{Context, LaneShare},
    gate,
    kind::LaneKind,
    link::{Ended, answer, refuse},
    platform::Platform,
    recover::{recover, tell_astray},
    verdict::{self, Failure},
};
use start::{Begun, start};
use watch::watch;

/// Chains that a channel remembers.
pub const CHAINS: usize = 16;
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
    /// The job on the hardware, or the last one that was.
    pub job: Current,
}

impl<B, K> Unit<'_, B, K> {
    /// The chains of the job.
    #[inline(always)]
    fn chains(&self) -> engine::Job<&Chain> {
        let [input, output] = self.job.places;
        engine::Job { input: self.inputs.chain(input), output: self.outputs.chain(output) }
    }
}

/// A job from the queue to its answer.
pub struct Current {
    /// It is on the hardware.
    runs: bool,
    ended: Ended,
    /// Its chains' places.
    places: [usize; 2],
    /// Bytes of its input.
    bytes: u32,
    started: Nanos,
    /// Its time on the hardware is over.
    limit: Nanos,
    /// The limit is the job's deadline and not the kernel's time.
    by_deadline: bool,
    /// When the channels are looked at without a line, the limit at the latest.
    look: Nanos,
    /// Both channels were seen to have ended, and whether the interrupt line said so.
    moved: Option<bool>,
    /// When the kernel was first seen to have ended well with the DMA still waiting.
    kernel_ended: Option<Nanos>,
}

impl Current {
    /// None yet.
    pub const NONE: Self = Self {
        runs: false,
        ended: Ended::NONE,
        places: [0; 2],
        bytes: 0,
        started: 0,
        limit: 0,
        by_deadline: false,
        look: 0,
        moved: None,
        kernel_ended: None,
    };
}

/// Time that so many bytes of input took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// In ns; what is longer than 32 bits hold counts as that.
    time: u32,
    bytes: u32,
}

impl Pace {
    /// Nothing was shown yet: any job may take no time.
    pub const NONE: Self = Self { time: 0, bytes: 0 };

    /// Takes a job's pace where it is better. Compared as products, for a division costs this core as
    /// much as a tenth of a job.
    #[inline(always)]
    fn learn(&mut self, time: Nanos, bytes: u32) {
        let time = u32::try_from(time).unwrap_or(u32::MAX);
        let better = product(time, self.bytes) < product(self.time, bytes);
        if better || self.bytes == 0 {
            *self = Self { time, bytes };
        }
    }

    /// Whether a job with so many bytes takes longer than `left` even so.
    #[inline(always)]
    fn exceeds(self, bytes: u32, left: Nanos) -> bool {
        // With more than 4 s left nothing is refused.
        u32::try_from(left).is_ok_and(|left| product(self.time, bytes) > product(left, self.bytes))
    }
}

/// Without overflow, in one instruction.
#[inline(always)]
fn product(a: u32, b: u32) -> u64 {
    u64::from(a) * u64::from(b)
}

/// Why [`serve`] cannot go on by itself: the hardware must be reset.
enum Broken {
    /// The job was not begun, for the logic had been loaded anew.
    Reset,
    /// The job had begun.
    Failed(Failure),
}

/// Never ends.
pub async fn run<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    share: &LaneShare<K>,
    unit: &mut Unit<'_, &P::Bus, K>,
) {
    loop {
        let broken = poll_fn(|_| serve(context, share, unit)).await;
        let (status, began) = match broken {
            Broken::Reset => (JobStatus::LogicReset, false),
            Broken::Failed(failure) => (judge(context, unit, failure), true),
        };
        unit.job.runs = false;
        if status == JobStatus::LogicReset {
            gate::revive(context);
        }
        recover(context, share, unit).await;
        if began {
            failed(context, unit, status);
        } else {
            refuse(context, &unit.job.ended, status);
        }
        share.busy_until.set(Nanos::MAX);
    }
}

/// Jobs, one after the other, for as long as each goes well.
#[inline(never)]
fn serve<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    share: &LaneShare<K>,
    unit: &mut Unit<'_, &P::Bus, K>,
) -> Poll<Broken> {
    share.turn();
    loop {
        if !unit.job.runs {
            match start(context, share, unit) {
                Begun::Nothing => {
                    share.stirs.set(false);
                    return Poll::Pending;
                }
                Begun::Running => unit.job.runs = true,
                Begun::Refused(status) => {
                    refuse(context, &unit.job.ended, status);
                    continue;
                }
                Begun::Broken(broken) => return Poll::Ready(broken),
            }
        }
        let written = match watch(context, unit) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(written)) => written,
            Poll::Ready(Err(failure)) => return Poll::Ready(Broken::Failed(failure)),
        };
        unit.job.runs = false;
        let finished = finished(context, unit);
        answer(context, &unit.job.ended, JobStatus::Ok, [unit.job.started, finished], written);
        share.busy_until.set(Nanos::MAX);
    }
}

/// Answers a job that was begun and failed.
#[inline(never)]
fn failed<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    unit: &Unit<'_, &P::Bus, K>,
    status: JobStatus,
) {
    let stamps = [unit.job.started, context.clock()];
    answer(context, &unit.job.ended, status, stamps, 0);
}

/// When the job was seen to have ended; the lane's pace is learnt from it.
#[inline(always)]
fn finished<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    unit: &mut Unit<'_, &P::Bus, K>,
) -> Nanos {
    let started = unit.job.started;
    // The turn that found it began then, unless the job has begun in this turn, too.
    let turn = context.now.get();
    let finished = if turn > started { turn } else { context.clock() };
    unit.fastest.learn(finished.saturating_sub(started), unit.job.bytes);
    finished
}

/// What a job that failed on the hardware is told.
#[inline(never)]
fn judge<P: Platform, K: LaneKind>(
    context: &Context<'_, P>,
    unit: &Unit<'_, &P::Bus, K>,
    failure: Failure,
) -> JobStatus {
    let job = &unit.job.ended;
    let status = if unit.kernel.started() == unit.number {
        let engine::Job { input, output } = unit.chains();
        verdict::status(&context.platform.bus(), [input, output], failure)
    } else {
        JobStatus::LogicReset
    };
    if status == JobStatus::DescriptorCorrupt {
        tell_astray(context, job.id, job.slots[0], unit.chains(), unit.job.bytes);
    }
    let status_number = status as u8;
    defmt::warn!("{=str}: job {=u32} ends with status {=u8}", K::NAME, job.id, status_number);
    status
}
