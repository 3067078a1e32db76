//! Tiles cover the frame, and a cut object is found once.

use proptest::prelude::*;
use tandem_model::Refusal;
use tandem_model::post::{Detection, NmsScratch};
use tandem_model::pre::Rect;
use tandem_model::tiles::*;

const MERGE: MergeParams = MergeParams {
    width: 0,
    height: 0,
    iou_threshold: 0x8000,
    part_threshold: 0xb000,
    margin: 2 << 8,
    class_agnostic: false,
};

fn merged(p: &MergeParams, regions: &[Region], placed: &[Placed]) -> Vec<Detection> {
    let mut placed = placed.to_vec();
    let kept = merge(p, regions, &mut placed, &mut Box::new(NmsScratch::new())).unwrap();
    placed[..kept].iter().map(|p| p.detection).collect()
}

/// An input of 640 by 640 for a crop, as the letterbox of `pre` makes it.
fn region(crop: Rect) -> Region {
    let (w, h) = (u32::from(crop.w), u32::from(crop.h));
    let side = |of: u32| ((of * 640 + w.max(h) / 2) / w.max(h)).max(1) as u16;
    let (cw, ch) = (side(w), side(h));
    Region { crop, content: Rect { x: (640 - cw) / 2, y: (640 - ch) / 2, w: cw, h: ch } }
}

/// What a detector sees of an object (frame pixels) in a region: its visible part, in network
/// pixels, if that is not too little.
fn seen(
    region: &Region,
    object: [f64; 4],
    score: u16,
    index: u32,
    wobble: f64,
) -> Option<Detection> {
    let Rect { x, y, w, h } = region.crop;
    let part = [
        object[0].max(x.into()),
        object[1].max(y.into()),
        object[2].min(f64::from(x) + f64::from(w)),
        object[3].min(f64::from(y) + f64::from(h)),
    ];
    let area = |b: [f64; 4]| (b[2] - b[0]).max(0.0) * (b[3] - b[1]).max(0.0);
    if part[2] <= part[0] || part[3] <= part[1] || area(part) < 0.15 * area(object) {
        return None;
    }
    let axis = |at: f64, crop: (u16, u16), content: (u16, u16)| {
        let scale = f64::from(content.1) / f64::from(crop.1);
        let at = (at - f64::from(crop.0)) * scale + f64::from(content.0) + wobble;
        (256.0 * at.clamp(content.0.into(), f64::from(content.0) + f64::from(content.1))).round()
            as i32
    };
    let across = |at| axis(at, (x, w), (region.content.x, region.content.w));
    let down = |at| axis(at, (y, h), (region.content.y, region.content.h));
    let (x1, y1, x2, y2) = (across(part[0]), down(part[1]), across(part[2]), down(part[3]));
    Some(Detection { x1, y1, x2, y2, score, class: 0, index })
}

