//! What a head's numbers are made of. Each becomes the bits of an f32 that has exactly its value,
//! so everything behind is the same for all of them.

use core::fmt;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One number of a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "lowercase")]
pub enum Element {
    /// IEEE binary32.
    #[default]
    F32 = 0,
    /// IEEE binary16.
    F16 = 1,
    /// `scale * (byte - zero)`, with the head's [`Scale`] and zero.
    I8 = 2,
}

impl Element {
    /// The element with this register value.
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::F32),
            1 => Some(Self::F16),
            2 => Some(Self::I8),
            _ => None,
        }
    }

    /// Bytes of a number.
    pub const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
            Self::I8 => 1,
        }
    }
}

/// What one step of an i8 head is worth: a positive number with 16 significant bits, 2^-126 to
/// 2^120. Held as the bits 30 to 8 of the f32 with its value: 8 bits of exponent, 15 of fraction.
///
/// Why 16 bits: times a difference of two bytes that is 24 bits, which an f32 holds without
/// rounding. And a step is at most 2^-16 off, so 255 of them are by less than 1/257 of one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scale(u32);

impl Scale {
    /// One.
    pub const ONE: Self = Self(127 << FRACTION);
    /// Largest exponent field: 255 times a larger scale need not be finite.
    const MAX_EXPONENT: u32 = 246;

    /// The nearest scale to an f32 given by its bits, halves away from 0: at most 2^-16 off,
    /// relative, and exact for powers of two. `None` unless it is 2^-126 to just under 2^120.
    pub const fn from_f32_bits(bits: u32) -> Option<Self> {
        if bits >> 31 != 0 {
            return None;
        }
        let scale = Self((bits + (1 << 7)) >> 8);
        if scale.is_valid() && bits >> 23 != 0 { Some(scale) } else { None }
    }

    /// What a register holds, valid or not.
    pub const fn from_register(value: u32) -> Self {
        Self(value & ((1 << (8 + FRACTION)) - 1))
    }

    /// As in the register: 23 bits.
    pub const fn register(self) -> u32 {
        self.0
    }

    /// The bits of the f32 that is this scale.
    pub const fn f32_bits(self) -> u32 {
        self.0 << 8
    }

    /// Neither zero nor subnormal nor so large that a number might not be finite.
    pub const fn is_valid(self) -> bool {
        let exponent = self.0 >> FRACTION;
        exponent >= 1 && exponent <= Self::MAX_EXPONENT
    }

    /// `self * (byte - zero)` as the bits of an f32, exactly; 0 is +0. The scale is valid.
    pub const fn times(self, byte: i8, zero: i8) -> u32 {
        let steps = byte as i32 - zero as i32;
        if steps == 0 {
            return 0;
        }
        // 16 by 8 bits, so the leading one is at bit 15 to 23.
        let product = ((self.0 & 0x7fff) | 0x8000) * steps.unsigned_abs();
        let up = product.leading_zeros() - 8;
        let exponent = (self.0 >> FRACTION) + 8 - up;
        (steps as u32 & 1 << 31) | exponent << 23 | ((product << up) & 0x7f_ffff)
    }
}

impl Default for Scale {
    fn default() -> Self {
        Self::ONE
    }
}

/// Bits of a scale below its exponent.
const FRACTION: u32 = 15;

impl fmt::Debug for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scale({:#08x})", self.0)
    }
}

/// A number where people read it, else the register's value.
impl Serialize for Scale {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.serialize_f32(f32::from_bits(self.f32_bits())),
            false => serializer.serialize_u32(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Scale {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return u32::deserialize(deserializer).map(Self::from_register);
        }
        let value = f32::deserialize(deserializer)?;
        Self::from_f32_bits(value.to_bits()).ok_or_else(|| {
            let found = Unexpected::Float(value.into());
            D::Error::invalid_value(found, &"a scale of 2^-126 to 2^120")
        })
    }
}

/// One number as a head's bytes have it.
pub(super) trait Raw: Copy {
    /// What must be known beside its bytes.
    type Form: Copy;

