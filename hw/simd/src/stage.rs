//! Rows whose taps no window holds (large shrinkage, few pixels) are picked one by one.

use crate::dispatch::Lines;

/// Picks luma and chroma of the taps at `p` and `p + 1`: per column bytes a, 0, b, 0 and U, V of
/// a, U, V of b.
pub fn nv12([luma, chroma]: Lines, positions: &[u16], staged: &mut [Box<[u8]>; 2]) {
    let [to_luma, to_chroma] = staged.each_mut().map(|row| row.as_chunks_mut::<4>().0);
    for ((&p, y), uv) in positions.iter().zip(to_luma).zip(to_chroma) {
        let p = usize::from(p);
        *y = [luma[p], 0, luma[p + 1], 0];
        let (a, b) = (&chroma[p & !1..][..2], &chroma[(p + 1) & !1..][..2]);
        *uv = [a[0], a[1], b[0], b[1]];
    }
}

/// Copies pixels `p` and `p + 1`, and two bytes of anything.
pub fn rgb(line: &[u8], positions: &[u16], staged: &mut [u8]) {
    for (&p, to) in positions.iter().zip(staged.as_chunks_mut::<8>().0) {
        let from = &line[3 * usize::from(p)..];
        match from.first_chunk() {
            Some(eight) => *to = *eight,
            None => to[..6].copy_from_slice(&from[..6]),
        }
    }
}
