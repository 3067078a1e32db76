//! The kernel itself.

use super::decode::{Place, decode, probability, score};
use super::element::Raw;
use super::fixed::{ONE_Q24, is_finite, order, sigmoid, to_q24};
use super::result::write_result;
use super::select::Selection;
use super::{
    Detection, Element, Head, MAX_CANDIDATES, NmsScratch, PostError, PostParams, ResultHeader,
    suppress,
};

/// Number of the objectness, in the heads that have one.
const OBJECTNESS: usize = 4;
/// Cells looked at together.
const CELLS: usize = 256;

/// Working memory of [`postprocess`], 256 KiB: too large for a stack frame of the firmware.
pub struct PostScratch {
    candidates: [Detection; MAX_CANDIDATES],
    nms: NmsScratch,
}

impl PostScratch {
    /// Empty.
    pub const fn new() -> Self {
        const EMPTY: Detection =
            Detection { x1: 0, y1: 0, x2: 0, y2: 0, score: 0, class: 0, index: 0 };
        Self { candidates: [EMPTY; MAX_CANDIDATES], nms: NmsScratch::new() }
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
    let selection = Selection::new(&mut scratch.candidates, params.top_k);
    let mut found = Found { selection, not_finite: 0 };
    let mut index = 0;
    for head in params.used_heads() {
        let bytes = &heads[head.offset as usize..][..head.bytes(params.classes)];
        match head.element {
            Element::F32 => scan(params, head, bytes.as_chunks::<4>().0, (), index, &mut found),
            Element::F16 => scan(params, head, bytes.as_chunks::<2>().0, (), index, &mut found),
            Element::I8 => {
                let form = (head.scale, head.zero);
                scan(params, head, bytes.as_chunks::<1>().0, form, index, &mut found)
            }
        }?;
        index += head.cells() as u32 * u32::from(head.anchor_count);
    }
    let not_finite = found.not_finite;
    let (count, surplus) = found.selection.finish();
    let boxes = &mut scratch.candidates[..count];
    let kept = suppress(boxes, params.iou_threshold, params.class_agnostic, &mut scratch.nms);
    let reported = kept.min(usize::from(params.max_detections));
    let header = ResultHeader {
        count: reported as u32,
        candidates: count as u32 + surplus,
        not_finite,
        cut: (kept - reported) as u32,
        surplus,
    };
    write_result(result, header, &boxes[..reported]);
    Ok(header)
}

/// What has been found so far.
struct Found<'a> {
    selection: Selection<'a>,
    not_finite: u32,
}

/// All anchors of a head, the first of whose boxes is `index`.
fn scan<E: Raw>(
    params: &PostParams,
    head: &Head,
    planes: &[E],
    form: E::Form,
    index: u32,
    found: &mut Found<'_>,
) -> Result<(), PostError> {
    let cells = head.cells();
    let anchor_numbers = cells * (head.kind.box_numbers() + usize::from(params.classes));
    let anchors = planes.chunks_exact(anchor_numbers).enumerate();
    for ((anchor, numbers), index) in anchors.zip((index..).step_by(cells)) {
        Scan { params, head, anchor, numbers, form, index }.run(found)?;
    }
    Ok(())
}

/// One anchor of one head over all cells.
struct Scan<'a, E: Raw> {
    params: &'a PostParams,
    head: &'a Head,
    anchor: usize,
    /// The planes of the box and of the classes, one number a cell.
    numbers: &'a [E],
    form: E::Form,
    /// Index of the anchor's first cell.
    index: u32,
}

impl<E: Raw> Scan<'_, E> {
    fn run(&self, found: &mut Found<'_>) -> Result<(), PostError> {
        let cells = self.head.cells();
        for first in (0..cells).step_by(CELLS) {
            let count = CELLS.min(cells - first);
            let mut broken = [false; CELLS];
            for plane in self.numbers.chunks_exact(cells) {
                for (b, number) in broken.iter_mut().zip(&plane[first..first + count]) {
                    *b |= !is_finite(number.bits(self.form));
                }
            }
            let best = match self.head.kind.has_objectness() {
                true => None,
                false => Some(self.best_classes(first, count)),
            };
            for (i, broken) in broken[..count].iter().enumerate() {
                let candidate = match best {
                    _ if *broken => {
                        found.not_finite += 1;
                        None
                    }
                    Some(classes) => self.candidate(first + i, ONE_Q24, classes[i]),
                    None => self.objective_candidate(first + i),
                };
                if let Some(candidate) = candidate {
                    found.selection.push(candidate)?;
                }
            }
        }
        Ok(())
    }

    fn number(&self, plane: usize, cell: usize) -> u32 {
        self.numbers[plane * self.head.cells() + cell].bits(self.form)
    }

    /// The cell's box if its score passes, in a head with an objectness. The cell's numbers are
    /// finite, here and below.
    fn objective_candidate(&self, cell: usize) -> Option<Detection> {
        let objectness = sigmoid(to_q24(self.number(OBJECTNESS, cell)));
        // A class is at most 1 and rounding keeps order: what fails here fails with any class.
        if score(objectness, ONE_Q24) < self.params.score_threshold {
            return None;
        }
        self.candidate(cell, objectness, self.best_class(cell))
    }

    /// The cell's box if its score with this class passes.
    fn candidate(&self, cell: usize, objectness: u32, class: u16) -> Option<Detection> {
        let kind = self.head.kind;
        let number = self.number(kind.box_numbers() + usize::from(class), cell);
        let score = score(objectness, probability(kind, number));
        if score < self.params.score_threshold {
            return None;
        }
        let grid_w = usize::from(self.head.grid_w);
        let place =
            Place { x: (cell % grid_w) as u16, y: (cell / grid_w) as u16, anchor: self.anchor };
        let number = |plane| self.number(plane, cell);
        let [x1, y1, x2, y2] =
            decode(self.head, place, number, self.params.width, self.params.height);
        Some(Detection { x1, y1, x2, y2, score, class, index: self.index + cell as u32 })
    }

    /// The class with the greatest number; equal ones: the lower class.
    fn best_class(&self, cell: usize) -> u16 {
        let numbers = self.head.kind.box_numbers();
        let mut best = (0, self.number(numbers, cell));
        for class in 1..self.params.classes {
            let logit = self.number(numbers + usize::from(class), cell);
            if order(logit) > order(best.1) {
                best = (class, logit);
            }
        }
        best.0
    }

    /// Likewise for `count` cells from `first` on, plane by plane.
    fn best_classes(&self, first: usize, count: usize) -> [u16; CELLS] {
        let (mut classes, mut greatest) = ([0; CELLS], [i32::MIN; CELLS]);
        let planes =
            self.numbers.chunks_exact(self.head.cells()).skip(self.head.kind.box_numbers());
        for (class, plane) in (0..).zip(planes) {
            let numbers = &plane[first..first + count];
            for ((best, greatest), number) in classes.iter_mut().zip(&mut greatest).zip(numbers) {
                let value = order(number.bits(self.form));
                *best = if value > *greatest { class } else { *best };
                *greatest = value.max(*greatest);
            }
        }
        classes
    }
}