    /// The bits of the f32 with its value; not finite where it is not.
    fn bits(self, form: Self::Form) -> u32;
}

impl Raw for [u8; 4] {
    type Form = ();

    #[inline(always)]
    fn bits(self, (): ()) -> u32 {
        u32::from_le_bytes(self)
    }
}

impl Raw for [u8; 2] {
    type Form = ();

    #[inline(always)]
    fn bits(self, (): ()) -> u32 {
        f32_of_f16(u16::from_le_bytes(self))
    }
}

impl Raw for [u8; 1] {
    /// Scale and zero.
    type Form = (Scale, i8);

    #[inline(always)]
    fn bits(self, (scale, zero): (Scale, i8)) -> u32 {
        scale.times(i8::from_le_bytes(self), zero)
    }
}

/// The bits of the f32 with an f16's value. A NaN stays one.
pub const fn f32_of_f16(half: u16) -> u32 {
    let (sign, magnitude) = ((half as u32 & 0x8000) << 16, half as u32 & 0x7fff);
    let rest = match magnitude >> 10 {
        0 if magnitude == 0 => 0,
        // Subnormal, steps of 2^-24: the leading one moves to bit 10, which is the hidden one.
        0 => {
            let up = magnitude.leading_zeros() - 21;
            (113 - up) << 23 | ((magnitude << up) & 0x3ff) << 13
        }
        31 => 0x7f80_0000 | (magnitude & 0x3ff) << 13,
        _ => (magnitude << 13) + (112 << 23),
    };
    sign | rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every f16 there is.
    #[test]
    fn an_f16_keeps_its_value() {
        for half in 0..=u16::MAX {
            let (exponent, fraction) = (i32::from(half >> 10 & 31), f64::from(half & 0x3ff));
            let magnitude = match exponent {
                0 => fraction * 2f64.powi(-24),
                31 if fraction == 0.0 => f64::INFINITY,
                31 => f64::NAN,
                _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
            };
            let ours = f64::from(f32::from_bits(f32_of_f16(half)));
            let value = if half >> 15 == 0 { magnitude } else { -magnitude };
            assert!(ours == value || ours.is_nan() && value.is_nan(), "{half:#06x}");
            assert!(value.is_nan() || ours.is_sign_negative() == (half >> 15 == 1), "{half:#06x}");
        }
    }

    #[test]
    fn scales_outside_the_range_are_none() {
        let scale = |value: f32| Scale::from_f32_bits(value.to_bits());
        for bad in [0.0, -0.0, -1.0, f32::NAN, -f32::NAN, f32::INFINITY, f32::MAX, 1e-40, 1.4e36] {
            assert_eq!(scale(bad), None, "{bad}");
        }
        assert_eq!(scale(1.0), Some(Scale::ONE));
        assert!(scale(f32::MIN_POSITIVE).is_some() && scale(1.3e36).is_some());
        assert!(!Scale::from_register(0x7fff).is_valid(), "subnormal");
        assert!(!Scale::from_register(247 << FRACTION).is_valid());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// The product is exact, and the scale as near as the page says.
        #[test]
        fn an_i8_is_exactly_its_steps(
            bits in 0x0080_0000u32..=0x7b7f_ff7f, byte in any::<i8>(), zero in any::<i8>(),
        ) {
            let wanted = f64::from(f32::from_bits(bits));
            let scale = Scale::from_f32_bits(bits).unwrap();
            let value = f64::from(f32::from_bits(scale.f32_bits()));
            prop_assert!((value / wanted - 1.0).abs() <= 2f64.powi(-16));
            if bits & 0x7f_ffff == 0 {
                prop_assert_eq!(value, wanted);
            }
            let steps = f64::from(i32::from(byte) - i32::from(zero));
            // f64 holds the product of 16 and 8 bits.
            prop_assert_eq!(f64::from(f32::from_bits(scale.times(byte, zero))), value * steps);
        }

        #[test]
        fn a_register_gives_back_what_it_holds(bits in 0u32..1 << 23) {
            prop_assert_eq!(Scale::from_register(bits).register(), bits);
        }
    }
}
