//! Loads and stores of whole NEON vectors: arrays of their length, so that nothing can be missed.
//!
//! Together with the calls in `dispatch` this is all unsafe code of the crate.

use std::arch::aarch64::*;

/// Loads all of the array.
#[inline]
#[target_feature(enable = "neon")]
pub fn load_bytes(from: &[u8; 16]) -> uint8x16_t {
    // SAFETY: the array is as long as the vector; the load asks for the alignment of its elements.
    unsafe { vld1q_u8(from.as_ptr()) }
}

/// Loads all of the array.
#[inline]
#[target_feature(enable = "neon")]
pub fn load_words(from: &[u32; 4]) -> uint32x4_t {
    // SAFETY: the array is as long as the vector; the load asks for the alignment of its elements.
    unsafe { vld1q_u32(from.as_ptr()) }
}

/// Stores to all of the array.
#[inline]
#[target_feature(enable = "neon")]
pub fn store_bytes(to: &mut [u8; 16], vector: uint8x16_t) {
    // SAFETY: the array is as long as the vector; the store asks for the alignment of its elements.
    unsafe { vst1q_u8(to.as_mut_ptr(), vector) }
}

/// Stores to all of the array.
#[inline]
#[target_feature(enable = "neon")]
pub fn store_words(to: &mut [u32; 4], vector: uint32x4_t) {
    // SAFETY: the array is as long as the vector; the store asks for the alignment of its elements.
    unsafe { vst1q_u32(to.as_mut_ptr(), vector) }
}
