//! `Reg`: what the type system knows about one register of a map.

use core::marker::PhantomData;

use tock_registers::RegisterLongName;

/// What software may do with a register: one of the three types below.
pub trait Access {}
/// Reads are allowed.
pub trait CanRead: Access {}
/// Writes are allowed.
pub trait CanWrite: Access {}

/// Software reads it.
#[derive(Clone, Copy, Debug)]
pub enum ReadOnly {}
/// Software writes it.
#[derive(Clone, Copy, Debug)]
pub enum WriteOnly {}
/// Software reads and writes it.
#[derive(Clone, Copy, Debug)]
pub enum ReadWrite {}

impl Access for ReadOnly {}
impl Access for WriteOnly {}
impl Access for ReadWrite {}
impl CanRead for ReadOnly {}
impl CanRead for ReadWrite {}
impl CanWrite for WriteOnly {}
impl CanWrite for ReadWrite {}

/// One 32-bit register of a map: its place, its value after reset, its fields `R` and its access
/// `A`. It holds no address: a driver joins it with a block's base.
pub struct Reg<R: RegisterLongName, A: Access> {
    offset: u32,
    reset: u32,
    kind: PhantomData<(R, A)>,
}

impl<R: RegisterLongName, A: Access> Reg<R, A> {
    /// A register `offset` bytes into its block that reads `reset` after a reset.
    pub const fn new(offset: u32, reset: u32) -> Self {
        Self { offset, reset, kind: PhantomData }
    }

    /// Bytes from the block's base.
    pub const fn offset(self) -> u32 {
        self.offset
    }

    /// Value after a reset (0 where the map leaves it open).
    pub const fn reset(self) -> u32 {
        self.reset
    }
}

// Derives would ask for `R: Copy` and `A: Copy`.
impl<R: RegisterLongName, A: Access> Clone for Reg<R, A> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R: RegisterLongName, A: Access> Copy for Reg<R, A> {}
