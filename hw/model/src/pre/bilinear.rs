//! Bilinear resize.
//!
//! The four-tap sum has no rounding between the axes, so it may be taken row by row: each source
//! row is interpolated across once and kept while output rows need it.

use super::MAX_SIDE;
use super::rows::{BLACK, Plane, Ring};
use super::sample::{ONE, Tap, tap};
use super::source::Source;
use super::store::Sink;

const WIDTH: usize = MAX_SIDE as usize;
/// A source row interpolated across: per channel, Q11.
type Across = [[u32; WIDTH]; 3];

/// Resizes the source into the sink.
#[inline(never)]
pub fn resize(source: &mut Source, sink: &mut Sink) {
    let params = source.params();
    let (width, planes) = (usize::from(params.content.w), params.channels.count());
    let mut taps = [Tap::default(); WIDTH];
    for (t, i) in taps[..width].iter_mut().zip(0..) {
        *t = tap(i, params.step_x, params.crop.w);
    }
    let taps = &taps[..width];
    let mut line = BLACK;
    let mut rows: Ring<Across, 2> = Ring::new([[[0; WIDTH]; 3]; 2]);
    for y in 0..params.content.h {
        let t = tap(u32::from(y), params.step_y, params.crop.h);
        let (upper, lower) = (t.at as usize, t.next as usize);
        // A weight of zero needs no lower row: whatever is in its place counts nothing.
        let needed = [Some(upper), (t.weight != 0).then_some(lower)];
        for number in needed.into_iter().flatten() {
            rows.load(number, |row| {
                source.row(number, &mut line);
                for (plane, out) in line.iter().zip(row).take(planes) {
                    across(plane, taps, out);
                }
            });
        }
        for c in 0..planes {
            let [upper, lower] = [upper, lower].map(|number| &rows.get(number)[c][..width]);
            let mut bytes = [0; WIDTH];
            blend(upper, lower, t.weight, &mut bytes);
            sink.put(c, y, &bytes[..width]);
        }
    }
}

/// `a * (2048 - weight) + b * weight` at each tap: at most `255 * 2048`.
fn across(plane: &Plane, taps: &[Tap], out: &mut [u32]) {
    for (t, out) in taps.iter().zip(out) {
        let [a, b] = [t.at, t.next].map(|x| u32::from(plane[x as usize + 1]));
        *out = a.wrapping_mul(ONE.wrapping_sub(t.weight)).wrapping_add(b.wrapping_mul(t.weight));
    }
}

/// `(upper * (2048 - weight) + lower * weight + 2^21) >> 22`; the sum is at most
/// `255 * 2^22 + 2^21`, which fits 30 bits.
fn blend(upper: &[u32], lower: &[u32], weight: u32, out: &mut [u8]) {
    let rest = ONE - weight;
    for ((o, u), l) in out.iter_mut().zip(upper).zip(lower) {
        let sum = u.wrapping_mul(rest).wrapping_add(l.wrapping_mul(weight));
        *o = (sum.wrapping_add(1 << 21) >> 22) as u8;
    }
}
