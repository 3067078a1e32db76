//! Area average: each output sample is the mean of the source that it covers.

use super::MAX_SIDE;
use super::rows::{BLACK, Plane, Ring};
use super::source::Source;
use super::store::Sink;

const WIDTH: usize = MAX_SIDE as usize;
/// A source pixel is this long: positions and lengths are Q11.
const PIXEL: u32 = 1 << 11;

/// What one output sample covers along one axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First source sample that is covered.
    pub first: u32,
    /// Last one.
    pub last: u32,
    /// How much of the first, Q11: 1 to 2048. If it is the only one, all that is covered.
    pub head: u32,
    /// How much of the last, if it is not the first, Q11: 1 to 2048.
    pub tail: u32,
    /// One over the length, Q40 per Q11: 2^16 to 2^29.
    pub inverse: u32,
}

/// The span of output sample `i`; `step` (Q32, from 2^32) is such that `(i + 1) * step` is at most
/// the length of the line, so that no span ends behind it.
///
/// Edges are rounded to Q11, so that they meet and each source sample counts once. The length is
/// 2048 to 2^24: a step of a pixel or more is never rounded to less.
pub fn span(i: u32, step: u64) -> Span {
    // At most 2^45 by the precondition, 2^24 after the shift.
    let edge = |i: u32| ((u64::from(i) * step + (1 << 20)) >> 21) as u32;
    let (from, to) = (edge(i), edge(i + 1));
    let length = u64::from(to - from);
    let (first, last) = (from / PIXEL, (to - 1) / PIXEL);
    Span {
        first,
        last,
        head: to.min((first + 1) * PIXEL) - from,
        tail: to - last * PIXEL,
        inverse: (((1 << 40) + length / 2) / length) as u32,
    }
}

/// Resizes the source into the sink.
#[inline(never)]
pub fn resize(source: &mut Source, sink: &mut Sink) {
    let params = source.params();
    let (width, planes) = (usize::from(params.content.w), params.channels.count());
    let mut spans = [Span::default(); WIDTH];
    for (s, i) in spans[..width].iter_mut().zip(0..) {
        *s = span(i, params.step_x);
    }
    let spans = &spans[..width];
    let mut line = BLACK;
    // The row on an edge belongs to two output rows.
    let mut rows: Ring<[[u32; WIDTH]; 3], 1> = Ring::new([[[0; WIDTH]; 3]]);
    let mut sums = [[0; WIDTH]; 3];
    for y in 0..params.content.h {
        let s = span(u32::from(y), params.step_y);
        for number in s.first..=s.last {
            rows.load(number as usize, |row| {
                source.row(number as usize, &mut line);
                for (plane, out) in line.iter().zip(row).take(planes) {
                    across(plane, spans, out);
                }
            });
            let row = rows.get(number as usize);
            for (sums, row) in sums.iter_mut().zip(row).take(planes) {
                add(row, s.covered(number), number == s.first, &mut sums[..width]);
            }
        }
        for (c, sums) in sums.iter().enumerate().take(planes) {
            let mut bytes = [0; WIDTH];
            mean(&sums[..width], s.inverse, &mut bytes);
            sink.put(c, y, &bytes[..width]);
        }
    }
}

impl Span {
    /// How much of a source sample within the span is covered, Q11.
    const fn covered(&self, number: u32) -> u32 {
        if number == self.first {
            self.head
        } else if number == self.last {
            self.tail
        } else {
            PIXEL
        }
    }
}

/// Means across, Q8.
///
/// A sum is at most `255 * 2^24`, just under 2^32. Times the inverse it is `255 * 2^40` and half a
/// length times 255 more at most, which does not reach the next step: a mean is at most `255 << 8`.
fn across(plane: &Plane, spans: &[Span], out: &mut [u32]) {
    for (s, out) in spans.iter().zip(out) {
        let (first, last) = (s.first as usize + 1, s.last as usize + 1);
        let mut sum = u32::from(plane[first]).wrapping_mul(s.head);
        if last > first {
            let whole = plane[first + 1..last].iter();
            let whole = whole.fold(0u32, |sum, v| sum.wrapping_add(u32::from(*v)));
            sum = sum.wrapping_add(whole.wrapping_mul(PIXEL));
            sum = sum.wrapping_add(u32::from(plane[last]).wrapping_mul(s.tail));
        }
        let product = u64::from(sum).wrapping_mul(u64::from(s.inverse));
        *out = (product.wrapping_add(1 << 31) >> 32) as u32;
    }
}

/// Adds a row of means times what is covered of it: 16 and 12 bits, and 40 for the sum.
fn add(row: &[u32], covered: u32, first: bool, sums: &mut [u64]) {
    for (sum, v) in sums.iter_mut().zip(row) {
        let before = if first { 0 } else { *sum };
        *sum = before.wrapping_add(u64::from(v.wrapping_mul(covered)));
    }
}

/// `(sum * inverse + 2^47) >> 48`: 57 bits.
fn mean(sums: &[u64], inverse: u32, out: &mut [u8]) {
    for (sum, out) in sums.iter().zip(out) {
        *out = (sum.wrapping_mul(u64::from(inverse)).wrapping_add(1 << 47) >> 48) as u8;
    }
}
