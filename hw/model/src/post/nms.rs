//! Greedy non-maximum suppression, exact in integers.
//!
//! Every box meets every survivor before it, but most pairs are apart: [`NmsScratch`] holds for 64
//! survivors in one word which of them may overlap a box, so that only those are computed.

use super::{Detection, MAX_CANDIDATES};
use core::cmp::Reverse;

/// Stretches of an axis, and buckets of classes.
const BINS: usize = 64;
/// Survivors that share a word.
const LANES: usize = u64::BITS as usize;

/// Sorts by score (higher first), then by index (lower first), and moves the boxes that survive
/// to the front in that order; returns their number. What lies behind them is unspecified.
///
/// A box is dropped if some survivor before it (of its class, unless `class_agnostic`) has
/// `intersection * 65536 > iou_threshold * union`. Coordinates are Q8 of at most 8192 pixels and
/// not negative: areas have 42 bits, both products fit 60.
pub fn suppress(
    boxes: &mut [Detection],
    iou_threshold: u16,
    class_agnostic: bool,
    scratch: &mut NmsScratch,
) -> usize {
    boxes.sort_unstable_by_key(|b| (Reverse(b.score), b.index));
    let grid = Grid::around(boxes.iter());
    let mut kept = 0;
    for i in 0..boxes.len() {
        let candidate = boxes[i];
        let place = grid.place(&candidate);
        let dropped = scratch.any(kept, &place, class_agnostic, |at| {
            let better = &boxes[at];
            (class_agnostic || better.class == candidate.class)
                && overlaps(better, &candidate, iou_threshold)
        });
        if !dropped {
            scratch.insert(kept, &place);
            boxes[kept] = candidate;
            kept += 1;
        }
    }
    kept
}

/// Which survivors may overlap a box: working memory of [`suppress`], 160 KiB.
pub struct NmsScratch {
    blocks: [Block; MAX_CANDIDATES / LANES],
}

/// Survivors `64 n ..= 64 n + 63`, one bit each.
#[derive(Clone, Copy)]
struct Block {
    /// Those that begin in this bin or before it, per axis.
    begun: [[u64; BINS]; 2],
    /// Those that end in this bin or behind it.
    ending: [[u64; BINS]; 2],
    /// Those whose class falls into this bucket.
    class: [u64; BINS],
}

impl Block {
    const EMPTY: Self = Self { begun: [[0; BINS]; 2], ending: [[0; BINS]; 2], class: [0; BINS] };
}

impl NmsScratch {
    /// Empty.
    pub const fn new() -> Self {
        Self { blocks: [Block::EMPTY; MAX_CANDIDATES / LANES] }
    }

    /// Notes survivor `at`; they come in order. Those from `MAX_CANDIDATES` on are not noted.
    pub(crate) fn insert(&mut self, at: usize, place: &Place) {
        let Some(block) = self.blocks.get_mut(at / LANES) else { return };
        let bit = 1 << (at % LANES);
        if at.is_multiple_of(LANES) {
            *block = Block::EMPTY;
        }
        for (axis, (first, last)) in place.bins.iter().enumerate() {
            block.begun[axis][*first..].iter_mut().for_each(|word| *word |= bit);
            block.ending[axis][..=*last].iter_mut().for_each(|word| *word |= bit);
        }
        block.class[place.class] |= bit;
    }

    /// Whether `test` holds for one of the first `kept` survivors that may overlap the place (and
    /// share its class, unless `class_agnostic`). It is asked about those, and maybe others.
    pub(crate) fn any(
        &self,
        kept: usize,
        place: &Place,
        class_agnostic: bool,
        mut test: impl FnMut(usize) -> bool,
    ) -> bool {
        let [(left, right), (top, bottom)] = place.bins;
        for (n, block) in
            self.blocks[..kept.div_ceil(LANES).min(self.blocks.len())].iter().enumerate()
        {
            let mut hits = block.begun[0][right]
                & block.ending[0][left]
                & block.begun[1][bottom]
                & block.ending[1][top];
            if !class_agnostic {
                hits &= block.class[place.class];
            }
            while hits != 0 {
                if test(n * LANES + hits.trailing_zeros() as usize) {
                    return true;
                }
                hits &= hits - 1;
            }
        }
        (MAX_CANDIDATES..kept).any(test)
    }
}

impl Default for NmsScratch {
    fn default() -> Self {
        Self::new()
    }
}

/// The bins that a box covers.
pub(crate) struct Place {
    /// First and last bin of each axis.
    bins: [(usize, usize); 2],
    class: usize,
}

/// How coordinates fall into bins: the extent of all boxes in at most 64 equal stretches of a
/// power of two.
pub(crate) struct Grid {
    origin: [i32; 2],
    shift: [u32; 2],
}

impl Grid {
    /// A grid that holds all the boxes.
    pub(crate) fn around<'a>(boxes: impl Iterator<Item = &'a Detection>) -> Self {
        let (mut low, mut high) = ([i32::MAX; 2], [i32::MIN; 2]);
        for b in boxes {
            for (axis, (from, to)) in [(b.x1, b.x2), (b.y1, b.y2)].into_iter().enumerate() {
                low[axis] = low[axis].min(from).min(to);
                high[axis] = high[axis].max(from).max(to);
            }
        }
        let shift = [0, 1].map(|axis| {
            // Significant bits beyond the six that number the bins.
            let extent = high[axis].wrapping_sub(low[axis]) as u32;
            (u32::BITS - extent.leading_zeros()).saturating_sub(BINS.ilog2())
        });
        Self { origin: low, shift }
    }

    /// Where a box lies that the grid was made around. A box with right before left may get no
    /// bins in order; it overlaps nothing anyway.
    pub(crate) fn place(&self, b: &Detection) -> Place {
        // Not below the origin, so the difference is that of the integers.
        let bin = |axis: usize, at: i32| {
            (at.wrapping_sub(self.origin[axis]) as u32 >> self.shift[axis]) as usize % BINS
        };
        // Right and bottom are outside the box, and so is a bin that begins there.
        let last = |axis, from: i32, to: i32| bin(axis, if to > from { to - 1 } else { from });
        let bins = [(bin(0, b.x1), last(0, b.x1, b.x2)), (bin(1, b.y1), last(1, b.y1, b.y2))];
        Place { bins, class: usize::from(b.class) % BINS }
    }
}

/// Whether the boxes overlap by more than the threshold.
#[inline(always)]
pub(crate) fn overlaps(a: &Detection, b: &Detection, iou_threshold: u16) -> bool {
    let shared = intersection(a, b);
    // Not larger than either area, so the union is not negative.
    let union = area(a) + area(b) - shared;
    shared << 16 > u64::from(iou_threshold) * union
}

/// Area that two boxes share, Q16 pixels.
#[inline(always)]
pub(crate) fn intersection(a: &Detection, b: &Detection) -> u64 {
    side(a.x1.max(b.x1), a.x2.min(b.x2)) * side(a.y1.max(b.y1), a.y2.min(b.y2))
}

/// Area of a box, Q16 pixels.
#[inline(always)]
pub(crate) fn area(b: &Detection) -> u64 {
    side(b.x1, b.x2) * side(b.y1, b.y2)
}

#[inline(always)]
fn side(from: i32, to: i32) -> u64 {
    to.saturating_sub(from).max(0) as u64
}
