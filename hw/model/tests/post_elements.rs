//! Heads of f16 and i8 are heads of f32 with the same values, bit for bit, in any mixture.

mod post_common;

use post_common::run;
use proptest::prelude::*;
use tandem_model::post::*;

/// Numbers of a seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    fn below(&mut self, limit: u32) -> u32 {
        ((u64::from(self.next()) * u64::from(limit)) >> 32) as u32
    }
}

/// A job of heads of any kind, element, scale and zero.
fn job(random: &mut Random) -> PostParams {
    let classes = 1 + random.below(20) as u16;
    let head_count = 1 + random.below(4) as u8;
    let mut heads = [Head::UNUSED; MAX_HEADS];
    let mut offset = 0;
    for head in &mut heads[..usize::from(head_count)] {
        let kind = HeadKind::from_u8(random.below(5) as u8).unwrap();
        *head = Head {
            kind,
            grid_w: 1 + random.below(9) as u16,
            grid_h: 1 + random.below(5) as u16,
            stride: if kind == HeadKind::Boxes { 1 } else { 16 },
            anchor_count: if kind.has_anchors() { 1 + random.below(3) as u8 } else { 1 },
            anchors: [(10, 20), (30, 40), (50, 60)],
            offset,
            element: Element::from_u8(random.below(3) as u8).unwrap(),
            // 2^-12 to 2^6, mostly; anything else that is valid.
            scale: match random.below(8) {
                0 => Scale::from_register(random.below(246 << 15) + (1 << 15)),
                _ => Scale::from_register(((115 + random.below(18)) << 15) + random.below(1 << 15)),
            },
            zero: random.next() as i8,
        };
        offset += head.bytes(classes).next_multiple_of(64) as u32;
    }
    PostParams {
        head_count,
        heads,
        classes,
        score_threshold: [0, 1, 20_000, 40_000][random.below(4) as usize],
        iou_threshold: random.next() as u16,
        class_agnostic: random.below(2) == 1,
        top_k: random.below(30) as u16,
        max_detections: MAX_DETECTIONS as u16,
        width: 144,
        height: 80,
    }
}

/// The job with heads of f32, and its bytes; `value` gives a number of a head from its bytes.
fn widened(
    p: &PostParams,
    bytes: &[u8],
    value: impl Fn(&Head, &[u8]) -> f32,
) -> (PostParams, Vec<u8>) {
    let mut wide = p.clone();
    let mut slot = Vec::new();
    for (head, wide) in p.used_heads().iter().zip(&mut wide.heads) {
        slot.resize(slot.len().next_multiple_of(64), 0);
        (wide.element, wide.offset) = (Element::F32, slot.len() as u32);
        let numbers = &bytes[head.offset as usize..][..head.bytes(p.classes)];
        for number in numbers.chunks_exact(head.element.bytes()) {
            slot.extend(value(head, number).to_le_bytes());
        }
    }
    (wide, slot)
}

