//! Numbers of f16 and i8.

use tandem_model::post::{Element, Head, HeadKind, Scale};
use tandem_rtl::Rng;

use super::jobs::Spread;

pub const ELEMENTS: [Element; 3] = [Element::F32, Element::F16, Element::I8];

/// A step as such heads have it, and any other: the smallest, the largest, powers of two.
pub fn scale(rng: &mut Rng, kind: HeadKind) -> Scale {
    let fraction = rng.next_u32() & 0x7fff;
    let exponent = match rng.below(8) {
        0 => rng.pick(&[1, 2, 245, 246]),
        1 => rng.range(1, 246) as u32,
        _ if kind == HeadKind::Boxes => rng.range(119, 129) as u32,
        _ => rng.range(119, 125) as u32,
    };
    Scale::from_register(exponent << 15 | rng.pick(&[fraction, fraction, 0, 0x7fff]))
}

/// Appends a number of an f16 or i8 head, near `value` or as `spread` wants it.
pub fn put(rng: &mut Rng, head: &Head, value: f32, spread: Spread, stream: &mut Vec<u8>) {
    let special = spread == Spread::Special && rng.chance(16);
    let any = spread == Spread::Bits;
    if head.element == Element::F16 {
        const SPECIAL: [u16; 18] = [
            0x7c00, 0xfc00, 0x7e00, 0x7c01, 0xffff, 0x0000, 0x8000, 0x0001, 0x8001, 0x0200, 0x03ff,
            0x83ff, 0x0400, 0x8400, 0x7bff, 0xfbff, 0x4c00, 0xcc00,
        ];
        let bits = match (any, special) {
            (true, _) => rng.next_u32() as u16,
            (_, true) => rng.pick(&SPECIAL),
            _ => half(value),
        };
        stream.extend_from_slice(&bits.to_le_bytes());
        return;
    }
    let steps = (value / f32::from_bits(head.scale.f32_bits())).round();
    let byte = match (any, special) {
        (true, _) => rng.next_u32() as i8,
        (_, true) => rng.pick(&[-128, 127, head.zero, head.zero.wrapping_add(1)]),
        // What is beyond a byte is held to it.
        _ => (steps + f32::from(head.zero)).clamp(-128.0, 127.0) as i8,
    };
    stream.push(byte as u8);
}

/// The f16 below a number in magnitude, or the largest one.
fn half(value: f32) -> u16 {
    let magnitude = value.abs();
    let bits = if magnitude >= 65504.0 {
        0x7bff
    } else if magnitude < 2f32.powi(-14) {
        (magnitude * 2f32.powi(24)) as u16
    } else {
        ((magnitude.to_bits() >> 13) - (112 << 10)) as u16
    };
    bits | u16::from(value.is_sign_negative()) << 15
}
