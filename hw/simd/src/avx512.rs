//! AVX-512 with byte permutes (VBMI) and VNNI: Ice Lake, Zen 4 and later.

use std::arch::x86_64::*;

use tandem_model::pre::colour::{BLUE_U, GREEN_U, GREEN_V, HALF, LUMA, RED_V};

use crate::memory::{load_512, load_512_words, store_512_first, store_512_words};
use crate::plan::{Plan, Shape};

/// NV12: one or two registers hold what 16 columns need, up to a shrinkage of about 8.
pub const NV12: Shape = Shape { block: 16, group: 16, windows: &[64, 128] };
/// RGB: as much, up to a shrinkage of about 2.6.
pub const RGB: Shape = Shape { block: 16, group: 16, windows: &[128] };

/// One half in the units of a row, Q11: carried along so that nothing is added later.
const ROUND: i32 = 1 << 10;

/// The window's bytes; a narrow one has no second half.
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

    /// The indexed byte in the lowest byte of each word, zeros above.
    #[inline]
    #[target_feature(enable = "avx512bw,avx512vbmi")]
    fn pick<const WIDE: bool>(&self, keep: u64, index: __m512i) -> __m512i {
        if WIDE {
            _mm512_maskz_permutex2var_epi8(keep, self.0, index, self.1)
        } else {
            _mm512_maskz_permutexvar_epi8(keep, index, self.0)
        }
    }
}

