//! One block on a bus whose accesses take time.

use std::cell::{Cell, RefCell};

use tandem_drivers::bus::Bus;
use tandem_sim::ps::Device;

/// Where the block lies.
pub const BASE: u32 = 0xFF00_0000;
/// Time that an access takes, ns.
const ACCESS: u64 = 200;

/// A bus with one block.
pub struct Bench<D: Device> {
    device: RefCell<D>,
    now: Cell<u64>,
    accesses: Cell<u64>,
}

impl<D: Device> Bench<D> {
    pub fn new(device: D) -> Self {
        Self { device: RefCell::new(device), now: Cell::new(0), accesses: Cell::new(0) }
    }

    /// Looks at the model, or does something to it.
    pub fn model<T>(&self, look: impl FnOnce(&mut D) -> T) -> T {
        look(&mut self.device.borrow_mut())
    }

    /// Time passes, ns.
    pub fn pass(&self, ns: u64) {
        self.now.set(self.now.get() + ns);
        self.device.borrow_mut().advance(self.now.get());
    }

    pub fn now(&self) -> u64 {
        self.now.get()
    }

    /// Accesses so far.
    pub fn accesses(&self) -> u64 {
        self.accesses.get()
    }

    fn event(&self) {
        self.accesses.set(self.accesses.get() + 1);
        self.pass(ACCESS);
    }
}

impl<D: Device> Bus for Bench<D> {
    fn read32(&self, addr: u32) -> u32 {
        self.event();
        self.device.borrow_mut().read32(addr - BASE)
    }
    fn write32(&self, addr: u32, value: u32) {
        self.event();
        self.device.borrow_mut().write32(addr - BASE, value);
    }
    fn bus_addr(&self, cpu_addr: u32) -> u32 {
        cpu_addr
    }
    fn dma_wmb(&self) {}
    fn dma_rmb(&self) {}
}

impl<D: Device> Drop for Bench<D> {
    fn drop(&mut self) {
        let misuse = std::mem::take(self.device.borrow_mut().misuse());
        if !std::thread::panicking() {
            assert!(misuse.is_empty(), "the driver breaks the block's rules: {misuse:#?}");
        }
    }
}
