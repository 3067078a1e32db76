//! Register maps of the programmable logic, generated from SystemRDL.
//!
//! Each map is a module with its fields (`tock_registers`), one [`Reg`] a register, the offsets as
//! constants for matching, and `MAP_HASH`, which the kernel carries in a register, too. The maps
//! are the `.rdl` files in this folder; `export.py` writes `src/generated` and `generated`.
#![no_std]
#![forbid(unsafe_code)]

mod generated;
pub mod irq;
mod reg;

pub use generated::{axi_dma, ctc, gate, kernel, mask, post, pre, sg_descriptor, slice};
pub use reg::{Access, CanRead, CanWrite, ReadOnly, ReadWrite, Reg, WriteOnly};
