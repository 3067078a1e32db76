//! One anchor's numbers to a box.

use super::fixed::{ONE_Q24, SIDE_LIMIT, exp_times, sigmoid, to_fixed, to_q24, to_q24_wide};
use super::{DFL_BINS, Head, HeadKind, dfl};

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

/// Left, top, right, bottom in signed Q8 pixels, clipped to `width` by `height`; `number` gives
/// the bits of the anchor's box numbers, all finite.
pub fn decode(
    head: &Head,
    place: Place,
    number: impl Fn(usize) -> u32,
    width: u16,
    height: u16,
) -> [i32; 4] {
    let (anchor_w, anchor_h) = head.anchors[place.anchor];
    let axes = [(place.x, anchor_w, width), (place.y, anchor_h, height)];
    let [(x1, x2), (y1, y2)] = [0, 1].map(|axis| {
        let (cell, anchor, limit) = axes[axis];
        match head.kind {
            HeadKind::YoloV8 => {
                let bins = |side: usize| core::array::from_fn(|bin| number(side * DFL_BINS + bin));
                let reach = [axis, axis + 2].map(|side| dfl::distance(bins(side)));
                around(reach, cell, head.stride, limit)
            }
            HeadKind::Boxes => {
                let [centre, side] =
                    [axis, axis + 2].map(|i| to_fixed::<16>(number(i), SIDE_LIMIT as i64));
                edges(2 * centre, side.max(0) as u64, limit)
            }
            _ => in_cell(head, number(axis), cell, number(axis + 2), anchor, limit),
        }
    });
    [x1, y1, x2, y2]
}

/// Both edges along one axis, of a centre that is relative to its cell.
fn in_cell(head: &Head, t: u32, cell: u16, size: u32, anchor: u16, limit: u16) -> (i32, i32) {
    let cell = i64::from(cell) << 24;
    let (in_cells, side) = match head.kind {
        HeadKind::YoloV5 => {
            let offset = 2 * i64::from(sigmoid(to_q24(t))) - i64::from(ONE_Q24 / 2);
            (offset + cell, square_times(sigmoid(to_q24(size)), anchor))
        }
        HeadKind::YoloX => (i64::from(to_q24_wide(t)) + cell, exp_times(to_q24(size), head.stride)),
        _ => (i64::from(sigmoid(to_q24(t))) + cell, exp_times(to_q24(size), anchor)),
    };
    // Q24 cells times pixels per cell to twice the centre in Q16: the half side needs no rounding.
    edges((in_cells * i64::from(head.stride) + (1 << 6)) >> 7, side, limit)
}

/// Both edges of a side around twice its centre, Q16 pixels both.
fn edges(twice: i64, side: u64, limit: u16) -> (i32, i32) {
    let edge = |q17: i64| ((q17 + (1 << 8)) >> 9).clamp(0, i64::from(limit) << 8) as i32;
    (edge(twice - side as i64), edge(twice + side as i64))
}

/// Both edges at distances (Q24 cells) before and behind the middle of a cell.
fn around(reach: [u32; 2], cell: u16, stride: u16, limit: u16) -> (i32, i32) {
    let [before, behind] = reach.map(i64::from);
    let middle = (i64::from(cell) << 24) + i64::from(ONE_Q24 / 2);
    let edge = |cells: i64| {
        ((cells * i64::from(stride) + (1 << 15)) >> 16).clamp(0, i64::from(limit) << 8) as i32
    };
    (edge(middle - before), edge(middle + behind))
}

/// `(2 s)^2 * pixels` in Q16 for a Q24 sigmoid `s`: 48 + 14 bits before the shift.
fn square_times(s: u32, pixels: u16) -> u64 {
    let product = u64::from(s) * u64::from(s) * u64::from(pixels);
    ((product + (1 << 29)) >> 30).min(SIDE_LIMIT)
}

/// A class's probability, Q24, from its number.
pub fn probability(kind: HeadKind, bits: u32) -> u32 {
    match kind {
        HeadKind::Boxes => to_q24(bits).clamp(0, ONE_Q24 as i32) as u32,
        _ => sigmoid(to_q24(bits)),
    }
}

/// Product of two Q24 probabilities as Q16, rounded to nearest, at most 65535.
pub fn score(objectness: u32, class: u32) -> u16 {
    let product = u64::from(objectness) * u64::from(class);
    ((product + (1 << 31)) >> 32).min(0xffff) as u16
}
