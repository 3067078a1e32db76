//! NEON: the board's Cortex-A53 and every other 64-bit Arm. Four columns at a time.

use std::arch::aarch64::*;

use tandem_model::pre::colour::{BLUE_U, GREEN_U, GREEN_V, HALF, LUMA, RED_V};

use crate::dispatch::{Lines, Outputs, ROUND, Stores};
use crate::elements::Store;
use crate::machine_arm::{load_bytes, load_words, store_bytes, store_words};
use crate::plan::{Plan, Shape};

/// NV12: 16 bytes hold what 4 columns need, up to a shrinkage of about 4.5.
pub const NV12: Shape = Shape { block: 4, group: 4, windows: &[16] };
/// RGB: always staged, 16 bytes for 2 columns.
pub const RGB: Shape = Shape { block: 4, group: 2, windows: &[] };

/// Luma less 16, U and V in words to R, G, B, clamped to 0..65535; the model's own products.
#[inline]
#[target_feature(enable = "neon")]
fn rgb(y: uint8x16_t, u: uint8x16_t, v: uint8x16_t) -> [uint16x4_t; 3] {
    let y = vmlaq_n_s32(vdupq_n_s32(HALF), vreinterpretq_s32_u8(y), LUMA);
    let u = vsubq_s32(vreinterpretq_s32_u8(u), vdupq_n_s32(128));
    let v = vsubq_s32(vreinterpretq_s32_u8(v), vdupq_n_s32(128));
    let red = vmlaq_n_s32(y, v, RED_V);
    let green = vmlsq_n_s32(vmlsq_n_s32(y, v, GREEN_V), u, GREEN_U);
    let blue = vmlaq_n_s32(y, u, BLUE_U);
    [
        vqmovun_s32(vshrq_n_s32::<20>(red)),
        vqmovun_s32(vshrq_n_s32::<20>(green)),
        vqmovun_s32(vshrq_n_s32::<20>(blue)),
    ]
}

/// Pairs of taps with their pairs of weights, and [`ROUND`].
#[inline]
#[target_feature(enable = "neon")]
fn lerp(taps: uint16x8_t, weights: uint16x8_t) -> uint32x4_t {
    let low = vmull_u16(vget_low_u16(taps), vget_low_u16(weights));
    let high = vmull_high_u16(taps, weights);
    vaddq_u32(vpaddq_u32(low, high), vdupq_n_u32(ROUND as u32))
}

/// Interpolates a block of 4 columns across: R, G, B in Q11 plus [`ROUND`].
#[inline]
#[target_feature(enable = "neon")]
fn block(
    [luma, chroma]: Lines,
    base: u32,
    index: &[[u32; 4]; 2],
    weights: uint16x8_t,
) -> [uint32x4_t; 3] {
    const INSIDE: &str = "a plan's windows are inside the row";
    let luma = load_bytes(luma[base as usize..].first_chunk().expect(INSIDE));
    let luma = vqsubq_u8(luma, vdupq_n_u8(16));
    let chroma = load_bytes(chroma[base as usize..].first_chunk().expect(INSIDE));
    // An index outside the register gives 0: only the lowest byte of a word is taken.
    let outside = vreinterpretq_u8_u32(vdupq_n_u32(0x8080_8000));
    let mut halves = [[vdup_n_u16(0); 3]; 2];
    for (half, index) in halves.iter_mut().zip(index) {
        let index = vorrq_u8(vreinterpretq_u8_u32(load_words(index)), outside);
        let y = vqtbl1q_u8(luma, index);
        let u = vqtbl1q_u8(chroma, vandq_u8(index, vdupq_n_u8(!1)));
        let v = vqtbl1q_u8(chroma, vorrq_u8(index, vdupq_n_u8(1)));
        *half = rgb(y, u, v);
    }
    let mut words = [vdupq_n_u32(0); 3];
    for (word, (first, second)) in words.iter_mut().zip(halves[0].iter().zip(halves[1])) {
        let taps = vminq_u16(vcombine_u16(*first, second), vdupq_n_u16(255));
        *word = lerp(taps, weights);
    }
    words
}

/// Interpolates a row across. Rows come out as Q11 plus [`ROUND`].
#[target_feature(enable = "neon")]
pub fn across_nv12(lines: Lines, plan: &Plan, out: &mut [Box<[u32]>; 3]) {
    let index = plan.index().as_chunks().0.as_chunks::<2>().0;
    let weights = plan.weights().as_chunks().0;
    let [r, g, b] = out;
    let (r, g, b) = (r.as_chunks_mut().0, g.as_chunks_mut().0, b.as_chunks_mut().0);
    for (i, &base) in plan.bases().iter().enumerate() {
        let weights = vreinterpretq_u16_u32(load_words(&weights[i]));
        let words = block(lines, base, &index[i], weights);
        store_words(&mut r[i], words[0]);
        store_words(&mut g[i], words[1]);
        store_words(&mut b[i], words[2]);
    }
}

