//! Heads without anchors against floating point, and the best K candidates.

mod post_common;

use post_common::{Anchor, assert_near, random, run, sigmoid};
use proptest::prelude::*;
use tandem_model::post::*;

const SIDE: (u16, u16) = (160, 120);

/// A YOLOv8, a YOLOX and a list head one behind the other.
fn params(classes: u16, threshold: u16, stride: u16) -> PostParams {
    let mut offset = 64;
    let mut head = |kind, grid: (u16, u16), stride| {
        let head = Head {
            kind,
            grid_w: grid.0,
            grid_h: grid.1,
            stride,
            anchor_count: 1,
            anchors: [(0, 0); MAX_ANCHORS],
            offset,
            ..Head::UNUSED
        };
        offset = (offset + head.bytes(classes) as u32).next_multiple_of(64);
        head
    };
    let grid = (SIDE.0.div_ceil(stride).min(9), SIDE.1.div_ceil(stride).min(6));
    let heads = [
        head(HeadKind::YoloV8, grid, stride),
        head(HeadKind::YoloX, grid, stride),
        head(HeadKind::Boxes, (61, 1), 1),
        Head::UNUSED,
    ];
    PostParams {
        head_count: 3,
        heads,
        classes,
        score_threshold: threshold,
        iou_threshold: 0xffff,
        class_agnostic: false,
        top_k: 0,
        max_detections: MAX_DETECTIONS as u16,
        width: SIDE.0,
        height: SIDE.1,
    }
}

/// Numbers as such heads have them, some far out: logits, or pixels and probabilities.
fn heads(p: &PostParams, seed: u64) -> Vec<u8> {
    let mut next = random(seed);
    let mut bytes = vec![0; p.heads_bytes()];
    for head in p.used_heads() {
        let numbers = bytes[head.offset as usize..][..head.bytes(p.classes)].as_chunks_mut::<4>().0;
        for (i, number) in numbers.iter_mut().enumerate() {
            let plane = i / head.cells();
            let value = match head.kind {
                HeadKind::Boxes if plane < 2 => next() * 200.0 - 20.0,
                HeadKind::Boxes if plane < 4 => next() * 150.0 - 5.0,
                HeadKind::Boxes => next() * 1.1 - 0.05,
                HeadKind::YoloV8 if plane < 64 => (next() - 0.5) * 30.0,
                _ => (next() - 0.5) * if next() < 0.03 { 60.0 } else { 7.0 },
            };
            *number = value.to_le_bytes();
        }
    }
    bytes
}

fn mean(logits: &[f64]) -> f64 {
    let weights: Vec<f64> = logits.iter().map(|t| t.exp()).collect();
    let moment: f64 = (0..).zip(&weights).map(|(bin, w)| f64::from(bin) * w).sum();
    moment / weights.iter().sum::<f64>()
}

