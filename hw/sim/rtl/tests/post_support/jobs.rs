//! Random jobs of the post-process kernel: parameters and heads.

use tandem_model::post::{Element, Head, HeadKind, MAX_HEADS, PostParams};
use tandem_rtl::Rng;

use super::elements;

/// What a build of the kernel holds.
#[derive(Clone, Copy)]
pub struct Build {
    pub cells: u64,
    pub dfl_cells: u64,
}

const KINDS: [HeadKind; 5] =
    [HeadKind::YoloV3, HeadKind::YoloV5, HeadKind::YoloV8, HeadKind::YoloX, HeadKind::Boxes];

/// How the numbers of a job's heads are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Logits of a few distinct values: ties of classes and scores.
    Coarse,
    /// Anything that a network gives.
    Usual,
    /// The same with NaN, infinities, zeros of both signs, subnormals, limits.
    Special,
    /// Any bits at all.
    Bits,
    /// Low scores but for a few cells.
    Sparse,
}

/// Parameters that the model takes; all heads together have about `numbers` numbers at most.
pub fn params(rng: &mut Rng, build: Build, numbers: u64) -> PostParams {
    let count = rng.range(1, MAX_HEADS as u64);
    let classes = match rng.below(8) {
        0 => 1,
        1 => rng.range(14, 19),
        2 => rng.range(1, 1024),
        _ => rng.range(1, 24),
    };
    let side = |rng: &mut Rng| {
        let most = rng.pick(&[8_u64, 416, 640, 8192]);
        rng.range(1, most) as u16
    };
    let (width, height) = (side(rng), side(rng));
    let one_element = rng.chance(500).then(|| rng.pick(&elements::ELEMENTS));
    let one_kind = rng.chance(600).then(|| rng.pick(&KINDS));
    let mut heads = [Head::UNUSED; MAX_HEADS];
    let mut offset = 0;
    for head in &mut heads[..count as usize] {
        let kind = one_kind.unwrap_or_else(|| rng.pick(&KINDS));
        let anchors = if kind.has_anchors() { rng.range(1, 3) } else { 1 };
        let per_cell = anchors * (kind.box_numbers() as u64 + classes);
        let held = if kind == HeadKind::YoloV8 { build.dfl_cells } else { build.cells };
        let most = (numbers / count / per_cell).clamp(1, held);
        let list = kind == HeadKind::Boxes;
        let stride =
            if list { 1 } else { rng.pick(&[1_u64, 8, 16, 32, 7, 1024]).min(rng.range(1, 1024)) };
        let fits = |side: u16| if list { 65535 } else { (u64::from(side) - 1) / stride + 1 };
        let grid_w = match rng.below(4) {
            0 => fits(width).min(most),
            _ => rng.range(1, fits(width).min(most)),
        };
        let rows = fits(height).min(most / grid_w).max(1);
        let grid_h = if rng.chance(512) { rows } else { rng.range(1, rows) };
        let mut anchor = || (rng.range(1, rng.clone().pick(&[40, 8192])) as u16, side(rng));
        *head = Head {
            kind,
            grid_w: grid_w as u16,
            grid_h: grid_h as u16,
            stride: stride as u16,
            anchor_count: anchors as u8,
            anchors: [anchor(), anchor(), anchor()],
            offset,
            element: one_element.unwrap_or_else(|| rng.pick(&elements::ELEMENTS)),
            scale: elements::scale(rng, kind),
            zero: rng.pick(&[0, -128, 127, rng.clone().next_u32() as i8]),
        };
        offset = (offset + head.bytes(classes as u16) as u32).next_multiple_of(64);
    }
    PostParams {
        head_count: count as u8,
        heads,
        classes: classes as u16,
        score_threshold: rng.pick(&[0, 1, 16384, 30000, 60000, 65535]),
        iou_threshold: rng.pick(&[0, 1, 16384, 29491, 32768, 52428, 65535]),
        class_agnostic: rng.chance(512),
        top_k: match rng.below(3) {
            0 => 0,
            1 => rng.range(1, 40) as u16,
            _ => rng.range(1, 4096) as u16,
        },
        max_detections: rng.pick(&[1, 7, 100, 1024]),
        width,
        height,
    }
}

/// Random heads: in the model's slot, and as the stream brings them, without gaps.
pub fn heads(rng: &mut Rng, params: &PostParams, spread: Spread) -> (Vec<u8>, Vec<u8>) {
    let mut slot = vec![0; params.heads_bytes()];
    let mut stream = Vec::new();
    let odds = rng.pick(&[8_u32, 100, 600]);
    for head in params.used_heads() {
        let begin = stream.len();
        let numbers = head.kind.box_numbers() + usize::from(params.classes);
        for _ in 0..head.anchor_count {
            let hot: Vec<bool> = (0..head.cells()).map(|_| rng.chance(odds)).collect();
            for plane in 0..numbers {
                for hot in &hot {
                    match head.element {
                        Element::F32 => {
                            let bits = number(rng, head.kind, plane, spread, *hot);
                            stream.extend_from_slice(&bits.to_le_bytes());
                        }
                        _ => {
                            let value = usual(rng, head.kind, plane, spread, *hot);
                            elements::put(rng, head, value, spread, &mut stream);
                        }
                    }
                }
            }
        }
        let bytes = &stream[begin..];
        slot[head.offset as usize..][..bytes.len()].copy_from_slice(bytes);
    }
    (slot, stream)
}

fn number(rng: &mut Rng, kind: HeadKind, plane: usize, spread: Spread, hot: bool) -> u32 {
    const SPECIAL: [u32; 16] = [
        0x7f80_0000,
        0xff80_0000,
        0x7fc0_0000,
        0x7f80_0001,
        0x0000_0000,
        0x8000_0000,
        0x0000_0001,
        0x8000_0001,
        0x7f7f_ffff,
        0xff7f_ffff,
        0x4180_0000,
        0xc180_0000,
        0x4280_0000,
        0x3300_0000,
        0x32ff_ffff,
        0x4780_0000,
    ];
    if spread == Spread::Bits {
        return rng.next_u32();
    }
    if spread == Spread::Special && rng.chance(8) {
        return rng.pick(&SPECIAL);
    }
    usual(rng, kind, plane, spread, hot).to_bits()
}

/// A number as networks have it.
fn usual(rng: &mut Rng, kind: HeadKind, plane: usize, spread: Spread, hot: bool) -> f32 {
    let class = plane >= kind.box_numbers();
    let unit = |rng: &mut Rng| (rng.next_u64() >> 40) as f32 / (1 << 24) as f32;
    match (kind, class) {
        (HeadKind::Boxes, true) => match spread {
            Spread::Coarse => rng.pick(&[0.0, 0.25, 0.5, 0.75, 1.0]),
            Spread::Sparse if !hot => unit(rng) * 0.1,
            _ => unit(rng) * 1.2 - 0.1,
        },
        (HeadKind::Boxes, false) if spread == Spread::Coarse => rng.below(64) as f32 * 4.0,
        (HeadKind::Boxes, false) => unit(rng) * rng.pick(&[30.0, 640.0, 640.0, 9000.0]) - 10.0,
        _ if spread == Spread::Coarse => rng.pick(&[-2.0, -0.5, 0.0, 0.5, 1.0, 3.0]),
        _ if spread == Spread::Sparse && (class || plane == 4) && !hot => -6.0 - unit(rng),
        _ => (unit(rng) + unit(rng) + unit(rng) - 1.5) * rng.pick(&[2.0, 4.0, 8.0, 60.0]),
    }
}
