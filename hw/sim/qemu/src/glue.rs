//! The page beside the kernels' registers that stands for wires QEMU does not model: interrupt
//! levels (there is no RPU GIC), doorbells (there is no RPU IPI block) and an alarm (TTC
//! interrupts do not reach the R5). On silicon these are the GIC, the IPI and the TTC.

/// Offset of the page from the first PL block, in bytes.
pub const PAGE: u32 = 0x5_0000;

/// Levels of the PL's interrupt lines (read only).
pub const LEVELS: u32 = 0x00;
/// Doorbell to the agent: any store counts one (the agent reads it back from [`AGENT_COUNT`]).
pub const RING_AGENT: u32 = 0x04;
/// Doorbells rung to the agent so far (read only).
pub const AGENT_COUNT: u32 = 0x08;
/// Doorbells from the agent so far (read only); the R5's line is high while it differs from
/// [`RPU_SEEN`].
pub const RPU_COUNT: u32 = 0x0C;
/// The last [`RPU_COUNT`] that the R5 has seen.
pub const RPU_SEEN: u32 = 0x10;
/// Raise the R5's line after this many microseconds; a new store replaces the old alarm.
pub const ALARM_US: u32 = 0x14;
/// Written by a test: the crash that the firmware is asked for (`firmware/rpu/src/provoke.rs`).
pub const PROVOKE: u32 = 0x18;
