//! What the random jobs of the post-process kernel must have had.

#![allow(dead_code, reason = "each bench uses its part")]

use tandem_model::post::{Element, HeadKind, PostParams};
use tandem_rtl::Bins;

use super::bench::word;
use super::jobs::Build;

pub const BINS: &[&str] = &[
    "yolov3",
    "yolov5",
    "yolov8",
    "yolox",
    "boxes",
    "kinds mixed",
    "f32",
    "f16",
    "i8",
    "elements mixed",
    "f32 at an odd byte",
    "f16 at an odd byte",
    "f16 not finite",
    "f16 subnormal",
    "i8 at its zero",
    "least scale",
    "greatest scale",
    "four heads",
    "three anchors",
    "one cell",
    "fewer than 8 cells",
    "grid at the build's limit",
    "one class",
    "17 classes",
    "16 classes, yolov8",
    "more than 500 classes",
    "not finite",
    "no candidate",
    "one candidate",
    "more than 1000 candidates",
    "surplus",
    "surplus beyond the store",
    "cut",
    "too many",
    "threshold is a candidate's score",
    "threshold just above it",
    "class agnostic",
    "score 65535",
    "edge clipped",
    "1024 detections",
    "empty box",
    "source stalls",
    "sink stalls",
    "next parameters while a job runs",
    "next packet while a job runs",
    "back to back",
];

/// What a job and its result show.
pub fn note(cover: &mut Bins, p: &PostParams, result: Option<&[u8]>, build: Build) {
    let heads = p.used_heads();
    let kind = |kind| heads.iter().any(|head| head.kind == kind);
    let some = |cells: std::ops::Range<usize>| heads.iter().any(|h| cells.contains(&h.cells()));
    cover.hit_if(kind(HeadKind::YoloV3), "yolov3");
    cover.hit_if(kind(HeadKind::YoloV5), "yolov5");
    cover.hit_if(kind(HeadKind::YoloV8), "yolov8");
    cover.hit_if(kind(HeadKind::YoloX), "yolox");
    cover.hit_if(kind(HeadKind::Boxes), "boxes");
    cover.hit_if(heads.iter().any(|h| h.kind != heads[0].kind), "kinds mixed");
    note_elements(cover, p);
    cover.hit_if(heads.len() == 4, "four heads");
    cover.hit_if(heads.iter().any(|h| h.anchor_count == 3), "three anchors");
    cover.hit_if(some(1..2), "one cell");
    cover.hit_if(some(2..8), "fewer than 8 cells");
    cover.hit_if(some(build.cells as usize..build.cells as usize + 1), "grid at the build's limit");
    cover.hit_if(p.classes == 1, "one class");
    cover.hit_if(p.classes == 17, "17 classes");
    cover.hit_if(p.classes == 16 && kind(HeadKind::YoloV8), "16 classes, yolov8");
    cover.hit_if(p.classes > 500, "more than 500 classes");
    cover.hit_if(p.class_agnostic, "class agnostic");
    let Some(result) = result else { return };
    let [count, candidates, not_finite, cut, surplus] = [0, 1, 2, 3, 4].map(|n| word(result, n));
    cover.hit_if(not_finite > 0, "not finite");
    cover.hit_if(candidates == 0, "no candidate");
    cover.hit_if(candidates == 1, "one candidate");
    cover.hit_if(candidates > 1000, "more than 1000 candidates");
    cover.hit_if(surplus > 0, "surplus");
    cover.hit_if(surplus > 0 && candidates > 4352, "surplus beyond the store");
    cover.hit_if(cut > 0, "cut");
    cover.hit_if(count == 1024, "1024 detections");
    for det in result[32..].chunks_exact(24) {
        let [x1, y1, x2, y2, score] = [0, 1, 2, 3, 4].map(|n| word(det, n));
        cover.hit_if(score & 0xffff == 0xffff, "score 65535");
        cover.hit_if(x1 == 0 && x2 == u32::from(p.width) << 8, "edge clipped");
        cover.hit_if(x1 == x2 || y1 == y2, "empty box");
    }
}

/// What the heads' numbers are.
fn note_elements(cover: &mut Bins, p: &PostParams) {
    let heads = p.used_heads();
    let mut at = 0;
    for head in heads {
        let name = match head.element {
            Element::F32 => "f32",
            Element::F16 => "f16",
            Element::I8 => "i8",
        };
        cover.hit(name);
        cover.hit_if(head.element == Element::F32 && at % 2 == 1, "f32 at an odd byte");
        cover.hit_if(head.element == Element::F16 && at % 2 == 1, "f16 at an odd byte");
        let exponent = head.scale.register() >> 15;
        cover.hit_if(head.element == Element::I8 && exponent == 1, "least scale");
        cover.hit_if(head.element == Element::I8 && exponent == 246, "greatest scale");
        at += head.bytes(p.classes);
    }
    cover.hit_if(heads.iter().any(|h| h.element != heads[0].element), "elements mixed");
}

/// Special numbers among those of the slot.
pub fn note_numbers(cover: &mut Bins, p: &PostParams, slot: &[u8]) {
    for head in p.used_heads() {
        let bytes = &slot[head.offset as usize..][..head.bytes(p.classes)];
        match head.element {
            Element::F32 => (),
            Element::F16 => {
                for half in bytes.as_chunks::<2>().0 {
                    let half = u16::from_le_bytes(*half);
                    cover.hit_if(half & 0x7c00 == 0x7c00, "f16 not finite");
                    cover.hit_if(half & 0x7c00 == 0 && half & 0x3ff != 0, "f16 subnormal");
                }
            }
            Element::I8 => {
                cover.hit_if(bytes.contains(&(head.zero as u8)), "i8 at its zero");
            }
        }
    }
}
