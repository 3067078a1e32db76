//! `Bus`: the one way to registers, descriptors and shared words.

/// Access to the board's address space by bus address.
///
/// On silicon and in QEMU it is memory-mapped I/O; on the virtual board each access calls the
/// device model synchronously, so every write is exactly one event. Addresses are physical bus
/// addresses; on the R5F they are also CPU addresses, except for TCM (see [`Bus::bus_addr`]).
pub trait Bus {
    /// Reads the 32-bit word at `addr` (4-byte aligned).
    fn read32(&self, addr: u32) -> u32;
    /// Writes the 32-bit word at `addr` (4-byte aligned).
    fn write32(&self, addr: u32, value: u32);
    /// The address under which other bus masters see what the CPU sees at `cpu_addr`.
    fn bus_addr(&self, cpu_addr: u32) -> u32;
    /// Makes earlier memory writes visible to devices; before a doorbell or tail write (`dsb st`).
    fn dma_wmb(&self);
    /// Keeps later memory reads after this point; after an interrupt or status read (`dmb sy`).
    fn dma_rmb(&self);
}

impl<B: Bus + ?Sized> Bus for &B {
    fn read32(&self, addr: u32) -> u32 {
        (**self).read32(addr)
    }
    fn write32(&self, addr: u32, value: u32) {
        (**self).write32(addr, value);
    }
    fn bus_addr(&self, cpu_addr: u32) -> u32 {
        (**self).bus_addr(cpu_addr)
    }
    fn dma_wmb(&self) {
        (**self).dma_wmb();
    }
    fn dma_rmb(&self) {
        (**self).dma_rmb();
    }
}
