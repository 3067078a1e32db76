//! Bilinear demosaic: what a pixel lacks is the mean of its nearest neighbours that have it.

use super::rows::{Plane, Row, around};

/// Reflects about the first and the last sample, which are not doubled: sample -1 is sample 1.
/// The width is even, so the colours go on in their order.
pub fn reflect(row: &mut Plane, width: usize) {
    row[0] = row[2];
    row[width + 1] = row[width - 1];
}

/// Row 0 and the last row have their other neighbour on both sides.
pub const fn neighbours(y: usize, height: usize) -> (usize, usize) {
    (if y == 0 { 1 } else { y - 1 }, if y + 1 == height { y - 1 } else { y + 1 })
}

/// Demosaics a row from the reflected rows above, of and below it. `red` says whether its samples
/// that are not green are red ones (else blue), and `first` at which of the columns 0 and 1 they
/// begin.
pub fn demosaic(
    [above, row, below]: [&Plane; 3],
    width: usize,
    red: bool,
    first: usize,
    out: &mut Row,
) {
    let [r, g, b] = out;
    let (own, other) = if red { (r, b) } else { (b, r) };
    let (own, green, other) = (&mut own[1..=width], &mut g[1..=width], &mut other[1..=width]);
    let [al, am, ar] = around(above, width);
    let [l, m, r] = around(row, width);
    let [bl, bm, br] = around(below, width);
    for i in 0..width {
        let four = |a: u8, b: u8, c: u8, d: u8| {
            let sum = u16::from(a).wrapping_add(b.into()).wrapping_add(c.into());
            (sum.wrapping_add(d.into()).wrapping_add(2) >> 2) as u8
        };
        let two = |a: u8, b: u8| (u16::from(a).wrapping_add(b.into()).wrapping_add(1) >> 1) as u8;
        let here = i & 1 == first;
        own[i] = if here { m[i] } else { two(l[i], r[i]) };
        green[i] = if here { four(am[i], bm[i], l[i], r[i]) } else { m[i] };
        other[i] = if here { four(al[i], ar[i], bl[i], br[i]) } else { two(am[i], bm[i]) };
    }
}