/// Interpolates two rows across and down at once, for rows that no other output row needs.
#[target_feature(enable = "neon")]
pub fn both_nv12(rows: [Lines; 2], plan: &Plan, weight: u32, stores: &Stores, out: Outputs) {
    let weight = vdupq_n_u32(4 * weight);
    let index = plan.index().as_chunks().0.as_chunks::<2>().0;
    let weights = plan.weights().as_chunks().0;
    let bases = plan.bases();
    let size = stores[0].bytes();
    let columns = out[0].len() / size;
    for first in (0..columns).step_by(16) {
        let mut sums = [[vdupq_n_u32(0); 4]; 3];
        for (k, &base) in bases[first / 4..].iter().take(4).enumerate() {
            let i = first / 4 + k;
            let weights = vreinterpretq_u16_u32(load_words(&weights[i]));
            let upper = block(rows[0], base, &index[i], weights);
            let lower = block(rows[1], base, &index[i], weights);
            for c in 0..3 {
                sums[c][k] = down(upper[c], lower[c], weight);
            }
        }
        let end = columns.min(first + 16);
        for c in 0..3 {
            put(sums[c], stores[c], &mut out[c][first * size..end * size]);
        }
    }
}

/// As [`across_nv12`], of a staged row.
#[target_feature(enable = "neon")]
pub fn across_rgb(staged: &[u8], plan: &Plan, out: &mut [Box<[u32]>; 3]) {
    // Of two columns: taps of R, of G, of B, of nothing.
    let order = load_bytes(&[0, 3, 8, 11, 1, 4, 9, 12, 2, 5, 10, 13, 255, 255, 255, 255]);
    let weights = plan.weights().as_chunks().0.iter();
    let [r, g, b] = out;
    let (r, g, b) = (r.as_chunks_mut().0, g.as_chunks_mut().0, b.as_chunks_mut().0);
    for (i, (weights, staged)) in weights.zip(staged.as_chunks().0.as_chunks::<2>().0).enumerate() {
        let first = vreinterpretq_u32_u8(vqtbl1q_u8(load_bytes(&staged[0]), order));
        let second = vreinterpretq_u32_u8(vqtbl1q_u8(load_bytes(&staged[1]), order));
        let red_green = vreinterpretq_u8_u32(vzip1q_u32(first, second));
        let blue = vreinterpretq_u8_u32(vzip2q_u32(first, second));
        let weights = vreinterpretq_u16_u32(load_words(weights));
        store_words(&mut r[i], lerp(vmovl_u8(vget_low_u8(red_green)), weights));
        store_words(&mut g[i], lerp(vmovl_high_u8(red_green), weights));
        store_words(&mut b[i], lerp(vmovl_u8(vget_low_u8(blue)), weights));
    }
}

/// `(upper * (2048 - weight) + lower * weight + 2^21) >> 22`, in the highest byte of each word;
/// `weight` comes times 4. Under 2^32: at most 255 * 2^24 + 2^23.
#[inline]
#[target_feature(enable = "neon")]
fn down(upper: uint32x4_t, lower: uint32x4_t, weight: uint32x4_t) -> uint32x4_t {
    vmlaq_u32(vshlq_n_u32::<13>(upper), vsubq_u32(lower, upper), weight)
}

/// Interpolates two rows down to elements.
#[target_feature(enable = "neon")]
pub fn blend(upper: &[u32], lower: &[u32], weight: u32, store: Store, out: &mut [u8]) {
    let weight = vdupq_n_u32(4 * weight);
    let rows = upper.as_chunks::<4>().0.as_chunks::<4>().0.iter();
    let rows = rows.zip(lower.as_chunks::<4>().0.as_chunks::<4>().0);
    for ((upper, lower), out) in rows.zip(out.chunks_mut(16 * store.bytes())) {
        let mut sums = [weight; 4];
        for (sum, (upper, lower)) in sums.iter_mut().zip(upper.iter().zip(lower)) {
            *sum = down(load_words(upper), load_words(lower), weight);
        }
        put(sums, store, out);
    }
}

/// Stores 16 columns, or as many as there is room for.
#[inline]
#[target_feature(enable = "neon")]
fn put([a, b, c, d]: [uint32x4_t; 4], store: Store, out: &mut [u8]) {
    let low = vcombine_u16(vshrn_n_u32::<16>(a), vshrn_n_u32::<16>(b));
    let high = vcombine_u16(vshrn_n_u32::<16>(c), vshrn_n_u32::<16>(d));
    let bytes = vcombine_u8(vshrn_n_u16::<8>(low), vshrn_n_u16::<8>(high));
    if let (Store::Same, Some(all)) = (store, out.as_mut_array()) {
        return store_bytes(all, bytes);
    }
    let mut column = [0; 16];
    store_bytes(&mut column, bytes);
    store.put(&column[..out.len() / store.bytes()], out);
}
