//! AVX-512 with byte permutes (VBMI) and VNNI: Ice Lake, Zen 4 and later.

use std::arch::x86_64::*;
use std::hint::black_box;

use crate::colour::{
    BLUE, BLUE_BIAS, GREEN_BIAS, GREEN_U, GREEN_U_REST, GREEN_YV, GREEN_YV_REST, RED, RED_BIAS,
    pair,
};
use crate::dispatch::{Lines, Outputs, ROUND, Stores};
use crate::elements::Store;
use crate::machine_x86::{dot_512, load_512, load_512_words, store_512_first, store_512_words};
use crate::plan::{Plan, Shape};

/// NV12: one or two registers hold what 16 columns need, up to a shrinkage of about 8.
pub const NV12: Shape = Shape { block: 16, group: 16, windows: &[64, 128] };
/// RGB: as much, up to a shrinkage of about 2.6.
pub const RGB: Shape = Shape { block: 16, group: 16, windows: &[128] };

/// What 16 columns need of a row; a narrow window has no second half.
struct Window(__m512i, __m512i);

impl Window {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load<const WIDE: bool>(row: &[u8], base: u32) -> Self {
        const INSIDE: &str = "a plan's windows are inside the row";
        let row = &row[base as usize..];
        let low = load_512(row.first_chunk().expect(INSIDE));
        let high = if WIDE { load_512(row[64..].first_chunk().expect(INSIDE)) } else { low };
        Self(low, high)
    }

    /// The indexed bytes where `keep` has a bit, zeros elsewhere.
    #[inline]
    #[target_feature(enable = "avx512bw,avx512vbmi")]
    fn pick<const WIDE: bool>(&self, keep: u64, index: __m512i) -> __m512i {
        if WIDE {
            _mm512_maskz_permutex2var_epi8(keep, self.0, index, self.1)
        } else {
            _mm512_maskz_permutexvar_epi8(keep, index, self.0)
        }
    }

    /// The indexed bytes where `keep` has a bit, those of `into` elsewhere.
    #[inline]
    #[target_feature(enable = "avx512bw,avx512vbmi")]
    fn merge<const WIDE: bool>(&self, into: __m512i, keep: u64, index: __m512i) -> __m512i {
        if WIDE {
            let bytes = _mm512_permutex2var_epi8(self.0, index, self.1);
            _mm512_mask_mov_epi8(into, keep, bytes)
        } else {
            _mm512_mask_permutexvar_epi8(into, keep, index, self.0)
        }
    }
}

/// The bytes of a word that luma and chroma take. Hidden from the compiler, which otherwise
/// makes an instruction of its own of each mask.
struct Keep {
    luma: u64,
    chroma: u64,
}

impl Keep {
    fn new() -> Self {
        Self { luma: black_box(0x1111_1111_1111_1111), chroma: black_box(0x4444_4444_4444_4444) }
    }
}

/// Shuffle indices of luma, U and V of half a block.
struct Index {
    luma: __m512i,
    u: __m512i,
    v: __m512i,
}

impl Index {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load(index: &[u32; 16]) -> Self {
        let luma = load_512_words(index);
        let u = _mm512_and_si512(luma, _mm512_set1_epi8(!1));
        let v = _mm512_or_si512(luma, _mm512_set1_epi8(1));
        Self { luma, u, v }
    }
}

/// Interpolates a block of 16 columns across: R, G, B in Q11 plus [`ROUND`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
fn block<const WIDE: bool>(
    [luma, chroma]: Lines,
    base: u32,
    index: &[Index; 2],
    weights: __m512i,
    keep: &Keep,
) -> [__m512i; 3] {
    let black = _mm512_set1_epi8(16);
    let luma = Window::load::<WIDE>(luma, base);
    let luma = Window(_mm512_subs_epu8(luma.0, black), _mm512_subs_epu8(luma.1, black));
    let chroma = Window::load::<WIDE>(chroma, base);
    let mut halves = [[luma.0; 3]; 2];
    for (half, index) in halves.iter_mut().zip(index) {
        let y = luma.pick::<WIDE>(keep.luma, index.luma);
        let yu = chroma.merge::<WIDE>(y, keep.chroma, index.u);
        let yv = chroma.merge::<WIDE>(y, keep.chroma, index.v);
        *half = rgb(yu, yv);
    }
    let mut words = halves[0];
    for (word, second) in words.iter_mut().zip(halves[1]) {
        let taps = _mm512_packus_epi32(*word, second);
        *word = lerp(_mm512_min_epi16(taps, _mm512_set1_epi16(255)), weights);
    }
    words
}

