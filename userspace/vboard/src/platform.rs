//! The pipeline's view of the virtual board: its bus and its platform.

use crate::{
    life::Life,
    machine::Machine,
    memory::{CoreMemory, DdrMemory},
};
use std::sync::{Arc, MutexGuard};
use tandem_drivers::bus::Bus;
use tandem_link::message::Nanos;
use tandem_pipeline::platform::Platform;
use tandem_sim::Sim;

/// Virtual time of a look at the clock.
const CLOCK_NS: Nanos = 10;
/// What a read gives where nobody answers.
const NOBODY: u32 = 0xFFFF_FFFF;

/// The bus of one life of the core: memory directly, the programmable logic by a call into its
/// model. Every access is a kill point.
pub struct VirtualBus {
    machine: Arc<Machine>,
    life: Arc<Life>,
}

impl VirtualBus {
    fn is_memory(&self, addr: u32) -> bool {
        self.machine.board.ddr.contains(addr, 4)
    }

    /// The programmable logic, for an access at `addr`. The gate judges a cancel by the time at
    /// which it is written, not by the core's last turn; the other blocks have no time of their own.
    fn logic(&self, addr: u32) -> MutexGuard<'_, Sim> {
        let mut sim = self.machine.sim();
        if self.machine.board.pl.gate.contains(addr, 4) {
            sim.advance(self.machine.clock.now());
        }
        sim
    }
}

impl Bus for VirtualBus {
    fn read32(&self, addr: u32) -> u32 {
        if !self.life.access() {
            return 0;
        }
        if self.is_memory(addr) {
            self.machine.ddr.read32(addr).unwrap_or(NOBODY)
        } else {
            self.logic(addr).read32(addr)
        }
    }

    fn write32(&self, addr: u32, value: u32) {
        if !self.life.access() {
            return;
        }
        if self.is_memory(addr) {
            // A misaligned write is lost, as a misaligned read gives nonsense.
            let _lost = self.machine.ddr.write32(addr, value);
        } else {
            self.logic(addr).write32(addr, value);
        }
    }

    fn bus_addr(&self, cpu_addr: u32) -> u32 {
        cpu_addr
    }

    // The device model runs under a lock, which orders everything before and after it.
    fn dma_wmb(&self) {}
    fn dma_rmb(&self) {}
}

/// The pipeline's platform for one life of the core.
pub struct VirtualPlatform {
    bus: VirtualBus,
    memory: CoreMemory,
}

impl VirtualPlatform {
    pub(crate) fn new(machine: Arc<Machine>, life: Arc<Life>) -> Self {
        let words = DdrMemory::new(&machine.ddr, machine.board.regions.link);
        let memory = CoreMemory::new(words, Arc::clone(&life));
        Self { bus: VirtualBus { machine, life }, memory }
    }
}

impl Platform for VirtualPlatform {
    type Bus = VirtualBus;
    type Memory = CoreMemory;

    fn bus(&self) -> &VirtualBus {
        &self.bus
    }

    fn memory(&self) -> &CoreMemory {
        &self.memory
    }

    fn now(&self) -> Nanos {
        let clock = &self.bus.machine.clock;
        clock.spend(CLOCK_NS);
        clock.now()
    }

    fn wake_at(&self, at: Nanos) {
        self.bus.life.wake_at(at);
    }

    fn irq_lines(&self) -> u32 {
        if self.bus.life.access() { self.bus.machine.sim().irq_lines() } else { 0 }
    }

    fn ring_agent(&self) {
        if self.bus.life.access() {
            self.bus.machine.agent_bell.ring();
        }
    }
}
