//! Plans: every byte of a crop, a tensor or a head exactly once, in stream order, for any shape.

mod common;

use common::{WIDE, small_pre};
use proptest::prelude::*;
use tandem_drivers::dma::{Limits, Plan, PlanError, Segment};
use tandem_model::post::{Element as HeadElement, Head, HeadKind, MAX_HEADS, PostParams};
use tandem_model::pre::{Channels, Element, Frame, Layout, PixelFormat, PreParams, Rect, packets};

const BASE: u32 = 0x4100_0000;

fn pre_params() -> impl Strategy<Value = PreParams> {
    let formats = prop::sample::select(&PixelFormat::ALL);
    let element = prop::sample::select(&[Element::U8, Element::F16]);
    let shape = (formats, 1..60u16, 1..60u16, 0..40u32, any::<[u16; 4]>());
    let tensor = (1..80u16, 1..80u16, any::<[bool; 2]>(), 1..=32u8, element);
    (shape, tensor).prop_map(
        |((format, w, h, padding, cut), (tw, th, flags, band_rows, element))| {
            let [planar, grey] = flags;
            let unit = if format.even_x() || format.even_y() { 2 } else { 1 };
            let packed = Frame::packed(format, w * unit, h * unit);
            // A third of all crops are the whole width: those rows may lie back to back.
            let span = |of: u16, a: u16, b: u16| {
                let from = if a.is_multiple_of(3) { 0 } else { a % of };
                let len = if a.is_multiple_of(3) { of } else { 1 + b % (of - from) };
                (from * unit, len * unit)
            };
            let ((x, cw), (y, ch)) = (span(w, cut[0], cut[1]), span(h, cut[2], cut[3]));
            let layout = if planar { Layout::Planar } else { Layout::Interleaved };
            let frame = Frame { stride: packed.stride + padding, ..packed };
            let crop = Rect { x, y, w: cw, h: ch };
            let params = PreParams::letterbox(frame, crop, tw, th, [0; 3], layout).expect("valid");
            let channels = if grey { Channels::Grey } else { Channels::Rgb };
            PreParams { band_rows, channels, element, ..params }
        },
    )
}

fn limits() -> impl Strategy<Value = Limits> {
    (7..=26u8).prop_map(|length_bits| Limits { length_bits, alignment: 1 })
}

fn segments(plan: Plan, limits: Limits) -> Vec<Segment> {
    let all: Vec<_> = plan.segments(limits).collect();
    assert_eq!(all.len(), plan.descriptors(limits) as usize);
    assert!(all.iter().all(|s| s.bytes > 0 && s.bytes < 1 << limits.length_bits));
    assert_eq!(all.iter().filter(|s| s.last).count(), plan.packets() as usize);
    // A packet begins where there is none, and only there.
    let mut inside = false;
    for segment in &all {
        assert_eq!(segment.first, !inside);
        inside = !segment.last;
    }
    assert!(!inside);
    all
}

/// Addresses of all bytes in stream order.
fn bytes(segments: &[Segment]) -> Vec<u32> {
    segments.iter().flat_map(|s| s.addr..s.addr + s.bytes).collect()
}

/// The crop's bytes in the order in which the kernel reads them, row by row.
fn crop_bytes(params: &PreParams) -> Vec<u32> {
    let (f, c) = (params.frame, params.crop);
    let row = |y: u32, from: u32, len: u32| {
        let start = BASE + y * f.stride + from;
        start..start + len
    };
    let (x, y, w, h) = (u32::from(c.x), u32::from(c.y), u32::from(c.w), u32::from(c.h));
    match f.format {
        PixelFormat::Nv12 => (y / 2..(y + h) / 2)
            .flat_map(|pair| {
                let luma = row(2 * pair, x, w).chain(row(2 * pair + 1, x, w));
                luma.chain(row(u32::from(f.height) + pair, x, w))
            })
            .collect(),
        format => {
            let pixel = format.pixel_bytes() as u32;
            (y..y + h).flat_map(|y| row(y, pixel * x, pixel * w)).collect()
        }
    }
}