/// From luma less 16 in the lower and U or V in the upper half of each word to R, G, B; not
/// clamped yet. See [`crate::colour`].
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn rgb(yu: __m512i, yv: __m512i) -> [__m512i; 3] {
    let red = dot_512(_mm512_set1_epi32(RED_BIAS), yv, _mm512_set1_epi32(pair(RED)));
    let start = _mm512_add_epi32(yu, _mm512_set1_epi32(BLUE_BIAS));
    let blue = dot_512(start, yu, _mm512_set1_epi32(pair(BLUE)));
    let green = dot_512(_mm512_set1_epi32(GREEN_BIAS), yv, _mm512_set1_epi32(pair(GREEN_YV)));
    let green = dot_512(green, yu, _mm512_set1_epi32(pair(GREEN_U)));
    let green = _mm512_slli_epi32::<6>(green);
    let green = dot_512(green, yv, _mm512_set1_epi32(pair(GREEN_YV_REST)));
    let green = dot_512(green, yu, _mm512_set1_epi32(pair(GREEN_U_REST)));
    [_mm512_srai_epi32::<14>(red), _mm512_srai_epi32::<20>(green), _mm512_srai_epi32::<14>(blue)]
}

/// Interpolates a row across. Rows come out as Q11 plus [`ROUND`].
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
pub fn across_nv12(lines: Lines, plan: &Plan, out: &mut [Box<[u32]>; 3]) {
    match plan.window {
        Some(128) => across_nv12_in::<true>(lines, plan, out),
        _ => across_nv12_in::<false>(lines, plan, out),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
fn across_nv12_in<const WIDE: bool>(lines: Lines, plan: &Plan, out: &mut [Box<[u32]>; 3]) {
    let keep = Keep::new();
    let index = plan.index().as_chunks().0.as_chunks::<2>().0;
    let weights = plan.weights().as_chunks().0;
    let out = out.each_mut().map(|row| row.as_chunks_mut().0);
    for (i, &base) in plan.bases().iter().enumerate() {
        let index = [Index::load(&index[i][0]), Index::load(&index[i][1])];
        let words = block::<WIDE>(lines, base, &index, load_512_words(&weights[i]), &keep);
        for c in 0..3 {
            store_512_words(&mut out[c][i], words[c]);
        }
    }
}

/// Interpolates two rows across and down at once, for rows that no other output row needs.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
pub fn both_nv12(rows: [Lines; 2], plan: &Plan, weight: u32, stores: &Stores, out: Outputs) {
    match plan.window {
        Some(128) => both_nv12_in::<true>(rows, plan, weight, stores, out),
        _ => both_nv12_in::<false>(rows, plan, weight, stores, out),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
fn both_nv12_in<const WIDE: bool>(
    rows: [Lines; 2],
    plan: &Plan,
    weight: u32,
    stores: &Stores,
    out: Outputs,
) {
    let keep = Keep::new();
    let weight = _mm512_set1_epi32(4 * weight as i32);
    let index = plan.index().as_chunks().0.as_chunks::<2>().0;
    let weights = plan.weights().as_chunks().0;
    let bases = plan.bases();
    let size = stores[0].bytes();
    let columns = out[0].len() / size;
    for first in (0..columns).step_by(64) {
        let mut sums = [[_mm512_setzero_si512(); 4]; 3];
        for (k, &base) in bases[first / 16..].iter().take(4).enumerate() {
            let i = first / 16 + k;
            let index = [Index::load(&index[i][0]), Index::load(&index[i][1])];
            let weights = load_512_words(&weights[i]);
            let upper = block::<WIDE>(rows[0], base, &index, weights, &keep);
            let lower = block::<WIDE>(rows[1], base, &index, weights, &keep);
            for c in 0..3 {
                sums[c][k] = down(upper[c], lower[c], weight);
            }
        }
        let end = columns.min(first + 64);
        for c in 0..3 {
            put(sums[c], stores[c], &mut out[c][first * size..end * size]);
        }
    }
}

/// Pairs of 16-bit taps with their pairs of weights.
#[inline]
#[target_feature(enable = "avx512vnni")]
fn lerp(taps: __m512i, weights: __m512i) -> __m512i {
    dot_512(_mm512_set1_epi32(ROUND), taps, weights)
}

/// As [`across_nv12`]; `line` begins at the crop's left edge.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
pub fn across_rgb(line: &[u8], plan: &Plan, out: &mut [Box<[u32]>; 3]) {
    const LOWER: u64 = 0x5555_5555_5555_5555;
    let (index, weights) = (plan.index().as_chunks().0, plan.weights().as_chunks().0);
    let mut out = out.each_mut().map(|row| row.as_chunks_mut().0);
    for (i, &base) in plan.bases().iter().enumerate() {
        let window = Window::load::<true>(line, base);
        let (index, weights) = (load_512_words(&index[i]), load_512_words(&weights[i]));
        for (c, out) in out.iter_mut().enumerate() {
            let index = _mm512_add_epi8(index, _mm512_set1_epi16(c as i16));
            let taps = window.pick::<true>(LOWER, index);
            store_512_words(&mut out[i], lerp(taps, weights));
        }
    }
}

/// `(upper * (2048 - weight) + lower * weight + 2^21) >> 22`, in the highest byte of each word;
/// `weight` comes times 4.
///
/// With d = lower - upper that is `upper * 2^11 + d * weight`, rounding included; times 4 it fills
/// 32 bits: at most 255 * 2^24 + 2^23.
#[inline]
#[target_feature(enable = "avx512f")]
fn down(upper: __m512i, lower: __m512i, weight: __m512i) -> __m512i {
    let change = _mm512_mullo_epi32(_mm512_sub_epi32(lower, upper), weight);
    _mm512_add_epi32(_mm512_slli_epi32::<13>(upper), change)
}

/// The highest bytes of 64 words: `order` has the index of each in the first two or the last two
/// registers, `last` says which.
#[inline]
#[target_feature(enable = "avx512bw,avx512vbmi")]
fn highest(words: [__m512i; 4], order: &[u8; 64], last: u64) -> __m512i {
    let [a, b, c, d] = words;
    let order = load_512(order);
    let first = _mm512_permutex2var_epi8(a, order, b);
    _mm512_mask_blend_epi8(last, first, _mm512_permutex2var_epi8(c, order, d))
}

/// An order of the highest bytes of 32 words, twice: `run` bytes in a row.
const fn order(run: usize) -> [u8; 64] {
    let mut order = [0; 64];
    let mut i = 0;
    while i < 64 {
        let word = i / (2 * run) * run + i % run;
        order[i] = (4 * (word % 32) + 3) as u8;
        i += 1;
    }
    order
}

/// All bytes in order.
const STRAIGHT: [u8; 64] = order(32);
/// Eight of the first half and eight of the second in each lane: unpacked with other bytes, each
/// half comes out in order.
const SPLIT: [u8; 64] = order(8);

/// Interpolates two rows down to elements.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub fn blend(upper: &[u32], lower: &[u32], weight: u32, store: Store, out: &mut [u8]) {
    let weight = _mm512_set1_epi32(4 * weight as i32);
    let rows = upper.as_chunks().0.as_chunks().0.iter().zip(lower.as_chunks().0.as_chunks().0);
    for ((upper, lower), out) in rows.zip(out.chunks_mut(64 * store.bytes())) {
        let upper: &[[u32; 16]; 4] = upper;
        let lower: &[[u32; 16]; 4] = lower;
        let mut sums = [weight; 4];
        for (sum, (upper, lower)) in sums.iter_mut().zip(upper.iter().zip(lower)) {
            *sum = down(load_512_words(upper), load_512_words(lower), weight);
        }
        put(sums, store, out);
    }
}

/// Stores 64 columns, or as many as there is room for.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn put(sums: [__m512i; 4], store: Store, out: &mut [u8]) {
    match store {
        Store::Same => store_512_first(out, highest(sums, &STRAIGHT, 0xffff_ffff_0000_0000)),
        Store::Bytes(table) => {
            let bytes = highest(sums, &STRAIGHT, 0xffff_ffff_0000_0000);
            store_512_first(out, lookup(&table.low, bytes));
        }
        Store::Halves(table) => {
            let bytes = highest(sums, &SPLIT, 0xff00_ff00_ff00_ff00);
            let (low, high) = (lookup(&table.low, bytes), lookup(&table.high, bytes));
            let (first, second) = out.split_at_mut(out.len().min(64));
            store_512_first(first, _mm512_unpacklo_epi8(low, high));
            store_512_first(second, _mm512_unpackhi_epi8(low, high));
        }
    }
}

/// Each byte's entry of the table.
#[inline]
#[target_feature(enable = "avx512bw,avx512vbmi")]
fn lookup(table: &[u8; 256], bytes: __m512i) -> __m512i {
    let quarters = table.as_chunks().0;
    let low = _mm512_permutex2var_epi8(load_512(&quarters[0]), bytes, load_512(&quarters[1]));
    let high = _mm512_permutex2var_epi8(load_512(&quarters[2]), bytes, load_512(&quarters[3]));
    _mm512_mask_blend_epi8(_mm512_movepi8_mask(bytes), low, high)
}
