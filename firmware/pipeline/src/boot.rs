//! From unknown hardware to an announced epoch.

use tandem_drivers::{
    bus::Bus,
    dma::{AxiDma, DmaFault, Limits, probe::LengthProbe, probe::ProbeStep},
    kernel::{GateDriver, Kernel, KernelError, Post, Pre},
};
use tandem_link::{LinkError, message::Nanos, peer::LinkPeer};
use tandem_regs::gate::{CTRL, GATE_CTRL};
use thiserror::Error;

use crate::{
    config::PipelineConfig,
    context::{LaneShare, Store, until},
    gate::gate_epoch,
    kind::LaneKind,
    lane::{Current, Pace, RESET_TIME, SHORT, Unit},
    platform::Platform,
};

/// A DMA that has not complained about a descriptor after this time accepts it. Boot pays it once
/// a lane, so it is generous.
const PROBE_TIME: Nanos = 1_000_000;

/// Why the firmware does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BootError {
    /// A DMA does not do as it should.
    #[error("{0} lane: {1}")]
    Dma(&'static str, DmaFault),
    /// A DMA does not end its reset.
    #[error("{0} lane: the DMA's reset does not end")]
    Reset(&'static str),
    /// A kernel is not the one that the firmware was built for.
    #[error("{0} kernel: {1}")]
    Kernel(&'static str, KernelError),
    /// The gate is not the one that the firmware was built for.
    #[error("gate: {0}")]
    Gate(KernelError),
    /// The link's block was formatted by an agent of another version.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// The checked hardware.
pub struct Hardware<'a, B> {
    pub pre: Unit<'a, B, Pre>,
    pub post: Unit<'a, B, Post>,
    pub gate: GateDriver<B>,
}

/// What was found, and the link under its new epoch.
type Booted<'a, P> =
    (Hardware<'a, &'a <P as Platform>::Bus>, LinkPeer<&'a <P as Platform>::Memory>);

/// Stops all DMA of an earlier life, checks the hardware, waits for the agent's block, announces.
/// `length_bits`: of both DMAs, if they were measured before; they are choices at synthesis.
pub async fn boot<'a, P: Platform>(
    platform: &'a P,
    config: &PipelineConfig,
    proposal: u32,
    length_bits: Option<[u8; 2]>,
    store: &'a Store,
) -> Result<Booted<'a, P>, BootError> {
    let bus = platform.bus();
    // Input chains of frames with a descriptor a row are by far the longest.
    let share = (config.descriptor_bytes / 8) & !63;
    let at = |eighths: u32| config.descriptors + eighths * share;
    let memory = [(at(0), 4 * share), (at(4), 2 * share)];
    let mut pre = unit(bus, config, config.dma_pre, config.pre, &store.pre, memory);
    let memory = [(at(6), share), (at(7), share)];
    let mut post = unit(bus, config, config.dma_post, config.post, &store.post, memory);
    // Both are stopped before anything else can fail.
    quiesce(platform, &mut pre).await?;
    quiesce(platform, &mut post).await?;
    match length_bits {
        Some([of_pre, of_post]) => {
            (pre.limits.length_bits, post.limits.length_bits) = (of_pre, of_post);
        }
        None => {
            pre.limits.length_bits = measure(platform, config, &mut pre, at(0)).await?;
            post.limits.length_bits = measure(platform, config, &mut post, at(6)).await?;
        }
    }
    // The DMA's own interrupt is enough, and a second line would hide that it was lost.
    pre.kernel.release_reset(false);
    post.kernel.release_reset(false);
    let mut gate = GateDriver::new(bus, config.gate);
    gate.identify().map_err(BootError::Gate)?;
    // Parts may be under way: the gate is not reset, and what it captured meanwhile is forwarded. It
    // has no epoch yet if the logic was loaded since the last life.
    bus.write32(config.gate + CTRL.offset(), GATE_CTRL::IRQ_EN::SET.value);
    if !gate.set_up(&config.gate_setup) {
        // The parts under way are counted otherwise than this board does: nobody can place them.
        gate.hold();
        gate.set_up(&config.gate_setup);
    }
    gate.synchronise(true, || platform.now());
    let mut link = attach(platform, config).await?;
    let epoch = link.announce(proposal);
    if gate.epoch() == 0 {
        gate.begin_epoch(gate_epoch(epoch, 0), true);
    }
    platform.ring_agent();
    let bits = [pre.limits.length_bits, post.limits.length_bits];
    defmt::info!("epoch {=u32}, DMA length bits {=[u8; 2]}", epoch, bits);
    Ok((Hardware { pre, post, gate }, link))
}

/// A lane whose hardware was not touched yet.
fn unit<'a, B: Bus, K: LaneKind>(
    bus: &'a B,
    config: &PipelineConfig,
    dma: u32,
    kernel: u32,
    share: &'a LaneShare<K>,
    memory: [(u32, u32); 2],
) -> Unit<'a, &'a B, K> {
    let chains = |channel: usize| {
        let mut chains = share.chains[channel].borrow_mut();
        let (base, bytes) = memory[channel];
        chains.move_to(base, bytes);
        chains
    };
    Unit {
        dma: AxiDma::new(bus, dma),
        kernel: Kernel::new(bus, kernel),
        limits: Limits { length_bits: 0, alignment: config.alignment },
        inputs: chains(0),
        outputs: chains(1),
        number: 0,
        fastest: Pace::NONE,
        job: Current::NONE,
    }
}

