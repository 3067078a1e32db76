//! Typed register access over a [`Bus`]: a block's base joined with the generated descriptors.

use tandem_regs::{Access, CanRead, CanWrite, Reg};
use tock_registers::RegisterLongName;
use tock_registers::interfaces::{Readable, Writeable};

use crate::bus::Bus;

/// A block of registers (or one descriptor in memory) at a bus address.
#[derive(Clone, Copy, Debug)]
pub struct Block<B> {
    bus: B,
    base: u32,
}

impl<B: Bus> Block<B> {
    /// The block at `base` (4-byte aligned).
    pub const fn new(bus: B, base: u32) -> Self {
        Self { bus, base }
    }

    /// The bus below.
    pub const fn bus(&self) -> &B {
        &self.bus
    }

    /// The block's bus address.
    pub const fn base(&self) -> u32 {
        self.base
    }

    /// One register of the block, ready for `read`, `write`, `modify` and so on.
    pub fn reg<R: RegisterLongName, A: Access>(&self, reg: Reg<R, A>) -> BusReg<'_, B, R, A> {
        BusReg { block: self, reg }
    }

    /// Writes a plain word at an offset that a generated map gave.
    pub(crate) fn set(&self, offset: u32, value: u32) {
        self.bus.write32(self.base.wrapping_add(offset), value);
    }
}

/// A register in place. Each `get` and `set` is exactly one bus access; `modify` is two.
pub struct BusReg<'a, B, R: RegisterLongName, A: Access> {
    block: &'a Block<B>,
    reg: Reg<R, A>,
}

impl<B: Bus, R: RegisterLongName, A: CanRead> Readable for BusReg<'_, B, R, A> {
    type T = u32;
    type R = R;

    #[inline]
    fn get(&self) -> u32 {
        self.block.bus.read32(self.block.base.wrapping_add(self.reg.offset()))
    }
}

impl<B: Bus, R: RegisterLongName, A: CanWrite> Writeable for BusReg<'_, B, R, A> {
    type T = u32;
    type R = R;

    #[inline]
    fn set(&self, value: u32) {
        self.block.bus.write32(self.block.base.wrapping_add(self.reg.offset()), value);
    }
}
