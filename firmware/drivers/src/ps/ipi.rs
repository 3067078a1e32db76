//! Doorbells between processors: one channel of the IPI block.

use tock_registers::interfaces::{Readable, Writeable};

use super::map::ipi as map;
use crate::bus::Bus;
use crate::reg::Block;

/// Bits of the agents (UG1085, "IPI Interrupts and Message Buffers").
pub mod agent {
    /// The A53s: belongs to TF-A and the kernel.
    pub const APU: u32 = 1 << 0;
    /// R5F core 0.
    pub const RPU0: u32 = 1 << 8;
    /// R5F core 1.
    pub const RPU1: u32 = 1 << 9;
    /// PL0: Linux's side of the link.
    pub const PL0: u32 = 1 << 24;
}

/// One channel.
#[derive(Clone, Copy, Debug)]
pub struct Ipi<B> {
    block: Block<B>,
}

impl<B: Bus> Ipi<B> {
    /// The channel at `base`.
    pub const fn new(bus: B, base: u32) -> Self {
        Self { block: Block::new(bus, base) }
    }

    /// Takes interrupts from `agents` and from nobody else; forgets what was rung before.
    pub fn start(&self, agents: u32) {
        self.block.reg(map::IDR).set(u32::MAX);
        self.acknowledge(u32::MAX);
        self.block.reg(map::IER).set(agents);
    }

    /// Rings `agents`. What they have not yet seen is one ring.
    pub fn ring(&self, agents: u32) {
        // What the ring is about must be in memory before it is heard.
        self.block.bus().dma_wmb();
        self.block.reg(map::TRIG).set(agents);
    }

    /// The ones of `agents` that have not acknowledged our last ring.
    pub fn unseen(&self, agents: u32) -> u32 {
        self.block.reg(map::OBS).get() & agents
    }

    /// Who has rung.
    pub fn rung(&self) -> u32 {
        self.block.reg(map::ISR).get()
    }

    /// Acknowledges the rings of `agents`.
    pub fn acknowledge(&self, agents: u32) {
        self.block.reg(map::ISR).set(agents);
        self.block.bus().dma_rmb();
    }
}