/// The value of a number, in floats: both products and powers are exact.
fn value(head: &Head, bytes: &[u8]) -> f32 {
    match head.element {
        Element::F32 => f32::from_le_bytes(bytes.try_into().unwrap()),
        Element::F16 => {
            let half = u16::from_le_bytes(bytes.try_into().unwrap());
            let (exponent, fraction) = (i32::from(half >> 10 & 31), f32::from(half & 0x3ff));
            let magnitude = match exponent {
                0 => fraction * 2f32.powi(-24),
                31 if fraction == 0.0 => f32::INFINITY,
                31 => f32::NAN,
                _ => (fraction + 1024.0) * 2f32.powi(exponent - 25),
            };
            if half >> 15 == 0 { magnitude } else { -magnitude }
        }
        Element::I8 => {
            let steps = f32::from(bytes[0] as i8) - f32::from(head.zero);
            f32::from_bits(head.scale.f32_bits()) * steps
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Any bits at all, and bits that make ordinary numbers.
    #[test]
    fn elements_are_the_f32_of_their_values(seed in any::<u64>(), ordinary in any::<bool>()) {
        let mut random = Random(seed);
        let p = job(&mut random);
        let mut bytes: Vec<u8> = (0..p.heads_bytes()).map(|_| random.next() as u8).collect();
        if ordinary {
            for head in p.used_heads() {
                let numbers = &mut bytes[head.offset as usize..][..head.bytes(p.classes)];
                let size = head.element.bytes();
                for number in numbers.chunks_exact_mut(size) {
                    // Exponents about 1, f32 and f16 alike.
                    match head.element {
                        Element::I8 => (),
                        Element::F16 => number[1] = number[1] & 0x87 | 0x38,
                        Element::F32 => number[3] = number[3] & 0x81 | 0x3e,
                    }
                }
            }
        }
        let (wide, slot) = widened(&p, &bytes, value);
        prop_assert_eq!(run(&p, &bytes), run(&wide, &slot));
    }

    /// An i8 head with the scale that ONNX has: within 2 of Q16 of the f32 head with that scale,
    /// and equal to it for a power of two.
    #[test]
    fn a_scale_is_near_enough(
        seed in any::<u64>(), power in any::<bool>(), fraction in 0u32..1 << 23, exponent in 116u32..128,
    ) {
        let mut random = Random(seed);
        let onnx = exponent << 23 | if power { 0 } else { fraction };
        let mut p = job(&mut random);
        (p.score_threshold, p.iou_threshold, p.top_k) = (0, 0xffff, 0);
        let mut offset = 0;
        for head in &mut p.heads {
            head.scale = Scale::from_f32_bits(onnx).unwrap();
            (head.kind, head.anchor_count, head.stride) = (HeadKind::YoloV5, 1, 16);
            (head.element, head.offset) = (Element::I8, offset);
            offset += head.bytes(p.classes).next_multiple_of(64) as u32;
        }
        let bytes: Vec<u8> = (0..p.heads_bytes()).map(|_| random.next() as u8).collect();
        let exact = |head: &Head, bytes: &[u8]| {
            f32::from_bits(onnx) * (f32::from(bytes[0] as i8) - f32::from(head.zero))
        };
        let (wide, slot) = widened(&p, &bytes, exact);
        let (ours, theirs) = (run(&p, &bytes).unwrap(), run(&wide, &slot).unwrap());
        if power {
            prop_assert_eq!(&ours, &theirs);
        }
        let by_index = |(_, mut all): (ResultHeader, Vec<Detection>)| {
            all.sort_by_key(|d| d.index);
            all
        };
        for (a, b) in by_index(ours).into_iter().zip(by_index(theirs)) {
            prop_assert_eq!((a.index, a.class), (b.index, b.class));
            prop_assert!(a.score.abs_diff(b.score) <= 2, "{:?} {:?}", a, b);
        }
    }
}

#[test]
fn the_slot_is_counted_in_the_elements_bytes() {
    let mut random = Random(3);
    let mut p = job(&mut random);
    p.head_count = 1;
    let head = &mut p.heads[0];
    (head.element, head.scale, head.kind, head.anchor_count) =
        (Element::I8, Scale::ONE, HeadKind::YoloX, 1);
    let numbers = head.cells() * (5 + usize::from(p.classes));
    head.offset = (MAX_HEADS_BYTES - numbers) as u32 / 64 * 64;
    assert_eq!(p.validate(), Ok(()));
    assert_eq!(p.heads_bytes(), p.heads[0].offset as usize + numbers);
    p.heads[0].element = Element::F16;
    assert_eq!(p.validate(), Err(PostError::Range("heads.offset")));
}

#[test]
fn scales_that_no_number_has_are_refused() {
    let mut random = Random(5);
    let mut p = job(&mut random);
    for bad in [0, 0x7fff, 247 << 15, 0x7f_ffff] {
        p.heads[0].scale = Scale::from_register(bad);
        p.heads[0].element = Element::I8;
        assert_eq!(p.validate(), Err(PostError::Range("heads.scale")), "{bad:#x}");
        p.heads[0].element = Element::F16;
        assert_eq!(p.validate(), Ok(()), "nobody reads it");
    }
    for good in [1 << 15, (247 << 15) - 1] {
        p.heads[0].scale = Scale::from_register(good);
        p.heads[0].element = Element::I8;
        assert_eq!(p.validate(), Ok(()), "{good:#x}");
    }
}
