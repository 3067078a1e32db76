//! The kernel itself.

use super::decode::{Place, decode, score};
use super::fixed::{ONE_Q24, is_finite, order, sigmoid, to_q24};
use super::params::BOX_NUMBERS;
use super::result::write_result;
use super::{Detection, Head, MAX_CANDIDATES, PostError, PostParams, ResultHeader, suppress};

/// Cells looked at together.
const CELLS: usize = 256;

/// Working memory of [`postprocess`], about 100 KiB: too large for a stack frame of the firmware.
pub struct PostScratch {
    candidates: [Detection; MAX_CANDIDATES],
}

impl PostScratch {
    /// Empty.
    pub const fn new() -> Self {
        const EMPTY: Detection =
            Detection { x1: 0, y1: 0, x2: 0, y2: 0, score: 0, class: 0, index: 0 };
        Self { candidates: [EMPTY; MAX_CANDIDATES] }
    }
}

impl Default for PostScratch {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs the kernel: writes a header and `count` detections to `result`, which must hold
/// `result_bytes()`. Nothing is written on an error.
pub fn postprocess(
    params: &PostParams,
    heads: &[u8],
    result: &mut [u8],
    scratch: &mut PostScratch,
) -> Result<ResultHeader, PostError> {
    params.validate()?;
    let short = |buffer, have, need| PostError::Short { buffer, have, need };
    let (need, have) = (params.heads_bytes(), heads.len());
    let heads = heads.get(..need).ok_or(short("heads", have, need))?;
    let (need, have) = (params.result_bytes(), result.len());
    let result = result.get_mut(..need).ok_or(short("result", have, need))?;
    let mut found = Found { candidates: &mut scratch.candidates, count: 0, not_finite: 0 };
    let mut index = 0;
    for head in params.used_heads() {
        let bytes = &heads[head.offset as usize..][..head.bytes(params.classes)];
        let planes = bytes.as_chunks::<4>().0;
        let anchor_numbers = head.cells() * (BOX_NUMBERS + usize::from(params.classes));
        for (anchor, numbers) in planes.chunks_exact(anchor_numbers).enumerate() {
            let scan = Scan { params, head, anchor, numbers, index };
            scan.run(&mut found)?;
            index += head.cells() as u32;
        }
    }
    let (count, not_finite) = (found.count, found.not_finite);
    let boxes = &mut scratch.candidates[..count];
    let kept = suppress(boxes, params.iou_threshold, params.class_agnostic);
    let reported = kept.min(usize::from(params.max_detections));
    let header = ResultHeader {
        count: reported as u32,
        candidates: count as u32,
        not_finite,
        cut: (kept - reported) as u32,
    };
    write_result(result, header, &boxes[..reported]);
    Ok(header)
}

/// What has been found so far.
struct Found<'a> {
    candidates: &'a mut [Detection; MAX_CANDIDATES],
    count: usize,
    not_finite: u32,
}

/// One anchor of one head over all cells.
struct Scan<'a> {
    params: &'a PostParams,
    head: &'a Head,
    anchor: usize,
    /// `5 + classes` planes of one number a cell.
    numbers: &'a [[u8; 4]],
    /// Index of the anchor's first cell.
    index: u32,
}

impl Scan<'_> {
    fn run(&self, found: &mut Found<'_>) -> Result<(), PostError> {
        let cells = self.head.cells();
        for first in (0..cells).step_by(CELLS) {
            let count = CELLS.min(cells - first);
            let mut broken = [false; CELLS];
            for plane in self.numbers.chunks_exact(cells) {
                for (b, number) in broken.iter_mut().zip(&plane[first..first + count]) {
                    *b |= !is_finite(u32::from_le_bytes(*number));
                }
            }
            for (cell, broken) in (first..).zip(&broken[..count]) {
                if *broken {
                    found.not_finite += 1;
                } else if let Some(candidate) = self.candidate(cell) {
                    *found.candidates.get_mut(found.count).ok_or(PostError::TooManyCandidates)? =
                        candidate;
                    found.count += 1;
                }
            }
        }
        Ok(())
    }

    fn number(&self, plane: usize, cell: usize) -> u32 {
        u32::from_le_bytes(self.numbers[plane * self.head.cells() + cell])
    }

    /// The cell's box if its score passes; its numbers are finite.
    fn candidate(&self, cell: usize) -> Option<Detection> {
        let objectness = sigmoid(to_q24(self.number(4, cell)));
        // A class is at most 1 and rounding keeps order: what fails here fails with any class.
        if score(objectness, ONE_Q24) < self.params.score_threshold {
            return None;
        }
        let (class, logit) = self.best_class(cell);
        let score = score(objectness, sigmoid(to_q24(logit)));
        if score < self.params.score_threshold {
            return None;
        }
        let grid_w = usize::from(self.head.grid_w);
        let place =
            Place { x: (cell % grid_w) as u16, y: (cell / grid_w) as u16, anchor: self.anchor };
        let numbers = [0, 1, 2, 3].map(|plane| self.number(plane, cell));
        let [x1, y1, x2, y2] =
            decode(self.head, place, numbers, self.params.width, self.params.height);
        Some(Detection { x1, y1, x2, y2, score, class, index: self.index + cell as u32 })
    }

    /// The class with the greatest logit (equal ones: the lower class) and the logit's bits.
    fn best_class(&self, cell: usize) -> (u16, u32) {
        let mut best = (0, self.number(BOX_NUMBERS, cell));
        for class in 1..self.params.classes {
            let logit = self.number(BOX_NUMBERS + usize::from(class), cell);
            if order(logit) > order(best.1) {
                best = (class, logit);
            }
        }
        best
    }
}
