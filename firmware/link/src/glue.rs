//! A page of registers that stands for wires QEMU does not model, beside the kernels' registers of
//! the board `qemu`. On silicon these are the RPU's GIC, the IPI block, the system counter, the TTC
//! and the LPD watchdog. A board's description says where it lies (`[pl.glue]`); one without it is
//! silicon.
//!
//! The plugin (`hw/sim/qemu`) sees each store before the guest's next instruction and answers in
//! the page's memory; loads see memory only. So everything that must be fresh is asked for by a
//! store first.

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
/// Written by a test: the crash that the firmware is asked for (`firmware/rpu/src/provoke.rs`); it
/// stores 0 here first.
pub const PROVOKE: u32 = 0x18;

/// Registers through which one side reads the clock that all sides share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockPort {
    /// Any store writes the time to `low` and `high` before the next instruction.
    pub latch: u32,
    /// Nanoseconds since the machine's start, low word (read only).
    pub low: u32,
    /// High word (read only).
    pub high: u32,
}

/// The R5F's port to the clock.
pub const RPU_CLOCK: ClockPort = ClockPort { latch: 0x1C, low: 0x20, high: 0x24 };
/// Linux's port to the clock. One thread at a time.
pub const APU_CLOCK: ClockPort = ClockPort { latch: 0x28, low: 0x2C, high: 0x30 };

/// Doorbell to the R5F: any store counts one in [`RPU_COUNT`].
pub const RING_RPU: u32 = 0x34;
/// The last [`AGENT_COUNT`] that Linux has seen; the interrupt of IPI agent PL0 is high while they
/// differ.
pub const AGENT_SEEN: u32 = 0x38;
/// Watchdog: the R5's second line (FIQ) goes high this many microseconds after the last store.
/// 0 stops it and lowers the line.
pub const WATCHDOG_US: u32 = 0x3C;
/// Asks the R5F to leave what it does, since QEMU cannot reset a core that runs; its line is high
/// while this is not 0. [`PARK`]: park, store 0 here and wait in a loop that no image overwrites.
/// An entry address with bit 0 set: park, store 0 here and begin there.
pub const RESTART: u32 = 0x40;
/// The request to park and stay.
pub const PARK: u32 = 2;
/// Written by the R5F: 1 while it is parked, for whatever reason, a crash among them.
pub const PARKED: u32 = 0x44;
