//! Interrupt lines of the programmable logic, one bit each, level, high while pending.
//!
//! The order in which the block design concatenates them; the device models raise these bits, the
//! firmware's `Platform` shows them.

/// `pre` DMA, memory to stream.
pub const PRE_MM2S: u32 = 1 << 0;
/// `pre` DMA, stream to memory.
pub const PRE_S2MM: u32 = 1 << 1;
/// `post` DMA, memory to stream.
pub const POST_MM2S: u32 = 1 << 2;
/// `post` DMA, stream to memory.
pub const POST_S2MM: u32 = 1 << 3;
/// `pre` kernel: done counter is ahead of the acknowledged one.
pub const PRE_KERNEL: u32 = 1 << 4;
/// `post` kernel: likewise.
pub const POST_KERNEL: u32 = 1 << 5;
/// Gate: a trigger was captured and not acknowledged yet.
pub const GATE: u32 = 1 << 6;
