//! Parameters at their limits and beyond, and which are good.

#![allow(dead_code, reason = "each bench uses its part")]

use tandem_model::post::{Element, Head, HeadKind, PostParams, Scale};
use tandem_rtl::Rng;

use super::jobs::Build;

/// One field of good parameters, or one bit of a register, at a limit or beyond it.
pub fn disturb(
    rng: &mut Rng,
    p: &mut PostParams,
    kinds: &mut [u8; 4],
    elements: &mut [u8; 4],
) -> &'static str {
    let count = u64::from(p.head_count.min(4));
    let at = rng.below(count) as usize;
    let head = &mut p.heads[at];
    let side = |rng: &mut Rng| rng.pick(&[0, 1, 8191, 8192, 8193, 65535]);
    match rng.below(18) {
        0 => {
            p.head_count = rng.pick(&[0, 5, 255]);
            "head_count"
        }
        1 => {
            p.classes = rng.pick(&[0, 1, 1024, 1025, 65535]);
            "classes"
        }
        2 => {
            p.max_detections = rng.pick(&[0, 1, 1024, 1025, 65535]);
            "max_detections"
        }
        3 => {
            p.top_k = rng.pick(&[0, 1, 4096, 4097, 8191]);
            "top_k"
        }
        4 => {
            p.width = side(rng);
            "width"
        }
        5 => {
            p.height = side(rng);
            "height"
        }
        6 => {
            kinds[at] = rng.pick(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 15]);
            "kind"
        }
        7 => {
            head.anchor_count = rng.pick(&[0, 1, 2, 3, 4, 255]);
            "anchor_count"
        }
        8 => {
            let anchor = rng.below(3) as usize;
            head.anchors[anchor] = (side(rng), head.anchors[anchor].1);
            "anchor width"
        }
        9 => {
            let anchor = rng.below(3) as usize;
            head.anchors[anchor] = (head.anchors[anchor].0, side(rng));
            "anchor height"
        }
        10 => {
            head.stride = rng.pick(&[0, 1, 2, 1024, 1025, 65535]);
            "stride"
        }
        11 => {
            let edge = (p.width - 1) / head.stride + 1;
            head.grid_w = rng.pick(&[0, edge, edge.saturating_add(1), 65535]);
            "grid_w"
        }
        12 => {
            let edge = (p.height - 1) / head.stride + 1;
            head.grid_h = rng.pick(&[0, edge, edge.saturating_add(1), 65535]);
            "grid_h"
        }
        13 => {
            head.offset += rng.pick(&[1, 32, 64, 63]);
            "offset"
        }
        14 => {
            let end = (1 << 28) - head.bytes(p.classes) as u32;
            head.offset = rng.pick(&[end / 64 * 64, end / 64 * 64 + 64, 1 << 28, u32::MAX - 63]);
            "last bytes"
        }
        15 => {
            elements[at] = rng.pick(&[0, 1, 2, 3, 4, 5, 6, 8, 15]);
            "element"
        }
        16 => {
            let exponent = rng.pick(&[0, 1, 2, 127, 245, 246, 247, 248, 255]);
            let fraction = rng.pick(&[0, 1, 0x7fff]);
            head.scale = Scale::from_register(exponent << 15 | fraction);
            "scale"
        }
        _ => {
            // A list of any size: the build's room.
            (head.stride, head.anchor_count, kinds[at]) = (1, 1, 4);
            head.grid_w = rng.pick(&[1200, 1201, 1199, 8400, 8401, 1]);
            head.grid_h = rng.pick(&[1, 1, 2, 7]);
            "cells"
        }
    }
}

/// What the simulator's kernel asks, with the room of this build.
pub fn is_good(p: &PostParams, kinds: &[u8; 4], elements: &[u8; 4], build: Build) -> bool {
    let mut p = p.clone();
    let written = kinds.iter().zip(elements);
    for (head, (kind, element)) in p.heads.iter_mut().zip(written).take(p.head_count.into()) {
        let Some(kind) = HeadKind::from_u8(*kind) else { return false };
        let Some(element) = Element::from_u8(*element) else { return false };
        (head.kind, head.element) = (kind, element);
    }
    let room = |head: &Head| match head.kind {
        HeadKind::YoloV8 => head.cells() as u64 <= build.dfl_cells,
        _ => head.cells() as u64 <= build.cells,
    };
    if p.validate().is_err() || !p.used_heads().iter().all(room) {
        return false;
    }
    let mut to = 0;
    for head in &mut p.heads[..usize::from(p.head_count)] {
        head.offset = to as u32;
        to = (to + head.bytes(p.classes)).next_multiple_of(64);
    }
    p.validate().is_ok()
}
