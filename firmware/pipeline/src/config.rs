//! What a pipeline is told about its board.

use tandem_drivers::kernel::GateSetup;
use tandem_link::message::Nanos;

/// Addresses, periods and limits. All addresses are bus addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipelineConfig {
    /// AXI DMA of the `pre` lane.
    pub dma_pre: u32,
    /// AXI DMA of the `post` lane.
    pub dma_post: u32,
    /// `pre` kernel.
    pub pre: u32,
    /// `post` kernel.
    pub post: u32,
    /// Gate.
    pub gate: u32,
    /// Memory for descriptors: 64-byte aligned, non-cacheable, never in TCM.
    pub descriptors: u32,
    /// Bytes of it. 1 MiB holds the chains of any job; see README.md for how it is divided.
    pub descriptor_bytes: u32,
    /// Payload memory that may be read while the DMA's length field is measured: 32 MiB at a
    /// 64-byte aligned address.
    pub pool: u32,
    /// Alignment that the DMA needs of addresses and lengths: 1 with its realignment engine.
    pub alignment: u32,
    /// A beat this often.
    pub heartbeat_period: Nanos,
    /// A kernel that runs longer hangs.
    pub kernel_timeout: Nanos,
    /// A completion that no interrupt announced is found after this time at the latest.
    pub poll_period: Nanos,
    /// How the gate is wired.
    pub gate_setup: GateSetup,
    /// Wish for the first epoch (0: none); the link only counts up from the last one.
    pub epoch: u32,
    /// Compare every word of every descriptor after each job. It costs seven uncached reads a
    /// descriptor, and finds flipped bits that did no harm, too; harmful ones are always found.
    pub verify_all: bool,
}

impl PipelineConfig {
    /// Periods as they suit a board: beat 10 ms, kernel 100 ms, poll 2 ms; everything verified; no
    /// realignment needed. The caller sets the addresses.
    pub const DEFAULT: Self = Self {
        dma_pre: 0,
        dma_post: 0,
        pre: 0,
        post: 0,
        gate: 0,
        descriptors: 0,
        descriptor_bytes: 0,
        pool: 0,
        alignment: 1,
        heartbeat_period: 10_000_000,
        kernel_timeout: 100_000_000,
        poll_period: 2_000_000,
        gate_setup: GateSetup::NONE,
        epoch: 0,
        verify_all: true,
    };
}
