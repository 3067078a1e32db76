//! Loads and stores of whole vectors, of arrays of their length so that nothing can be missed, and
//! one instruction that the compiler would take apart.
//!
//! Together with the calls in `dispatch` this is all unsafe code of the crate.

use std::arch::asm;
use std::arch::x86_64::*;

macro_rules! load {
    ($name:ident, $feature:literal, $from:ty, $vector:ty, $load:ident) => {
        #[doc = concat!("Loads all of the array.")]
        #[inline]
        #[target_feature(enable = $feature)]
        pub fn $name(from: &$from) -> $vector {
            const { assert!(size_of::<$from>() == size_of::<$vector>()) };
            // SAFETY: the array is as long as the vector, and the load asks no alignment.
            unsafe { $load(std::ptr::from_ref(from).cast()) }
        }
    };
}

macro_rules! store {
    ($name:ident, $feature:literal, $to:ty, $vector:ty, $store:ident) => {
        #[doc = concat!("Stores to all of the array.")]
        #[inline]
        #[target_feature(enable = $feature)]
        pub fn $name(to: &mut $to, vector: $vector) {
            const { assert!(size_of::<$to>() == size_of::<$vector>()) };
            // SAFETY: the array is as long as the vector, and the store asks no alignment.
            unsafe { $store(std::ptr::from_mut(to).cast(), vector) }
        }
    };
}

load!(load_512, "avx512f", [u8; 64], __m512i, _mm512_loadu_si512);
load!(load_512_words, "avx512f", [u32; 16], __m512i, _mm512_loadu_si512);
store!(store_512_words, "avx512f", [u32; 16], __m512i, _mm512_storeu_si512);
store!(store_512, "avx512f", [u8; 64], __m512i, _mm512_storeu_si512);
load!(load_256, "avx2", [u8; 32], __m256i, _mm256_loadu_si256);
load!(load_256_words, "avx2", [u32; 8], __m256i, _mm256_loadu_si256);
store!(store_256_words, "avx2", [u32; 8], __m256i, _mm256_storeu_si256);
store!(store_256, "avx2", [u8; 32], __m256i, _mm256_storeu_si256);
load!(load_128, "avx2", [u8; 16], __m128i, _mm_loadu_si128);

/// Stores the first `to.len()` bytes, at most all 64.
#[inline]
#[target_feature(enable = "avx512bw")]
pub fn store_512_first(to: &mut [u8], vector: __m512i) {
    // A store without a mask costs less, above all where it crosses cache lines.
    if let Some(to) = to.first_chunk_mut() {
        return store_512(to, vector);
    }
    let mask = (1 << to.len()) - 1;
    // SAFETY: the mask lets only bytes inside the slice be written.
    unsafe { _mm512_mask_storeu_epi8(to.as_mut_ptr().cast(), mask, vector) }
}

/// `sum` and the products of pairs of signed 16-bit numbers, word by word: `_mm512_dpwssd_epi32`.
///
/// Of that, LLVM makes a multiplication and an addition for the sake of its latency. The paths wait for
/// free units and not for results: 24 additions more in a block of 115 instructions.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
pub fn dot_512(mut sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: the instruction reads and writes the named registers and nothing else; that the
    // machine has it is the features' condition.
    unsafe {
        asm!(
            "vpdpwssd {sum}, {a}, {b}",
            sum = inout(zmm_reg) sum,
            a = in(zmm_reg) a,
            b = in(zmm_reg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}
