//! Bit-exact integer model of every kernel in the programmable logic.
//!
//! This crate is the specification: the RTL equals it bit for bit, the CPU fallback is it, so
//! losing the programmable logic changes the speed and not the result. See README.md for formulas.
//!
//! Hot loops use wrapping arithmetic because the workspace checks overflow in release builds and
//! the checks would stop vectorisation; each such loop says why nothing can wrap.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

pub mod classify;
pub mod ctc;
pub mod gate;
pub mod mask;
pub mod plane;
pub mod post;
pub mod pre;
mod refusal;
pub mod slice;
pub mod tiles;

pub use refusal::Refusal;
