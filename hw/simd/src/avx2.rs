//! AVX2: nearly every x86-64 machine. The arithmetic is that of [`crate::avx512`], 8 columns at a
//! time, with multiply-adds of pairs and an addition.

use std::arch::x86_64::*;

use crate::colour::{
    BLUE, BLUE_BIAS, GREEN_BIAS, GREEN_U, GREEN_U_REST, GREEN_YV, GREEN_YV_REST, RED, RED_BIAS,
    pair,
};
use crate::dispatch::{Lines, Outputs, ROUND, Stores};
use crate::elements::Store;
use crate::machine_x86::{load_128, load_256, load_256_words, store_256, store_256_words};
use crate::plan::{Plan, Shape};

/// NV12: 16 bytes hold what 4 columns need, up to a shrinkage of about 4.5.
pub const NV12: Shape = Shape { block: 8, group: 4, windows: &[16] };
/// RGB: always staged, 16 bytes for 2 columns.
pub const RGB: Shape = Shape { block: 8, group: 2, windows: &[] };

/// Two windows of a row.
#[inline]
#[target_feature(enable = "avx2")]
fn windows(row: &[u8], bases: [u32; 2]) -> __m256i {
    const INSIDE: &str = "a plan's windows are inside the row";
    let low = load_128(row[bases[0] as usize..].first_chunk().expect(INSIDE));
    let high = load_128(row[bases[1] as usize..].first_chunk().expect(INSIDE));
    _mm256_set_m128i(high, low)
}

/// `sum` and the products of pairs.
#[inline]
#[target_feature(enable = "avx2")]
fn dot(sum: __m256i, a: __m256i, b: __m256i) -> __m256i {
    _mm256_add_epi32(sum, _mm256_madd_epi16(a, b))
}

/// As in [`crate::avx512`].
#[inline]
#[target_feature(enable = "avx2")]
fn rgb(yu: __m256i, yv: __m256i) -> [__m256i; 3] {
    let red = dot(_mm256_set1_epi32(RED_BIAS), yv, _mm256_set1_epi32(pair(RED)));
    let start = _mm256_add_epi32(yu, _mm256_set1_epi32(BLUE_BIAS));
    let blue = dot(start, yu, _mm256_set1_epi32(pair(BLUE)));
    let green = dot(_mm256_set1_epi32(GREEN_BIAS), yv, _mm256_set1_epi32(pair(GREEN_YV)));
    let green = dot(green, yu, _mm256_set1_epi32(pair(GREEN_U)));
    let green = _mm256_slli_epi32::<6>(green);
    let green = dot(green, yv, _mm256_set1_epi32(pair(GREEN_YV_REST)));
    let green = dot(green, yu, _mm256_set1_epi32(pair(GREEN_U_REST)));
    [_mm256_srai_epi32::<14>(red), _mm256_srai_epi32::<20>(green), _mm256_srai_epi32::<14>(blue)]
}

/// Interpolates a block of 8 columns across: R, G, B in Q11 plus [`ROUND`].
#[inline]
#[target_feature(enable = "avx2")]
fn block(
    [luma, chroma]: Lines,
    bases: [u32; 2],
    index: &[[u32; 8]; 2],
    weights: __m256i,
) -> [__m256i; 3] {
    let luma = _mm256_subs_epu8(windows(luma, bases), _mm256_set1_epi8(16));
    let chroma = windows(chroma, bases);
    // An index with its highest bit set gives 0.
    let but_luma = _mm256_set1_epi32(0x8080_8000_u32 as i32);
    let but_chroma = _mm256_set1_epi32(0x8000_8080_u32 as i32);
    let mut halves = [[luma; 3]; 2];
    for (half, index) in halves.iter_mut().zip(index) {
        let index = load_256_words(index);
        let y = _mm256_shuffle_epi8(luma, _mm256_or_si256(index, but_luma));
        let even = _mm256_and_si256(index, _mm256_set1_epi8(!1));
        let odd = _mm256_or_si256(index, _mm256_set1_epi8(1));
        let u = _mm256_shuffle_epi8(chroma, _mm256_or_si256(even, but_chroma));
        let v = _mm256_shuffle_epi8(chroma, _mm256_or_si256(odd, but_chroma));
        *half = rgb(_mm256_or_si256(y, u), _mm256_or_si256(y, v));
    }
    let mut words = halves[0];
    for (word, second) in words.iter_mut().zip(halves[1]) {
        let taps = _mm256_packus_epi32(*word, second);
        let taps = _mm256_min_epi16(taps, _mm256_set1_epi16(255));
        *word = dot(_mm256_set1_epi32(ROUND), taps, weights);
    }
    words
}

/// Interpolates a row across. Rows come out as Q11 plus [`ROUND`].
#[target_feature(enable = "avx2")]
pub fn across_nv12(lines: Lines, plan: &Plan, out: &mut [Box<[u32]>; 3]) {
    let index = plan.index().as_chunks().0.as_chunks::<2>().0;
    let weights = plan.weights().as_chunks().0;
    let [r, g, b] = out;
    let (r, g, b) = (r.as_chunks_mut().0, g.as_chunks_mut().0, b.as_chunks_mut().0);
    for (i, &bases) in plan.bases().as_chunks().0.iter().enumerate() {
        let words = block(lines, bases, &index[i], load_256_words(&weights[i]));
        store_256_words(&mut r[i], words[0]);
        store_256_words(&mut g[i], words[1]);
        store_256_words(&mut b[i], words[2]);
    }
}

