//! The programmable logic's SystemVerilog (`hw/rtl`), simulated by Verilator and driven from Rust.
//!
//! A [`Kernel`] is one model of `models.toml` with a clock. [`Source`]s and [`Sink`]s sit on its
//! streams, [`Kernel::read32`] and [`Kernel::write32`] on its AXI4-Lite port; the rules of both
//! interfaces are checked in every clock, and whoever breaks one is named in a panic.

mod axil;
mod bins;
pub mod board;
mod cases;
mod kernel;
mod model;
mod rng;
mod stall;
mod stream;

pub use axil::BusError;
pub use bins::Bins;
pub use cases::{cases, first, tested};
pub use kernel::{Kernel, SinkId, SourceId};
pub use model::{Model, Port};
pub use rng::Rng;
pub use stall::Stall;
pub use stream::{Packet, Sink, Source};
