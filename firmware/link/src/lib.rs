//! Shared-memory rings, slots and messages between the agent and its neighbours.
//!
//! One protocol serves every neighbour (the R5F, a GPU worker): two single-producer
//! single-consumer rings of fixed-size postcard messages, a slot table, doorbells, heartbeats and
//! epochs, all in one block of shared words. See README.md for the layout and its rules.
//!
//! The peer's end is `no_std` and needs no heap. The agent's end (`master`, the slot table) and
//! the seam to a whole board (`board`) need the feature `std`.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

#[cfg(feature = "std")]
pub mod board;
pub mod console;
pub mod crash;
pub mod error;
pub mod glue;
#[cfg(feature = "std")]
pub mod image;
pub mod job;
pub mod layout;
pub mod log;
#[cfg(feature = "std")]
pub mod master;
pub mod memory;
pub mod message;
pub mod peer;
pub mod ring;
pub mod seqlock;
pub mod slot;

pub use error::LinkError;
pub use layout::Geometry;
pub use memory::SharedMemory;
pub use slot::{SlotClass, SlotInit};
