//! Greedy non-maximum suppression, exact in integers.

use super::Detection;
use core::cmp::Reverse;

/// Sorts by score (higher first), then by index (lower first), and moves the boxes that survive
/// to the front in that order; returns their number. What lies behind them is unspecified.
///
/// A box is dropped if some survivor before it (of its class, unless `class_agnostic`) has
/// `intersection * 65536 > iou_threshold * union`. Coordinates are Q8 of at most 8192 pixels and
/// not negative: areas have 42 bits, both products fit 60.
pub fn suppress(boxes: &mut [Detection], iou_threshold: u16, class_agnostic: bool) -> usize {
    boxes.sort_unstable_by_key(|b| (Reverse(b.score), b.index));
    let mut kept = 0;
    for i in 0..boxes.len() {
        let candidate = boxes[i];
        let own_area = area(&candidate);
        let dropped = boxes[..kept].iter().any(|better| {
            (class_agnostic || better.class == candidate.class)
                && overlaps(better, &candidate, own_area, iou_threshold)
        });
        if !dropped {
            boxes[kept] = candidate;
            kept += 1;
        }
    }
    kept
}

#[inline(always)]
fn overlaps(a: &Detection, b: &Detection, b_area: u64, iou_threshold: u16) -> bool {
    let w = a.x2.min(b.x2).saturating_sub(a.x1.max(b.x1));
    let h = a.y2.min(b.y2).saturating_sub(a.y1.max(b.y1));
    if w <= 0 || h <= 0 {
        return false;
    }
    let intersection = w as u64 * h as u64;
    // Not larger than either area, so the union is not negative.
    let union = area(a) + b_area - intersection;
    intersection << 16 > u64::from(iou_threshold) * union
}

#[inline(always)]
fn area(b: &Detection) -> u64 {
    let side = |from: i32, to: i32| to.saturating_sub(from).max(0) as u64;
    side(b.x1, b.x2) * side(b.y1, b.y2)
}
