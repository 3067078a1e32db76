//! Drivers of our own kernels: [`PreKernel`], [`PostKernel`], [`GateDriver`].
//!
//! All three are told apart by ID, version and register map hash before anything is written.
//! None of their bits is write-1-to-clear or self-clearing (see hw/regs).

mod gate;
mod job;
mod post;
mod pre;

use tandem_regs::kernel::{CAPS, HASH, ID, KERNEL_VERSION, VERSION};
use thiserror::Error;
use tock_registers::interfaces::Readable;

pub use gate::{Cancel, Counters, GateDriver, GateSetup, Trigger};
pub use job::{Kernel, KernelKind, Outcome, Words};
pub use post::Post;
pub use pre::Pre;

use crate::bus::Bus;
use crate::reg::Block;

/// The preprocess kernel.
pub type PreKernel<B> = Kernel<B, Pre>;
/// The post-process kernel.
pub type PostKernel<B> = Kernel<B, Post>;

/// Major version of the kernels' behaviour that these drivers know.
pub const MAJOR_VERSION: u32 = 1;

/// Why a kernel is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KernelError {
    /// Another block, or nothing, answers at the address.
    #[error("ID is {found:#010x}, expected {expected:#010x}")]
    Id {
        /// What these drivers were written for.
        expected: u32,
        /// What the register holds.
        found: u32,
    },
    /// The kernel's behaviour is of another major version.
    #[error("version is {found}, expected {MAJOR_VERSION}")]
    Version {
        /// What the register holds.
        found: u32,
    },
    /// The kernel was built from another register map.
    #[error("register map hash is {found:#010x}, expected {expected:#010x}")]
    MapHash {
        /// Hash of the map in these drivers.
        expected: u32,
        /// What the register holds.
        found: u32,
    },
    /// This build of the kernel cannot do what the parameters ask for.
    #[error("this build of the kernel cannot do {0}")]
    Unsupported(&'static str),
    /// The counters did not read 0 in reset.
    #[error("the kernel does not reset")]
    Reset,
}

/// What a kernel says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// ID register.
    pub id: u32,
    /// VERSION register: major in the upper half.
    pub version: u32,
    /// CAPS register.
    pub caps: u32,
    /// HASH register.
    pub map_hash: u32,
}

/// Reads the identity of the block and compares it.
fn identify<B: Bus>(block: &Block<B>, id: u32, map_hash: u32) -> Result<Identity, KernelError> {
    // The ID first: if another block is here, nothing else of it is touched.
    let found = block.reg(ID).get();
    if found != id {
        return Err(KernelError::Id { expected: id, found });
    }
    let version = block.reg(VERSION).get();
    let major = KERNEL_VERSION::MAJOR.read(version);
    if major != MAJOR_VERSION {
        return Err(KernelError::Version { found: major });
    }
    let found = block.reg(HASH).get();
    if found != map_hash {
        return Err(KernelError::MapHash { expected: map_hash, found });
    }
    Ok(Identity { id, version, caps: block.reg(CAPS).get(), map_hash })
}

/// ID and register map hash of `pre`, `post` and the gate, as these drivers know them.
pub const EXPECTED: [(u32, u32); 3] = [
    (tandem_regs::pre::ID.reset(), tandem_regs::pre::MAP_HASH),
    (tandem_regs::post::ID.reset(), tandem_regs::post::MAP_HASH),
    (tandem_regs::gate::ID.reset(), tandem_regs::gate::MAP_HASH),
];

/// What the block at `base` says of itself, right or wrong; for diagnosis. Of a block with another ID
/// than `id` nothing else is read, and the rest is 0.
pub fn look<B: Bus>(bus: B, base: u32, id: u32) -> Identity {
    let block = Block::new(bus, base);
    let found = block.reg(ID).get();
    if found != id {
        return Identity { id: found, version: 0, caps: 0, map_hash: 0 };
    }
    Identity {
        id: found,
        version: block.reg(VERSION).get(),
        caps: block.reg(CAPS).get(),
        map_hash: block.reg(HASH).get(),
    }
}
