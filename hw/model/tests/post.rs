//! The `post` kernel against floating point, and its suppression against plain integers.

mod post_common;

use post_common::{Anchor, assert_near, random, run, sigmoid};
use proptest::prelude::*;
use tandem_model::post::*;

/// A small network input with two heads, one of each rule, and free anchors.
fn params(classes: u16, threshold: u16, anchors: [(u16, u16); MAX_ANCHORS]) -> PostParams {
    let head = |kind, grid: (u16, u16), stride, anchor_count, offset| Head {
        kind,
        grid_w: grid.0,
        grid_h: grid.1,
        stride,
        anchor_count,
        anchors,
        offset,
        ..Head::UNUSED
    };
    let first = head(HeadKind::YoloV3, (5, 4), 32, 3, 64);
    let second_at = (64 + first.bytes(classes)).next_multiple_of(64) as u32;
    let second = head(HeadKind::YoloV5, (10, 7), 16, 2, second_at);
    PostParams {
        head_count: 2,
        heads: [first, second, Head::UNUSED, Head::UNUSED],
        classes,
        score_threshold: threshold,
        iou_threshold: 0xffff,
        class_agnostic: false,
        top_k: 0,
        max_detections: MAX_DETECTIONS as u16,
        width: 160,
        height: 120,
    }
}

/// Logits from a seed: most of them ordinary, some extreme, all finite.
fn heads(p: &PostParams, seed: u64) -> Vec<u8> {
    let mut next = random(seed);
    let mut one = || {
        let spread = if next() < 0.03 { 200.0 } else { 7.0 };
        (next() - 0.5) * spread
    };
    (0..p.heads_bytes().div_ceil(4)).flat_map(|_| one().to_le_bytes()).collect()
}

fn float(bytes: &[u8], at: usize) -> f64 {
    f64::from(f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()))
}

/// Score, class and box of every anchor in index order, in f64.
fn reference(p: &PostParams, bytes: &[u8]) -> Vec<Anchor> {
    let mut all = Vec::new();
    for head in &p.heads[..usize::from(p.head_count)] {
        let (gw, gh) = (usize::from(head.grid_w), usize::from(head.grid_h));
        for anchor in 0..usize::from(head.anchor_count) {
            for cell in 0..gw * gh {
                let number = |plane: usize| {
                    let plane = anchor * (5 + usize::from(p.classes)) + plane;
                    float(bytes, head.offset as usize + 4 * (plane * gw * gh + cell))
                };
                let mut class = 0;
                for c in 1..p.classes {
                    if number(5 + usize::from(c)) > number(5 + usize::from(class)) {
                        class = c;
                    }
                }
                let score = sigmoid(number(4)) * sigmoid(number(5 + usize::from(class)));
                let axis = |t: f64, size: f64, cell: usize, anchor: u16, limit: u16| {
                    let (centre, side) = match head.kind {
                        HeadKind::YoloV3 => (sigmoid(t) + cell as f64, size.exp()),
                        HeadKind::YoloV5 => {
                            (2.0 * sigmoid(t) - 0.5 + cell as f64, (2.0 * sigmoid(size)).powi(2))
                        }
                        other => unreachable!("{other:?} is tested in post_free"),
                    };
                    let (centre, half) =
                        (centre * f64::from(head.stride), side * f64::from(anchor) / 2.0);
                    [centre - half, centre + half].map(|edge| edge.clamp(0.0, f64::from(limit)))
                };
                let (w, h) = head.anchors[anchor];
                let [x1, x2] = axis(number(0), number(2), cell % gw, w, p.width);
                let [y1, y2] = axis(number(1), number(3), cell / gw, h, p.height);
                all.push((score, class, [x1, y1, x2, y2]));
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn scores_and_boxes_are_those_of_floating_point(
        classes in 1u16..30, threshold in any::<u16>(), shift in 0u32..16, seed in any::<u64>(),
        anchors in prop::array::uniform3((1u16..400, 1u16..400)),
    ) {
        let p = params(classes, threshold >> shift, anchors);
        let bytes = heads(&p, seed);
        let all = reference(&p, &bytes);
        assert_near(&p, &all, run(&p, &bytes).unwrap(), 1.0 / 32.0)?;
    }

    /// Suppression again, the other way round: each box looks for a better one that drops it.
    #[test]
    fn suppression_is_greedy_and_exact(
        boxes in prop::collection::vec(
            ((0i32..3000, 0i32..3000), (0i32..1500, 0i32..1500), 0u16..20, 0u16..3), 0..80),
        iou in any::<u16>(), agnostic in any::<bool>(),
    ) {
        let mut boxes: Vec<Detection> = (0..).zip(boxes)
            .map(|(index, ((x1, y1), (w, h), score, class))| {
                Detection { x1, y1, x2: x1 + w, y2: y1 + h, score, class, index }
            })
            .collect();
        let mut sorted = boxes.clone();
        sorted.sort_by(|a, b| b.score.cmp(&a.score).then(a.index.cmp(&b.index)));
        let area = |b: &Detection| i128::from(b.x2 - b.x1) * i128::from(b.y2 - b.y1);
        let mut alive = vec![true; sorted.len()];
        for i in 0..sorted.len() {
            for j in i + 1..sorted.len() {
                let (a, b) = (&sorted[i], &sorted[j]);
                let w = i128::from((a.x2.min(b.x2) - a.x1.max(b.x1)).max(0));
                let h = i128::from((a.y2.min(b.y2) - a.y1.max(b.y1)).max(0));
                let same = agnostic || a.class == b.class;
                if alive[i] && same && w * h * 65536 > i128::from(iou) * (area(a) + area(b) - w * h) {
                    alive[j] = false;
                }
            }
        }
        let wanted: Vec<_> = sorted.iter().zip(&alive).filter(|(_, a)| **a).map(|(b, _)| *b).collect();
        let kept = suppress(&mut boxes, iou, agnostic, &mut NmsScratch::new());
        prop_assert_eq!(&boxes[..kept], &wanted[..]);
    }

    /// Any bits at all: no panic, and what is not finite is counted.
    #[test]
    fn takes_any_bits(seed in any::<u64>(), threshold in any::<u16>(), bad in 0usize..40) {
        let p = params(3, threshold, [(10, 20), (30, 40), (8192, 8192)]);
        let mut bytes = heads(&p, seed);
        let mut state = seed;
        for _ in 0..bad {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            let at = 4 * ((state >> 33) as usize % (bytes.len() / 4));
            bytes[at..at + 4].copy_from_slice(&((state >> 20) as u32 | 0x7f80_0000).to_le_bytes());
        }
        let broken = |head: &Head| {
            let cells = head.cells();
            let planes = 8;
            (0..usize::from(head.anchor_count) * cells).filter(|i| {
                (0..planes).any(|plane| {
                    let number = (i / cells * planes + plane) * cells + i % cells;
                    !float(&bytes, head.offset as usize + 4 * number).is_finite()
                })
            }).count()
        };
        let wanted: usize = p.used_heads().iter().map(broken).sum();
        let (header, _) = run(&p, &bytes).unwrap();
        prop_assert_eq!(header.not_finite as usize, wanted);
    }
}
