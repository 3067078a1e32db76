//! Suppression against exact fractions on the same boxes.

use proptest::prelude::*;
use tandem_model::post::*;

/// Greedy suppression by its definition: the overlap is a fraction of integers, compared without
/// rounding.
fn exact(boxes: &[Detection], iou_threshold: u16, class_agnostic: bool) -> Vec<Detection> {
    let mut sorted = boxes.to_vec();
    sorted.sort_by(|a, b| b.score.cmp(&a.score).then(a.index.cmp(&b.index)));
    let mut kept: Vec<Detection> = Vec::new();
    for b in sorted {
        let dropped = kept.iter().any(|a| {
            let (above, below) = overlap(a, &b);
            // above / below > threshold / 65536, both sides times both positive divisors.
            let more = below > 0 && above * 65536 > i128::from(iou_threshold) * below;
            (class_agnostic || a.class == b.class) && more
        });
        if !dropped {
            kept.push(b);
        }
    }
    kept
}

/// Intersection over union as a fraction.
fn overlap(a: &Detection, b: &Detection) -> (i128, i128) {
    let side = |low: i32, high: i32| i128::from((high - low).max(0));
    let area = |b: &Detection| side(b.x1, b.x2) * side(b.y1, b.y2);
    let shared = side(a.x1.max(b.x1), a.x2.min(b.x2)) * side(a.y1.max(b.y1), a.y2.min(b.y2));
    (shared, area(a) + area(b) - shared)
}

/// Boxes within `span` Q8 pixels, sides up to `span >> small`; some without area, some equal.
fn boxes(most: usize) -> impl Strategy<Value = Vec<Detection>> {
    let one = (any::<[u32; 4]>(), any::<u16>(), any::<u16>());
    let all = prop::collection::vec(one, 0..most);
    (all, 6u32..=21, 0u32..8, 0u16..16, 1u16..200).prop_map(
        |(all, span, small, coarse, classes)| {
            let limit = 1u32 << span;
            let at = |from: u32, length: u32| {
                let from = from % limit;
                (from as i32, (from + length % (1 + (limit >> small))).min(limit) as i32)
            };
            let detection = |(index, ([x, y, w, h], score, class)): (u32, ([u32; 4], u16, u16))| {
                let ((x1, x2), (y1, y2)) = (at(x, w), at(y, h));
                // Coarse scores are often equal: then the index decides.
                Detection { x1, y1, x2, y2, score: score >> coarse, class: class % classes, index }
            };
            (0..).zip(all).map(detection).collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn suppression_equals_exact_fractions(
        boxes in boxes(400), iou in any::<u16>(), agnostic in any::<bool>(),
    ) {
        let wanted = exact(&boxes, iou, agnostic);
        let mut scratch = Box::new(NmsScratch::new());
        // Whatever lies in the scratch from a run before must not matter.
        let mut others: Vec<_> = boxes.iter().map(|b| Detection { x2: b.x2 + 9, ..*b }).collect();
        suppress(&mut others, 0x8000, true, &mut scratch);
        let mut ours = boxes;
        let kept = suppress(&mut ours, iou, agnostic, &mut scratch);
        prop_assert_eq!(&ours[..kept], &wanted[..]);
    }

    /// Thresholds at which a pair's overlap lies on the threshold, or next to it.
    #[test]
    fn the_last_bit_of_the_threshold_decides(boxes in boxes(30), agnostic in any::<bool>()) {
        let mut scratch = Box::new(NmsScratch::new());
        for pair in boxes.windows(2) {
            let (above, below) = overlap(&pair[0], &pair[1]);
            let near = (above * 65536 / below.max(1)) as i64;
            for iou in (near - 1..=near + 1).filter_map(|t| u16::try_from(t).ok()) {
                let mut ours = boxes.clone();
                let kept = suppress(&mut ours, iou, agnostic, &mut scratch);
                prop_assert_eq!(&ours[..kept], &exact(&boxes, iou, agnostic)[..]);
            }
        }
    }
}

#[test]
fn more_boxes_than_the_scratch_notes_are_suppressed_all_the_same() {
    // A grid of 5000 boxes apart from each other, then each of them again.
    let one = |i: u32| Detection {
        x1: (i % 100 * 20) as i32,
        y1: (i / 100 * 20) as i32,
        x2: (i % 100 * 20 + 19) as i32,
        y2: (i / 100 * 20 + 19) as i32,
        score: 9,
        class: 0,
        index: i,
    };
    let mut boxes: Vec<_> = (0..5000).map(one).collect();
    boxes.extend((0..5000).map(|i| Detection { score: 8, ..one(i) }));
    let kept = suppress(&mut boxes, 0x8000, false, &mut Box::new(NmsScratch::new()));
    assert!(boxes[..kept].iter().copied().eq((0..5000).map(one)));
}