fn frames() -> impl Strategy<Value = TileParams> {
    (1u16..3000, 1u16..3000, 2u16..900, 2u16..900, any::<u16>()).prop_map(
        |(width, height, tile_w, tile_h, overlap)| {
            let overlap = overlap % tile_w.min(tile_h).div_ceil(2);
            TileParams { width, height, tile_w, tile_h, overlap }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Along each axis: from edge to edge, without a gap, with the overlap that was asked for.
    #[test]
    fn tiles_cover_the_frame(mut p in frames(), even in any::<bool>()) {
        if even {
            p = TileParams {
                width: p.width.next_multiple_of(2), height: p.height.next_multiple_of(2),
                tile_w: p.tile_w.next_multiple_of(2), tile_h: p.tile_h.next_multiple_of(2),
                overlap: p.overlap & !1,
            };
        }
        prop_assume!(p.width / p.tile_w < 40 && p.height / p.tile_h < 40);
        let all: Vec<Rect> = tiles(&p).unwrap().collect();
        let mut columns: Vec<(u16, u16)> = all.iter().map(|t| (t.x, t.w)).collect();
        let mut rows: Vec<(u16, u16)> = all.iter().map(|t| (t.y, t.h)).collect();
        for (axis, side, tile) in [(&mut columns, p.width, p.tile_w), (&mut rows, p.height, p.tile_h)] {
            axis.sort();
            axis.dedup();
            prop_assert!(axis.iter().all(|(at, len)| *len == tile.min(side) && at + len <= side));
            prop_assert_eq!(axis[0].0, 0);
            prop_assert_eq!(axis.last().map(|(at, len)| at + len), Some(side));
            prop_assert!(axis.windows(2).all(|w| w[0].0 < w[1].0 && w[0].0 + tile >= w[1].0 + p.overlap));
            prop_assert!(!even || axis.iter().all(|(at, len)| (at | len) % 2 == 0));
        }
        prop_assert_eq!(all.len(), columns.len() * rows.len(), "each of them once");
    }

    /// Objects apart from each other, of any place and up to the size of the overlap: every tile
    /// reports what it sees of them, with scores that have nothing to do with how much that is.
    #[test]
    fn a_cut_object_is_found_once(
        mut p in frames(), scores in any::<[u16; 32]>(), at in any::<[u16; 32]>(),
        sizes in prop::array::uniform32(0.3f64..1.0), shuffle in any::<u64>(),
    ) {
        (p.width, p.height) = (p.width.max(300), p.height.max(300));
        (p.tile_w, p.tile_h, p.overlap) = (p.tile_w.max(200), p.tile_h.max(200), p.overlap.clamp(48, 99));
        let regions: Vec<Region> = tiles(&p).unwrap().map(region).collect();
        prop_assume!(regions.len() < 60);
        // One object in each square of twice the overlap, so that they do not touch.
        let pitch = 2 * p.overlap;
        let (across, down) = (p.width / pitch, p.height / pitch);
        let mut objects = Vec::new();
        for i in 0..(across * down).min(400) {
            let k = usize::from(i) % 32;
            let side = sizes[k] * (f64::from(p.overlap) - 10.0);
            let slack = f64::from(p.overlap);
            let x = f64::from(i % across * pitch) + slack * f64::from(at[k]) / 65536.0;
            let y = f64::from(i / across * pitch) + slack * f64::from(at[31 - k]) / 65536.0;
            objects.push([x, y, x + side, y + side * sizes[31 - k].max(0.6)]);
        }
        let mut placed = Vec::new();
        for (number, region) in (0..).zip(&regions) {
            for (i, object) in (0..).zip(&objects) {
                let score = 1 + scores[(i as usize * 7 + usize::from(number) * 3) % 32] / 2;
                if let Some(d) = seen(region, *object, score, i, 0.0) {
                    placed.push(Placed { detection: to_frame(region, &d).unwrap(), region: number });
                }
            }
        }
        let p = MergeParams { width: p.width, height: p.height, ..MERGE };
        let found = merged(&p, &regions, &placed);
        let mut indices: Vec<u32> = found.iter().map(|d| d.index).collect();
        indices.sort_unstable();
        prop_assert!(indices.iter().copied().eq(0..objects.len() as u32), "{:?}", indices);
        for d in &found {
            let edges = [d.x1, d.y1, d.x2, d.y2].map(|q8| f64::from(q8) / 256.0);
            for (ours, real) in edges.into_iter().zip(objects[d.index as usize]) {
                // A network pixel is up to 900 / 640 frame pixels; an edge is a 256th of it off.
                prop_assert!((ours - real).abs() <= 0.02, "the whole object: {:?}", d);
            }
        }
        prop_assert!(found.is_sorted_by(|a, b| a.score >= b.score));

        // Regions and detections in another order.
        let mut order: Vec<usize> = (0..regions.len()).collect();
        let mut state = shuffle;
        let mut below = |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % n
        };
        for i in (1..order.len()).rev() {
            order.swap(i, below(i + 1));
        }
        let shuffled: Vec<Region> = order.iter().map(|i| regions[*i]).collect();
        let moved = |p: &Placed| {
            let region = order.iter().position(|i| *i == usize::from(p.region)).unwrap() as u16;
            Placed { region, ..*p }
        };
        let mut again: Vec<Placed> = placed.iter().map(moved).collect();
        for i in (1..again.len()).rev() {
            again.swap(i, below(i + 1));
        }
        prop_assert_eq!(merged(&p, &shuffled, &again), found);
    }

    /// Any boxes at all: the order of regions and detections does not matter.
    #[test]
    fn the_order_of_tiles_does_not_matter(
        boxes in prop::collection::vec((0u16..4, any::<[u16; 4]>(), 0u16..4, 0u16..3, 0u32..6), 0..60),
        turn in 0u16..4, agnostic in any::<bool>(), iou in any::<u16>(), part in any::<u16>(),
    ) {
        let frame = TileParams { width: 200, height: 200, tile_w: 120, tile_h: 120, overlap: 40 };
        let regions: Vec<Region> = tiles(&frame).unwrap().map(region).collect();
        prop_assert_eq!(regions.len(), 4);
        let p = MergeParams {
            width: 200, height: 200, iou_threshold: iou, part_threshold: part,
            class_agnostic: agnostic, ..MERGE
        };
        let place = |(number, at, score, class, index): &(u16, [u16; 4], u16, u16, u32)| {
            let [x, y, w, h] = at.map(|v| i32::from(v % 120) << 8);
            let crop = regions[usize::from(*number)].crop;
            let (left, top) = (i32::from(crop.x) << 8, i32::from(crop.y) << 8);
            let end = |from: i32, len: i32| (from + len).min(120 << 8);
            let detection = Detection {
                x1: left + x, y1: top + y, x2: left + end(x, w), y2: top + end(y, h),
                score: *score, class: *class, index: *index,
            };
            Placed { detection, region: *number }
        };
        let placed: Vec<Placed> = boxes.iter().map(place).collect();
        let found = merged(&p, &regions, &placed);
        let rotated: Vec<Region> = (0..4).map(|i| regions[(i + usize::from(turn)) % 4]).collect();
        let moved = |p: &Placed| Placed { region: (p.region + 4 - turn) % 4, ..*p };
        let again: Vec<Placed> = placed.iter().rev().map(moved).collect();
        prop_assert_eq!(merged(&p, &rotated, &again), found);
    }
}

#[test]
fn a_small_object_before_a_cut_large_one_leaves_both() {
    // The large one goes on in no other tile; the small one lies in the middle of it.
    let crops = [Rect { x: 0, y: 0, w: 100, h: 100 }, Rect { x: 80, y: 0, w: 100, h: 100 }];
    let p = MergeParams { width: 180, height: 100, ..MERGE };
    let at = |x1: i32, x2: i32, score| Placed {
        detection: Detection {
            x1: x1 << 8,
            y1: 10 << 8,
            x2: x2 << 8,
            y2: 60 << 8,
            score,
            ..Detection::default()
        },
        region: 0,
    };
    assert_eq!(merged(&p, &crops.map(region), &[at(20, 100, 900), at(40, 60, 100)]).len(), 2);
}

#[test]
fn a_frame_no_larger_than_a_tile_is_one_crop() {
    let p = TileParams { width: 30, height: 20, tile_w: 640, tile_h: 640, overlap: 64 };
    assert!(tiles(&p).unwrap().eq([Rect { x: 0, y: 0, w: 30, h: 20 }]));
}

#[test]
fn a_box_comes_back_to_where_it_was_in_the_frame() {
    // A letterboxed crop of 200 x 100 at (50, 20) in an input of 640 x 640.
    let region = Region {
        crop: Rect { x: 50, y: 20, w: 200, h: 100 },
        content: Rect { x: 0, y: 160, w: 640, h: 320 },
    };
    let d =
        Detection { x1: 64 << 8, y1: 176 << 8, x2: 640 << 8, y2: 640 << 8, ..Detection::default() };
    let wanted = Detection { x1: 70 << 8, y1: 25 << 8, x2: 250 << 8, y2: 120 << 8, ..d };
    assert_eq!(to_frame(&region, &d).unwrap(), wanted);
}

#[test]
fn refusals_name_the_field() {
    let good = TileParams { width: 100, height: 100, tile_w: 50, tile_h: 40, overlap: 19 };
    let refused = |p: TileParams| tiles(&p).map(|_| ()).unwrap_err();
    assert_eq!(refused(TileParams { width: 0, ..good }), Refusal::Range("tiles.width"));
    assert_eq!(refused(TileParams { height: 8193, ..good }), Refusal::Range("tiles.height"));
    assert_eq!(refused(TileParams { tile_w: 0, ..good }), Refusal::Range("tiles.tile_w"));
    assert_eq!(refused(TileParams { tile_h: 8193, ..good }), Refusal::Range("tiles.tile_h"));
    assert_eq!(refused(TileParams { overlap: 20, ..good }), Refusal::Range("tiles.overlap"));
    let regions = [region(Rect { x: 0, y: 0, w: 50, h: 50 })];
    let p = MergeParams { width: 50, height: 50, ..MERGE };
    let error = |p: &MergeParams, regions: &[Region], placed: Placed| {
        merge(p, regions, &mut [placed], &mut Box::new(NmsScratch::new())).unwrap_err()
    };
    let one = Placed::default();
    assert_eq!(error(&MergeParams { width: 0, ..p }, &regions, one), Refusal::Range("merge.width"));
    assert_eq!(
        error(&MergeParams { height: 49, ..p }, &regions, one),
        Refusal::Range("merge.regions.crop")
    );
    let unknown = Placed { region: 1, ..one };
    assert_eq!(error(&p, &regions, unknown), Refusal::Range("merge.placed.region"));
    let outside = Placed { detection: Detection { x2: 12801, ..one.detection }, region: 0 };
    assert_eq!(error(&p, &regions, outside), Refusal::Range("merge.placed.detection"));
    let flat = Region { content: Rect { x: 0, y: 0, w: 0, h: 1 }, ..regions[0] };
    assert_eq!(to_frame(&flat, &one.detection), Err(Refusal::Range("region.content")));
}