/// Interpolates a row across. Rows come out as Q11 plus [`ROUND`].
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
pub fn across_nv12(luma: &[u8], chroma: &[u8], plan: &Plan, out: &mut [Box<[u32]>; 3]) {
    match plan.window {
        Some(128) => across_nv12_in::<true>(luma, chroma, plan, out),
        _ => across_nv12_in::<false>(luma, chroma, plan, out),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
fn across_nv12_in<const WIDE: bool>(
    luma: &[u8],
    chroma: &[u8],
    plan: &Plan,
    out: &mut [Box<[u32]>; 3],
) {
    const LOWEST: u64 = 0x1111_1111_1111_1111;
    let black = _mm512_set1_epi8(16);
    let index = plan.index().as_chunks().0.as_chunks::<2>().0;
    let weights = plan.weights().as_chunks().0;
    let out = out.each_mut().map(|row| row.as_chunks_mut().0);
    for (i, &base) in plan.bases().iter().enumerate() {
        let luma = Window::load::<WIDE>(luma, base);
        let luma = Window(_mm512_subs_epu8(luma.0, black), _mm512_subs_epu8(luma.1, black));
        let chroma = Window::load::<WIDE>(chroma, base);
        let half = |index| {
            let index = load_512_words(index);
            let even = _mm512_and_si512(index, _mm512_set1_epi32(!1));
            let odd = _mm512_or_si512(index, _mm512_set1_epi32(1));
            rgb(
                luma.pick::<WIDE>(LOWEST, index),
                chroma.pick::<WIDE>(LOWEST, even),
                chroma.pick::<WIDE>(LOWEST, odd),
            )
        };
        let [first, second] = [half(&index[i][0]), half(&index[i][1])];
        let weights = load_512_words(&weights[i]);
        for c in 0..3 {
            let taps = _mm512_packus_epi32(first[c], second[c]);
            let taps = _mm512_min_epi16(taps, _mm512_set1_epi16(255));
            store_512_words(&mut out[c][i], lerp(taps, weights));
        }
    }
}

/// Luma less 16, U and V in words, to R, G, B, not clamped yet. Under 2^30, as in the model.
#[inline]
#[target_feature(enable = "avx512f")]
fn rgb(y: __m512i, u: __m512i, v: __m512i) -> [__m512i; 3] {
    let times = |a, factor| _mm512_mullo_epi32(a, _mm512_set1_epi32(factor));
    let u = _mm512_sub_epi32(u, _mm512_set1_epi32(128));
    let v = _mm512_sub_epi32(v, _mm512_set1_epi32(128));
    let y = _mm512_add_epi32(times(y, LUMA), _mm512_set1_epi32(HALF));
    let red = _mm512_add_epi32(y, times(v, RED_V));
    let green = _mm512_sub_epi32(y, _mm512_add_epi32(times(v, GREEN_V), times(u, GREEN_U)));
    let blue = _mm512_add_epi32(y, times(u, BLUE_U));
    [red, green, blue].map(|sum| _mm512_srai_epi32::<20>(sum))
}

/// Pairs of 16-bit taps with their pairs of weights.
#[inline]
#[target_feature(enable = "avx512vnni")]
fn lerp(taps: __m512i, weights: __m512i) -> __m512i {
    _mm512_dpwssd_epi32(_mm512_set1_epi32(ROUND), taps, weights)
}

/// As [`across_nv12`]; `line` begins at the crop's left edge.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
pub fn across_rgb(line: &[u8], plan: &Plan, out: &mut [Box<[u32]>; 3]) {
    const LOWER: u64 = 0x5555_5555_5555_5555;
    let (index, weights) = (plan.index().as_chunks().0, plan.weights().as_chunks().0);
    let out = out.each_mut().map(|row| row.as_chunks_mut().0);
    for (i, &base) in plan.bases().iter().enumerate() {
        let window = Window::load::<true>(line, base);
        let (index, weights) = (load_512_words(&index[i]), load_512_words(&weights[i]));
        for c in 0..3 {
            let index = _mm512_add_epi8(index, _mm512_set1_epi16(c as i16));
            let taps = window.pick::<true>(LOWER, index);
            store_512_words(&mut out[c][i], lerp(taps, weights));
        }
    }
}

/// `(upper * (2048 - weight) + lower * weight + 2^21) >> 22` of 64 columns, each in the highest
/// byte of its word.
///
/// With d = lower - upper that is `upper * 2^11 + d * weight`, rounding included; times 4 it fills
/// 32 bits: at most 255 * 2^24 + 2^23.
#[inline]
#[target_feature(enable = "avx512f")]
fn down(upper: &[[u32; 16]; 4], lower: &[[u32; 16]; 4], weight: __m512i) -> [__m512i; 4] {
    [0, 1, 2, 3].map(|k| {
        let (upper, lower) = (load_512_words(&upper[k]), load_512_words(&lower[k]));
        let change = _mm512_mullo_epi32(_mm512_sub_epi32(lower, upper), weight);
        _mm512_add_epi32(_mm512_slli_epi32::<13>(upper), change)
    })
}

/// The highest bytes of 64 words, in the order that `order` gives for each half of them: index
/// `4 * k + 3` is word k.
#[inline]
#[target_feature(enable = "avx512bw,avx512vbmi")]
fn highest(words: [__m512i; 4], order: __m512i) -> __m512i {
    let [a, b, c, d] = words;
    let low = _mm512_permutex2var_epi8(a, order, b);
    let high = _mm512_permutex2var_epi8(c, order, d);
    _mm512_mask_blend_epi8(HIGH_HALF, low, high)
}

/// Bytes that [`highest`] takes from the third and fourth register.
const HIGH_HALF: u64 = 0xffff_ffff_0000_0000;
/// Bytes in order.
const STRAIGHT: [u8; 64] = {
    let mut order = [0; 64];
    let mut i = 0;
    while i < 64 {
        order[i] = (4 * (i % 32) + 3) as u8;
        i += 1;
    }
    order
};

/// Interpolates two rows down to bytes; a table changes each byte.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub fn blend(upper: &[u32], lower: &[u32], weight: u32, table: Option<&[u8; 256]>, out: &mut [u8]) {
    let order = load_512(&STRAIGHT);
    let weight = _mm512_set1_epi32(4 * weight as i32);
    let rows = upper.as_chunks().0.as_chunks().0.iter().zip(lower.as_chunks().0.as_chunks().0);
    match table {
        None => {
            for ((upper, lower), out) in rows.zip(out.chunks_mut(64)) {
                store_512_first(out, highest(down(upper, lower, weight), order));
            }
        }
        Some(table) => {
            let table = Lookup::new(table);
            for ((upper, lower), out) in rows.zip(out.chunks_mut(64)) {
                let bytes = highest(down(upper, lower, weight), order);
                store_512_first(out, table.of(bytes));
            }
        }
    }
}

/// A table of 256 bytes in registers.
struct Lookup([__m512i; 4]);

impl Lookup {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(table: &[u8; 256]) -> Self {
        let quarters = table.as_chunks().0;
        Self([0, 1, 2, 3].map(|k| load_512(&quarters[k])))
    }

    #[inline]
    #[target_feature(enable = "avx512bw,avx512vbmi")]
    fn of(&self, bytes: __m512i) -> __m512i {
        let [a, b, c, d] = self.0;
        let low = _mm512_permutex2var_epi8(a, bytes, b);
        let high = _mm512_permutex2var_epi8(c, bytes, d);
        _mm512_mask_blend_epi8(_mm512_movepi8_mask(bytes), low, high)
    }
}
