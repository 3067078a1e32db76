//! The 3x3 filter on one row.

use super::Kernel3;
use super::rows::{Plane, around};

/// Replicates the first and the last pixel.
pub fn replicate(row: &mut Plane, width: usize) {
    row[0] = row[1];
    row[width + 1] = row[width];
}

/// `clamp((sum of coefficient * pixel + 1/2) rounded down)`, on one plane.
///
/// Nine products of 16 and 8 bits and the rounding term are under `2^27`: nothing wraps.
pub fn filter(kernel: &Kernel3, rows: [&Plane; 3], width: usize, out: &mut Plane) {
    let [above, row, below] = rows.map(|plane| around(plane, width));
    let k = kernel.0.map(i32::from);
    let line = |k: &[i32], [left, here, right]: [u8; 3]| {
        let ends = k[0].wrapping_mul(left.into()).wrapping_add(k[2].wrapping_mul(right.into()));
        k[1].wrapping_mul(here.into()).wrapping_add(ends)
    };
    for (i, out) in out[1..=width].iter_mut().enumerate() {
        let sum = line(&k[..3], above.map(|s| s[i]))
            .wrapping_add(line(&k[3..6], row.map(|s| s[i])))
            .wrapping_add(line(&k[6..], below.map(|s| s[i])));
        *out = (sum.wrapping_add(128) >> 8).clamp(0, 255) as u8;
    }
}