/// Score, class and box of every cell in index order, in f64.
fn reference(p: &PostParams, bytes: &[u8]) -> Vec<Anchor> {
    let mut all = Vec::new();
    for head in p.used_heads() {
        let (cells, gw, stride) = (head.cells(), usize::from(head.grid_w), f64::from(head.stride));
        for cell in 0..cells {
            let number = |plane: usize| {
                let at = head.offset as usize + 4 * (plane * cells + cell);
                f64::from(f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()))
            };
            let first = match head.kind {
                HeadKind::YoloV8 => 64,
                HeadKind::YoloX => 5,
                _ => 4,
            };
            let mut class = 0;
            for c in 1..usize::from(p.classes) {
                if number(first + c) > number(first + class) {
                    class = c;
                }
            }
            let best = number(first + class);
            let at = [(cell % gw) as f64, (cell / gw) as f64];
            let (score, edges) = match head.kind {
                HeadKind::YoloV8 => {
                    let reach = |side: usize| {
                        mean(&(0..16).map(|bin| number(16 * side + bin)).collect::<Vec<_>>())
                    };
                    let low = [0, 1].map(|axis| (at[axis] + 0.5 - reach(axis)) * stride);
                    let high = [0, 1].map(|axis| (at[axis] + 0.5 + reach(axis + 2)) * stride);
                    (sigmoid(best), [low, high])
                }
                HeadKind::YoloX => {
                    let centre = [0, 1].map(|axis| (number(axis) + at[axis]) * stride);
                    let half = [2, 3].map(|axis| number(axis).exp() * stride / 2.0);
                    let low = [0, 1].map(|axis| centre[axis] - half[axis]);
                    let high = [0, 1].map(|axis| centre[axis] + half[axis]);
                    (sigmoid(number(4)) * sigmoid(best), [low, high])
                }
                _ => {
                    let half = [2, 3].map(|axis| number(axis).max(0.0) / 2.0);
                    let low = [0, 1].map(|axis| number(axis) - half[axis]);
                    let high = [0, 1].map(|axis| number(axis) + half[axis]);
                    (best.clamp(0.0, 1.0), [low, high])
                }
            };
            let limit = [p.width, p.height].map(f64::from);
            let [x1, y1, x2, y2] =
                [0, 1, 2, 3].map(|i| edges[i / 2][i % 2].clamp(0.0, limit[i % 2]));
            all.push((score, class as u16, [x1, y1, x2, y2]));
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn scores_and_boxes_are_those_of_floating_point(
        classes in 1u16..30, threshold in any::<u16>(), shift in 0u32..16, seed in any::<u64>(),
        stride in 1u16..65,
    ) {
        let p = params(classes, threshold >> shift, stride);
        let bytes = heads(&p, seed);
        let all = reference(&p, &bytes);
        assert_near(&p, &all, run(&p, &bytes).unwrap(), 1.0 / 256.0)?;
    }

    /// The best K of the candidates, and nothing else changes: what survives is what would have
    /// survived among all, up to the last one that entered.
    #[test]
    fn the_best_candidates_enter_suppression(
        seed in any::<u64>(), top_k in 1u16..200, coarse in any::<bool>(), iou in any::<u16>(),
    ) {
        let all = PostParams { iou_threshold: iou, ..params(2, 0x1000, 16) };
        let mut bytes = heads(&all, seed);
        if coarse {
            // Few different numbers, so that many scores are equal and the index decides.
            for number in bytes.as_chunks_mut::<4>().0 {
                *number = f32::from_le_bytes(*number).round().to_le_bytes();
            }
        }
        let keep_all = PostParams { iou_threshold: 0xffff, class_agnostic: false, ..all.clone() };
        let (_, candidates) = run(&keep_all, &bytes).unwrap();
        let best = PostParams { top_k, ..all.clone() };
        let (whole, survivors) = run(&all, &bytes).unwrap();
        let (header, detections) = run(&best, &bytes).unwrap();
        prop_assert_eq!(header.candidates, whole.candidates);
        prop_assert_eq!(header.surplus, whole.candidates.saturating_sub(top_k.into()));
        // With an overlap of one nothing but equal boxes is dropped: those with none are all there.
        if candidates.len() == whole.candidates as usize {
            let rank = |d: &Detection| (core::cmp::Reverse(d.score), d.index);
            let last = candidates.get(usize::from(top_k) - 1).map(rank);
            let wanted: Vec<_> =
                survivors.into_iter().filter(|d| last.is_none_or(|last| rank(d) <= last)).collect();
            prop_assert_eq!(detections, wanted);
        } else {
            prop_assert!(detections.len() <= usize::from(top_k));
            prop_assert!(survivors.starts_with(&detections));
        }
    }
}

#[test]
fn a_crowd_is_cut_to_the_best_of_it() {
    // A list of 5000 boxes, as good as their place is far behind.
    let classes = 1;
    let head =
        Head { kind: HeadKind::Boxes, grid_w: 5000, grid_h: 1, stride: 1, ..base().heads[0] };
    let p = PostParams {
        head_count: 1,
        heads: [Head { offset: 0, ..head }, Head::UNUSED, Head::UNUSED, Head::UNUSED],
        top_k: 4096,
        max_detections: 2,
        ..base()
    };
    let mut numbers = vec![0.0f32; 5 * 5000];
    for (i, probability) in numbers[4 * 5000..].iter_mut().enumerate() {
        *probability = 0.5 + i as f32 / 20000.0;
    }
    let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    assert_eq!(head.bytes(classes), bytes.len());
    let (header, detections) = run(&p, &bytes).unwrap();
    let wanted =
        ResultHeader { count: 2, candidates: 5000, not_finite: 0, cut: 4094, surplus: 904 };
    assert_eq!(header, wanted);
    assert!(detections.iter().map(|d| d.index).eq([4999, 4998]));
    let all = PostParams { top_k: 0, ..p };
    assert_eq!(run(&all, &bytes), Err(PostError::TooManyCandidates));
}

fn base() -> PostParams {
    params(1, 0x4000, 16)
}

#[test]
fn one_box_by_hand() {
    let p = PostParams { head_count: 1, ..base() };
    let cells = p.heads[0].cells();
    let mut numbers = vec![-20.0f32; p.heads_bytes() / 4];
    let numbers_of_head = &mut numbers[16..];
    // Cell (2, 1) of 16 pixels: its middle is (40, 24); one cell left, two up, one right, one down.
    for (side, bin) in [(0, 1), (1, 2), (2, 1), (3, 1)] {
        numbers_of_head[(side * 16 + bin) * cells + 9 + 2] = 20.0;
    }
    numbers_of_head[64 * cells + 9 + 2] = 0.0;
    let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    let (_, detections) = run(&p, &bytes).unwrap();
    let wanted = Detection {
        x1: 24 << 8,
        y1: 0,
        x2: 56 << 8,
        y2: 40 << 8,
        score: 0x8000,
        class: 0,
        index: 11,
    };
    assert_eq!(detections, [wanted]);
}

#[test]
fn not_a_number_drops_its_cell_in_every_kind() {
    let p = base();
    let mut bytes = heads(&p, 7);
    let mut wanted = 0;
    for head in p.used_heads() {
        // The first cell of the first plane, and the last one of the last plane.
        let numbers = &mut bytes[head.offset as usize..][..head.bytes(p.classes)];
        numbers[..4].copy_from_slice(&f32::NAN.to_le_bytes());
        let end = numbers.len();
        numbers[end - 4..].copy_from_slice(&f32::INFINITY.to_le_bytes());
        wanted += 2;
    }
    assert_eq!(run(&p, &bytes).unwrap().0.not_finite, wanted);
}

#[test]
fn refusals_name_the_field() {
    let refused = |change: fn(&mut PostParams)| {
        let mut p = base();
        change(&mut p);
        match p.validate() {
            Err(PostError::Range(field)) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(|p| p.top_k = 4097), "top_k");
    assert_eq!(refused(|p| p.heads[0].anchor_count = 2), "heads.anchor_count");
    assert_eq!(refused(|p| p.heads[1].anchor_count = 0), "heads.anchor_count");
    assert_eq!(refused(|p| p.heads[1].grid_w = 11), "heads.grid_w");
    assert_eq!(refused(|p| p.heads[2].stride = 2), "heads.stride");
    assert_eq!(refused(|p| p.heads[2].grid_w = 0), "heads.grid_w");
    assert_eq!(refused(|p| p.heads[2].kind = HeadKind::YoloV3), "heads.anchors");
    assert_eq!(HeadKind::from_u8(5), None);
}
