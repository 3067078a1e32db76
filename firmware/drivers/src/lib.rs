//! Bus seam, AXI DMA and kernel drivers.
//!
//! Everything here works on bus addresses through [`bus::Bus`], allocates nothing and never waits
//! without a bound that the caller gave. See README.md for the sequences and their sources.
#![no_std]
#![deny(unsafe_code)]

pub mod bus;
pub mod dma;
pub mod kernel;
pub mod march;
pub mod mmio;
pub mod ps;
pub mod reg;
