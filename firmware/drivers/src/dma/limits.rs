//! What a DMA can do, and why a plan is refused.

use tandem_model::post::PostError;
use tandem_model::pre::PreError;
use thiserror::Error;

/// Most packets that raise one interrupt (the threshold has 8 bits).
pub const MAX_PACKETS: u32 = 255;
/// Widest length field that the descriptor format allows.
pub const MAX_LENGTH_BITS: u8 = 26;
/// Pieces of a cut buffer are multiples of this, so that bursts stay whole.
const GRAIN: u32 = 64;

/// What the DMA was built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Width of the length field, 7 to 26 bits (the core's default is 14: under 16 KiB).
    pub length_bits: u8,
    /// Alignment that addresses need, and lengths except a packet's last: 1 with the data
    /// realignment engine, else the stream's width in bytes. A power of two up to 64.
    pub alignment: u32,
}

impl Limits {
    /// Most bytes of one descriptor of a cut buffer.
    #[must_use]
    pub const fn piece(self) -> u32 {
        ((1 << self.length_bits) - 1) & !(GRAIN - 1)
    }
}

/// Why no plan could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// The parameters of `pre` are out of range.
    #[error(transparent)]
    Pre(#[from] PreError),
    /// The parameters of `post` are out of range.
    #[error(transparent)]
    Post(#[from] PostError),
    /// A buffer reaches over the end of the 32-bit address space.
    #[error("a buffer at {0:#010x} reaches over the end of the address space")]
    Address(u32),
    /// An address or length is not aligned as the DMA (without realignment engine) needs it.
    #[error("{0} is not aligned to {1} bytes, and the DMA has no realignment engine")]
    Alignment(&'static str, u32),
    /// A packet of unknown length must fit one descriptor, and the length field is too narrow.
    #[error("one descriptor must hold {need} bytes, the DMA's length field ends at {have}")]
    Length {
        /// Bytes needed.
        need: u32,
        /// Most that one descriptor can carry.
        have: u32,
    },
    /// More than [`MAX_PACKETS`] packets.
    #[error("{0} packets, but one interrupt counts at most {MAX_PACKETS}")]
    Packets(u32),
    /// The chain does not fit its memory.
    #[error("the chain needs {need} descriptors, its memory holds {have}")]
    Room {
        /// Descriptors needed.
        need: u32,
        /// Descriptors that fit.
        have: u32,
    },
}
