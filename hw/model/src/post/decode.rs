//! One anchor's numbers to a box.

use super::fixed::{ONE_Q24, SIDE_LIMIT, exp_times, sigmoid, to_q24};
use super::{Head, HeadKind};

/// Where an anchor is: cell column, cell row, anchor number.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Cell column.
    pub x: u16,
    /// Cell row.
    pub y: u16,
    /// Anchor of the head.
    pub anchor: usize,
}

/// Left, top, right, bottom in signed Q8 pixels, clipped to `width` by `height`; `numbers` are
/// the bits of tx, ty, tw, th, all finite.
pub fn decode(head: &Head, place: Place, numbers: [u32; 4], width: u16, height: u16) -> [i32; 4] {
    let [tx, ty, tw, th] = numbers.map(to_q24);
    let (anchor_w, anchor_h) = head.anchors[place.anchor];
    let (x1, x2) = edges(head, tx, place.x, tw, anchor_w, width);
    let (y1, y2) = edges(head, ty, place.y, th, anchor_h, height);
    [x1, y1, x2, y2]
}

/// Both edges along one axis.
fn edges(head: &Head, t: i32, cell: u16, size: i32, anchor: u16, limit: u16) -> (i32, i32) {
    let cell = i64::from(cell) << 24;
    let (in_cells, side) = match head.kind {
        HeadKind::YoloV3 => (i64::from(sigmoid(t)) + cell, exp_times(size, anchor)),
        HeadKind::YoloV5 => {
            let offset = 2 * i64::from(sigmoid(t)) - i64::from(ONE_Q24 / 2);
            (offset + cell, square_times(sigmoid(size), anchor))
        }
    };
    // Q24 cells times pixels per cell to twice the centre in Q16: the half side needs no rounding.
    let twice = (in_cells * i64::from(head.stride) + (1 << 6)) >> 7;
    let edge = |q17: i64| ((q17 + (1 << 8)) >> 9).clamp(0, i64::from(limit) << 8) as i32;
    (edge(twice - side as i64), edge(twice + side as i64))
}

/// `(2 s)^2 * pixels` in Q16 for a Q24 sigmoid `s`: 48 + 14 bits before the shift.
fn square_times(s: u32, pixels: u16) -> u64 {
    let product = u64::from(s) * u64::from(s) * u64::from(pixels);
    ((product + (1 << 29)) >> 30).min(SIDE_LIMIT)
}

/// Product of two Q24 probabilities as Q16, rounded to nearest, at most 65535.
pub fn score(objectness: u32, class: u32) -> u16 {
    let product = u64::from(objectness) * u64::from(class);
    ((product + (1 << 31)) >> 32).min(0xffff) as u16
}
