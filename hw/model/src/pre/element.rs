//! The last stage: 8 bits to an element of the tensor. In hardware one table per channel.

use super::Element;

/// The element for every pixel value, in its low bytes.
pub fn table(element: Element, scale: i32, offset: i32) -> [u16; 256] {
    core::array::from_fn(|value| convert(element, value as u8, scale, offset))
}

/// The table changes nothing.
pub const fn is_identity(element: Element, scale: i32, offset: i32) -> bool {
    matches!(element, Element::U8) && scale == 1 << 16 && offset == 0
}

fn convert(element: Element, value: u8, scale: i32, offset: i32) -> u16 {
    let sum = i64::from(value) * i64::from(scale) + i64::from(offset);
    let whole = (sum + (1 << 15)) >> 16;
    match element {
        Element::U8 => whole.clamp(0, 255) as u16,
        Element::I8 => whole.clamp(-128, 127) as i8 as u8 as u16,
        Element::F16 => half(sum),
    }
}

/// The binary16 nearest to a signed Q24 number, halves to even, for magnitudes up to 2^39.
///
/// Q24 ends where binary16 does: the last bit of a subnormal is 2^-24. So numbers under 2^-14 are
/// exact, and the largest, 32768, is finite: there is neither underflow nor overflow.
fn half(sum: i64) -> u16 {
    let sign = if sum < 0 { 0x8000 } else { 0 };
    let magnitude = sum.unsigned_abs();
    if magnitude < 1 << 10 {
        return sign | magnitude as u16;
    }
    // Eleven bits stay: a leading one, which the format leaves out, and the fraction.
    let shift = magnitude.ilog2() - 10;
    let kept = magnitude >> shift;
    let twice_rest = 2 * (magnitude - (kept << shift));
    let unit = 1 << shift;
    let up = twice_rest > unit || twice_rest == unit && kept % 2 == 1;
    // A carry out of the fraction raises the exponent, as it should.
    sign | ((u64::from(shift) << 10) + kept + u64::from(up)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_half_up_and_saturate() {
        let byte = |v, scale, offset| convert(Element::U8, v, scale, offset);
        assert_eq!(byte(77, 1 << 16, 0), 77);
        assert_eq!(byte(3, 1 << 15, 0), 2);
        assert_eq!(byte(200, 2 << 16, 0), 255);
        assert_eq!(byte(10, -(1 << 16), 5 << 16), 0);
        assert_eq!(byte(10, -(1 << 16), 255 << 16), 245);
        assert_eq!(byte(255, 1 << 24, i32::MAX), 255);
        assert_eq!(byte(255, -(1 << 24), i32::MIN), 0);
        let signed = |v, offset| convert(Element::I8, v, 1 << 16, offset) as u8 as i8;
        assert_eq!([signed(0, -128 << 16), signed(255, -128 << 16)], [-128, 127]);
        assert_eq!([signed(0, i32::MIN), signed(200, 0)], [-128, 127]);
        assert_eq!([signed(3, -(7 << 15)), signed(4, -(9 << 15))], [0, 0]);
    }

    /// The nearest of all finite halves by exact comparison; of two the one with the even code.
    fn nearest(sum: i64) -> u16 {
        let value = |code: u16| -> i64 {
            let (exponent, fraction) = (i64::from(code >> 10), i64::from(code & 0x3ff));
            if exponent == 0 { fraction } else { (1024 + fraction) << (exponent - 1) }
        };
        let magnitude = sum.abs();
        let above = (0..0x7c00).collect::<Vec<u16>>().partition_point(|c| value(*c) < magnitude);
        let candidates = [above.saturating_sub(1) as u16, above.min(0x7bff) as u16];
        let distance = |code: &u16| ((value(*code) - magnitude).abs(), code & 1);
        let code = candidates.into_iter().min_by_key(distance).unwrap();
        if sum < 0 { code | 0x8000 } else { code }
    }

    #[test]
    fn halves_are_the_nearest_and_ties_go_to_even() {
        let largest = 255 * i64::from(i32::MIN) + i64::from(i32::MIN);
        for sum in [0, 1, -1, 1023, 1024, 2047, 2048, 2049, 2051, 4095, largest, -largest - 256] {
            assert_eq!(half(sum), nearest(sum), "{sum}");
        }
        let mut state = 1u64;
        for _ in 0..3000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let sum = (state as i64 >> 24) >> (state % 40);
            assert_eq!(half(sum), nearest(sum), "{sum}");
        }
        // Exact ties of every parity.
        for kept in 1024..2048 {
            assert_eq!(half((2 * kept + 1) << 7), nearest((2 * kept + 1) << 7));
        }
    }

    #[test]
    fn one_and_a_half_are_their_known_codes() {
        assert_eq!(half(1 << 24), 0x3c00);
        assert_eq!(half(-(1 << 23)), 0xb800);
        assert_eq!(half(1 << 39), 0x7800);
        assert_eq!(half(1), 0x0001);
        assert!(is_identity(Element::U8, 1 << 16, 0));
        assert_eq!(table(Element::U8, 1 << 16, 0), core::array::from_fn(|v| v as u16));
    }
}