proptest! {
    #[test]
    fn input_is_exactly_the_crop(params in pre_params(), limits in limits()) {
        let plan = Plan::pre_input(&params, BASE).expect("plan");
        prop_assert_eq!(bytes(&segments(plan, limits)), crop_bytes(&params));
    }

    #[test]
    fn output_is_the_models_packets(params in pre_params(), limits in limits()) {
        let expected: Vec<_> =
            packets(&params).map(|(at, len)| (BASE + at as u32, len as u32)).collect();
        let plan = match Plan::pre_output(&params, BASE) {
            Ok(plan) => plan,
            // More than 255 packets: the parameters themselves are refused.
            Err(_) => { prop_assert!(params.validate().is_err()); return Ok(()); }
        };
        let all = segments(plan, limits);
        let mut got = Vec::new();
        for s in &all {
            match got.last_mut() {
                Some((at, len)) if !s.first => { prop_assert_eq!(*at + *len, s.addr); *len += s.bytes; }
                _ => got.push((s.addr, s.bytes)),
            }
        }
        prop_assert_eq!(got, expected);
        let mut covered = bytes(&all);
        covered.sort_unstable();
        let tensor = BASE..BASE + params.tensor_bytes() as u32;
        prop_assert!(covered.into_iter().eq(tensor), "each tensor byte once");
    }

    #[test]
    fn heads_follow_each_other(
        count in 1..=4u8, classes in 1..6u16, grid in any::<[(u8, u8); 4]>(),
        gap in any::<[u8; 4]>(), limits in limits(),
    ) {
        let params = post_params(count, classes, grid, gap);
        let plan = Plan::post_input(&params, BASE).expect("plan");
        let expected: Vec<u32> = params.used_heads().iter().flat_map(|head| {
            let at = BASE + head.offset;
            at..at + head.bytes(classes) as u32
        }).collect();
        prop_assert_eq!(bytes(&segments(plan, limits)), expected);
    }
}

fn post_params(count: u8, classes: u16, grid: [(u8, u8); 4], gap: [u8; 4]) -> PostParams {
    let mut offset = 0;
    let heads: [Head; MAX_HEADS] = std::array::from_fn(|i| {
        let head = Head {
            kind: if i % 2 == 0 { HeadKind::YoloV3 } else { HeadKind::YoloV5 },
            grid_w: 1 + u16::from(grid[i].0 % 12),
            grid_h: 1 + u16::from(grid[i].1 % 12),
            stride: 8,
            anchor_count: 1 + gap[i] % 3,
            anchors: [(10, 13), (16, 30), (33, 23)],
            offset,
            element: HeadElement::from_u8(gap[i] / 3 % 3).expect("an element"),
            ..Head::UNUSED
        };
        offset += (head.bytes(classes) as u32).next_multiple_of(64) + 64 * u32::from(gap[i] % 3);
        head
    });
    PostParams {
        head_count: count,
        heads,
        classes,
        score_threshold: 1000,
        iou_threshold: 30000,
        class_agnostic: false,
        top_k: 0,
        max_detections: 1024,
        width: 640,
        height: 640,
    }
}

#[test]
fn contiguous_rows_become_one_descriptor() {
    let mut params = small_pre();
    params.frame.stride = 120;
    params.crop = Rect { x: 0, y: 5, w: 40, h: 20 };
    let plan = Plan::pre_input(&params, BASE).expect("plan");
    let whole = Segment { addr: BASE + 5 * 120, bytes: 2400, first: true, last: true };
    assert_eq!(plan.segments(WIDE).collect::<Vec<_>>(), [whole]);
}

#[test]
fn impossible_plans_are_refused() {
    let params = small_pre();
    let high = 0xFFFF_FF00;
    assert_eq!(Plan::pre_input(&params, high), Err(PlanError::Address(high)));
    assert_eq!(Plan::pre_output(&params, high), Err(PlanError::Address(high)));
    // 20-pixel RGB rows from byte 12 on need the realignment engine.
    let beats = Limits { length_bits: 26, alignment: 16 };
    let plan = Plan::pre_input(&params, BASE).expect("plan");
    assert_eq!(plan.check(WIDE), Ok(()));
    assert_eq!(plan.check(beats), Err(PlanError::Alignment("crop's first byte", 16)));
    assert_eq!(Plan::pre_output(&params, BASE).expect("plan").check(beats), Ok(()));
    // A packet of unknown length cannot be cut.
    let post = post_params(1, 3, [(3, 3); 4], [0; 4]);
    let result = Plan::post_output(&post, BASE).expect("plan");
    let narrow = Limits { length_bits: 14, alignment: 1 };
    assert_eq!(result.check(narrow), Err(PlanError::Length { need: 24_608, have: 16_383 }));
    assert_eq!(Plan::post_input(&post, 0xFFFF_FFC0), Err(PlanError::Address(0xFFFF_FFC0)));
}