/// Holds the kernel in reset and stops the DMA.
async fn quiesce<P: Platform, K: LaneKind>(
    platform: &P,
    unit: &mut Unit<'_, &P::Bus, K>,
) -> Result<(), BootError> {
    // Another block at the address must not be written.
    unit.kernel.identify().map_err(|error| BootError::Kernel(K::NAME, error))?;
    unit.kernel.hold_reset().map_err(|error| BootError::Kernel(K::NAME, error))?;
    unit.dma.begin_reset();
    let end = platform.now().saturating_add(RESET_TIME);
    let dma = &unit.dma;
    let reset = until(platform, end, || {
        platform.wake_at(platform.now().saturating_add(SHORT));
        dma.reset_done().then_some(())
    });
    reset.await.ok_or(BootError::Reset(K::NAME))
}

/// Measures the DMA's length field; the kernel is held in reset.
async fn measure<P: Platform, K: LaneKind>(
    platform: &P,
    config: &PipelineConfig,
    unit: &mut Unit<'_, &P::Bus, K>,
    descriptor: u32,
) -> Result<u8, BootError> {
    let failed = |fault| BootError::Dma(K::NAME, fault);
    let mut probe = LengthProbe::new(&mut unit.dma, descriptor, config.pool);
    loop {
        let settled = platform.now().saturating_add(PROBE_TIME);
        let dma = &mut unit.dma;
        let step = until(platform, settled, || match probe.step(dma, false) {
            Ok(ProbeStep::Waiting) => {
                platform.wake_at(platform.now().saturating_add(SHORT));
                None
            }
            other => Some(other),
        });
        let step = match step.await {
            Some(step) => step,
            None => probe.step(&mut unit.dma, true),
        };
        if let ProbeStep::Done(bits) = step.map_err(failed)? {
            return Ok(bits);
        }
    }
}

/// Waits for an agent to format the block.
async fn attach<'a, P: Platform>(
    platform: &'a P,
    config: &PipelineConfig,
) -> Result<LinkPeer<&'a P::Memory>, BootError> {
    let attached = until(platform, Nanos::MAX, || match LinkPeer::attach(platform.memory()) {
        Err(LinkError::NotReady) => {
            platform.healthy();
            platform.wake_at(platform.now().saturating_add(config.poll_period));
            None
        }
        other => Some(other),
    });
    Ok(attached.await.unwrap_or(Err(LinkError::NotReady))?)
}
