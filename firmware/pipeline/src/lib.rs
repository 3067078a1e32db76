//! Jobs, deadlines, gate and health: what the R5F runs, on any [`platform::Platform`].
//!
//! [`Pipeline::run`] is one future with no task below it: the platform's executor polls it on a
//! doorbell, an interrupt, or the time it asked for, and each poll looks at everything. See
//! README.md for the states of a job and the table of its endings.
#![no_std]
#![forbid(unsafe_code)]

mod boot;
pub mod config;
mod context;
pub mod edf;
mod gate;
mod health;
pub mod kind;
mod known;
mod lane;
mod link;
mod outbox;
pub mod platform;
mod recover;
mod turn;
mod verdict;

use core::convert::Infallible;

pub use boot::BootError;
pub use config::PipelineConfig;
use context::Context;
pub use context::Store;
use platform::Platform;
pub use tandem_drivers::kernel::GateSetup;

/// The firmware's work, from the reset of the DMA engines on.
pub struct Pipeline<'a, P: Platform> {
    platform: &'a P,
    config: PipelineConfig,
    store: &'a Store,
}

impl<'a, P: Platform> Pipeline<'a, P> {
    /// Nothing is touched yet. `store` is this pipeline's alone.
    pub fn new(platform: &'a P, config: PipelineConfig, store: &'a Store) -> Self {
        Self { platform, config, store }
    }

    /// Boots and works. An agent that restarts, and a link that is damaged, begin a new session:
    /// everything is quiesced again and announced under a new epoch.
    ///
    /// # Errors
    /// [`BootError`] if the hardware is not what the firmware was built for: nothing was announced,
    /// and the agent sees no heartbeat.
    pub async fn run(&self) -> Result<Infallible, BootError> {
        let mut proposal = self.config.epoch;
        let mut length_bits = None;
        loop {
            let (mut hardware, link) =
                boot::boot(self.platform, &self.config, proposal, length_bits, self.store).await?;
            length_bits = Some([hardware.pre.limits.length_bits, hardware.post.limits.length_bits]);
            proposal = link.epoch().wrapping_add(1);
            let context =
                Context::new(self.platform, &self.config, link, hardware.gate, self.store);
            turn::session(&context, &mut hardware.pre, &mut hardware.post).await;
            defmt::warn!("session over");
        }
    }
}