/// Interpolates two rows across and down at once, for rows that no other output row needs.
#[target_feature(enable = "avx2")]
pub fn both_nv12(rows: [Lines; 2], plan: &Plan, weight: u32, stores: &Stores, out: Outputs) {
    let weight = _mm256_set1_epi32(4 * weight as i32);
    let index = plan.index().as_chunks().0.as_chunks::<2>().0;
    let weights = plan.weights().as_chunks().0;
    let bases = plan.bases().as_chunks().0;
    let size = stores[0].bytes();
    let columns = out[0].len() / size;
    for first in (0..columns).step_by(32) {
        let mut sums = [[_mm256_setzero_si256(); 4]; 3];
        for (k, &bases) in bases[first / 8..].iter().take(4).enumerate() {
            let i = first / 8 + k;
            let weights = load_256_words(&weights[i]);
            let upper = block(rows[0], bases, &index[i], weights);
            let lower = block(rows[1], bases, &index[i], weights);
            for c in 0..3 {
                sums[c][k] = down(upper[c], lower[c], weight);
            }
        }
        let end = columns.min(first + 32);
        for c in 0..3 {
            put(sums[c], stores[c], &mut out[c][first * size..end * size]);
        }
    }
}

/// As [`across_nv12`], of a staged row.
#[target_feature(enable = "avx2")]
pub fn across_rgb(staged: &[u8], plan: &Plan, out: &mut [Box<[u32]>; 3]) {
    // Of two columns in a lane: taps of R, of G, of B, of nothing.
    let order = load_256(&[
        0, 3, 8, 11, 1, 4, 9, 12, 2, 5, 10, 13, 128, 128, 128, 128, //
        0, 3, 8, 11, 1, 4, 9, 12, 2, 5, 10, 13, 128, 128, 128, 128,
    ]);
    let zero = _mm256_setzero_si256();
    let weights = plan.weights().as_chunks().0.iter();
    let [r, g, b] = out;
    let (r, g, b) = (r.as_chunks_mut().0, g.as_chunks_mut().0, b.as_chunks_mut().0);
    for (i, (weights, staged)) in weights.zip(staged.as_chunks::<64>().0).enumerate() {
        let parts: &[[u8; 16]; 4] = staged.as_chunks().0.as_array().expect("four times 16 bytes");
        // Columns 0, 1 and 4, 5; then 2, 3 and 6, 7: unpacked they are in order.
        let first = _mm256_set_m128i(load_128(&parts[2]), load_128(&parts[0]));
        let second = _mm256_set_m128i(load_128(&parts[3]), load_128(&parts[1]));
        let first = _mm256_shuffle_epi8(first, order);
        let second = _mm256_shuffle_epi8(second, order);
        let red_green = _mm256_unpacklo_epi32(first, second);
        let blue = _mm256_unpackhi_epi32(first, second);
        let weights = load_256_words(weights);
        let round = _mm256_set1_epi32(ROUND);
        let taps = _mm256_unpacklo_epi8(red_green, zero);
        store_256_words(&mut r[i], dot(round, taps, weights));
        let taps = _mm256_unpackhi_epi8(red_green, zero);
        store_256_words(&mut g[i], dot(round, taps, weights));
        let taps = _mm256_unpacklo_epi8(blue, zero);
        store_256_words(&mut b[i], dot(round, taps, weights));
    }
}

/// As in [`crate::avx512`]: the result is the highest byte of each word.
#[inline]
#[target_feature(enable = "avx2")]
fn down(upper: __m256i, lower: __m256i, weight: __m256i) -> __m256i {
    let change = _mm256_mullo_epi32(_mm256_sub_epi32(lower, upper), weight);
    _mm256_add_epi32(_mm256_slli_epi32::<13>(upper), change)
}

/// Interpolates two rows down to elements.
#[target_feature(enable = "avx2")]
pub fn blend(upper: &[u32], lower: &[u32], weight: u32, store: Store, out: &mut [u8]) {
    let weight = _mm256_set1_epi32(4 * weight as i32);
    let rows = upper.as_chunks::<8>().0.as_chunks::<4>().0.iter();
    let rows = rows.zip(lower.as_chunks::<8>().0.as_chunks::<4>().0);
    for ((upper, lower), out) in rows.zip(out.chunks_mut(32 * store.bytes())) {
        let mut sums = [weight; 4];
        for (sum, (upper, lower)) in sums.iter_mut().zip(upper.iter().zip(lower)) {
            *sum = down(load_256_words(upper), load_256_words(lower), weight);
        }
        put(sums, store, out);
    }
}

/// Stores 32 columns, or as many as there is room for.
#[inline]
#[target_feature(enable = "avx2")]
fn put(sums: [__m256i; 4], store: Store, out: &mut [u8]) {
    let [a, b, c, d] = sums;
    let ab = _mm256_packus_epi32(_mm256_srli_epi32::<24>(a), _mm256_srli_epi32::<24>(b));
    let cd = _mm256_packus_epi32(_mm256_srli_epi32::<24>(c), _mm256_srli_epi32::<24>(d));
    // Four columns of each register lie in the one lane, four in the other.
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    let bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(ab, cd), order);
    if let (Store::Same, Some(all)) = (store, out.as_mut_array()) {
        return store_256(all, bytes);
    }
    let mut column = [0; 32];
    store_256(&mut column, bytes);
    store.put(&column[..out.len() / store.bytes()], out);
}
