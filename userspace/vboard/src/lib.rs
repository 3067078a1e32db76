//! The virtual board: the firmware's pipeline over the device models, on threads of this process
//! ([`VirtualBoard`]) or on one thread with a virtual clock ([`Lockstep`]).
//!
//! Both implement [`tandem_link::board::Board`], so the agent runs on them unchanged. See README.md.

mod bell;
mod clock;
mod core;
mod faults;
mod instance;
mod life;
mod lockstep;
mod logger;
mod machine;
mod memory;
mod pipeline;
mod platform;
mod threaded;

pub use instance::End;
pub use lockstep::Lockstep;
pub use machine::Pl;
pub use memory::{CoreMemory, DdrMemory};
pub use platform::{VirtualBus, VirtualPlatform};
pub use threaded::{Options, VirtualBoard};

use thiserror::Error;

/// Why a virtual board did not start.
#[derive(Debug, Error)]
pub enum VboardError {
    /// The memory could not be made.
    #[error("virtual board memory: {0}")]
    Memory(#[from] tandem_sim::ddr::DdrError),
    /// The Verilated kernels.
    #[error("virtual board kernels: {0}")]
    Rtl(#[from] tandem_rtl::board::BoardError),
    /// A thread could not be started.
    #[error("virtual board thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The core could not be started.
    #[error("virtual board core: {0}")]
    Core(#[from] tandem_link::board::CoreError),
    /// A region of the description is too small for the firmware.
    #[error("board {board}: regions.{region} has {have:#x} bytes, the firmware needs {need:#x}")]
    RegionTooSmall {
        /// Name of the board.
        board: String,
        /// Name of the region.
        region: &'static str,
        /// Bytes of the region.
        have: u32,
        /// Bytes needed.
        need: u32,
    },
}
