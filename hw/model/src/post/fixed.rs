//! f32 bit patterns to fixed point, and the two functions of the decoder, in integers only.

/// One in Q24.
pub const ONE_Q24: u32 = 1 << 24;
/// Logits are held to -16..=16: beyond that a sigmoid is within 2^-23 of its limit, and an
/// exponential is far outside any box. Signed Q24.
pub const LOGIT_LIMIT: i32 = 16 << 24;
/// Box sides saturate here: any box that large covers the whole input once clipped. Q16 pixels.
pub const SIDE_LIMIT: u64 = 1 << 32;

const EXPONENT: u32 = 0x7f80_0000;
const LOG2_E_Q30: i64 = 1_549_082_005;

/// Neither NaN nor infinite.
#[inline(always)]
pub const fn is_finite(bits: u32) -> bool {
    bits & EXPONENT != EXPONENT
}

/// An integer that orders finite f32 as their values; both zeros are 0.
#[inline(always)]
pub const fn order(bits: u32) -> i32 {
    let magnitude = (bits & 0x7fff_ffff) as i32;
    if bits >> 31 == 0 { magnitude } else { -magnitude }
}

/// A finite f32 as signed Q24, held to [`LOGIT_LIMIT`], rounded to nearest (halves away from 0).
pub const fn to_q24(bits: u32) -> i32 {
    let exponent = ((bits >> 23) & 0xff) as i32;
    let mantissa = (bits & 0x7f_ffff) | 0x80_0000;
    // The value is mantissa * 2^(exponent - 150); Q24 wants it times 2^24.
    let magnitude = match exponent - 126 {
        5.. => LOGIT_LIMIT,
        left @ 0..=4 => (mantissa << left) as i32,
        right @ -24..=-1 => {
            let right = -right as u32;
            ((mantissa + (1 << (right - 1))) >> right) as i32
        }
        _ => 0,
    };
    if bits >> 31 == 0 { magnitude } else { -magnitude }
}

/// A finite f32 as signed Q24 like [`to_q24`], but held to -64..=64.
pub const fn to_q24_wide(bits: u32) -> i32 {
    to_fixed::<24>(bits, 64 << 24) as i32
}

/// A finite f32 as a signed fixed-point number with `Q` fraction bits (0 to 24), held to `limit`
/// (at most 2^40), rounded to nearest (halves away from 0).
pub const fn to_fixed<const Q: i32>(bits: u32, limit: i64) -> i64 {
    let exponent = ((bits >> 23) & 0xff) as i32;
    let mantissa = ((bits & 0x7f_ffff) | 0x80_0000) as i64;
    // As in `to_q24`, with 2^Q in place of 2^24; 24 + 17 bits reach every limit.
    let magnitude = match exponent - 150 + Q {
        18.. => limit,
        left @ 0..=17 => mantissa << left,
        right @ -24..=-1 => (mantissa + (1 << (-right - 1))) >> -right,
        _ => 0,
    };
    let held = if magnitude > limit { limit } else { magnitude };
    if bits >> 31 == 0 { held } else { -held }
}

/// `exp(-below)` for an unsigned Q24 `below`, Q30, rounded down.
pub fn decay(below: u32) -> u32 {
    let power = (i64::from(below) * -LOG2_E_Q30 + (1 << 29)) >> 30;
    let (whole, mantissa) = power_of_two(power);
    // |whole| <= 370; a shift of 31 bits or more leaves nothing.
    mantissa.checked_shr(whole.unsigned_abs()).unwrap_or(0) as u32
}

/// `2^power` for a signed Q24 power as `mantissa * 2^whole`, the mantissa Q30 in 1 to 2.
fn power_of_two(power: i64) -> (i32, u64) {
    let (whole, fraction) = ((power >> 24) as i32, (power & 0xff_ffff) as u32);
    let (segment, rest) = ((fraction >> 16) as usize, u64::from(fraction & 0xffff));
    let rise = u64::from(POWER[segment + 1] - POWER[segment]) * rest;
    (whole, u64::from(POWER[segment]) + ((rise + (1 << 15)) >> 16))
}

/// Segments of the sigmoid's table: 64 to a unit, 0 to 16.
const SIGMOID_SEGMENTS: usize = 1024;
/// `sigmoid(i / 64)` in Q24, rounded to nearest.
pub static SIGMOID: [u32; SIGMOID_SEGMENTS + 1] = sigmoid_table();
/// Segments of the power's table.
const POWER_SEGMENTS: usize = 256;
/// `2^(i / 256)` in Q30, rounded to nearest.
pub static POWER: [u32; POWER_SEGMENTS + 1] = power_table();

/// Sigmoid of a signed Q24 logit, Q24. Interpolated linearly; never falls as the logit rises.
pub fn sigmoid(logit: i32) -> u32 {
    let magnitude = logit.unsigned_abs();
    let (segment, rest) = ((magnitude >> 18) as usize, magnitude & 0x3_ffff);
    let value = match SIGMOID.get(segment + 1) {
        // The rise over a segment is at most 2^16 and the rest is under 2^18: 34 bits.
        Some(end) => {
            let rise = u64::from(end - SIGMOID[segment]) * u64::from(rest);
            SIGMOID[segment] + ((rise + (1 << 17)) >> 18) as u32
        }
        None => SIGMOID[SIGMOID_SEGMENTS],
    };
    if logit < 0 { ONE_Q24 - value } else { value }
}

/// `exp(logit) * pixels` in Q16, at most [`SIDE_LIMIT`]; the logit is signed Q24 within
/// [`LOGIT_LIMIT`].
pub fn exp_times(logit: i32, pixels: u16) -> u64 {
    let power = (i64::from(logit) * LOG2_E_Q30 + (1 << 29)) >> 30;
    let (whole, mantissa) = power_of_two(power);
    // |whole| <= 24, so the shift from Q30 to Q16 is 38 down to 9 up: 31 + 14 + 10 bits at most.
    let product = mantissa * u64::from(pixels);
    let side = match 14 - whole {
        right @ 1.. => (product + (1 << (right - 1))) >> right,
        left => product << -left,
    };
    side.min(SIDE_LIMIT)
}

/// The tables are computed at compile time in Q64 with more than 50 bits to spare; a test holds
/// every entry against f64.
const fn sigmoid_table() -> [u32; SIGMOID_SEGMENTS + 1] {
    // exp(-1/64) = 1 - 1/64 (1 - 1/128 (1 - 1/192 (...))), Q64.
    let one = 1u128 << 64;
    let mut step = one;
    let mut term = 16;
    while term > 0 {
        step = one - step / (64 * term);
        term -= 1;
    }
    let mut table = [0; SIGMOID_SEGMENTS + 1];
    let mut decay = one;
    let mut i = 0;
    while i <= SIGMOID_SEGMENTS {
        let divisor = one + decay;
        table[i] = (((1u128 << 88) + divisor / 2) / divisor) as u32;
        decay = (decay * step) >> 64;
        i += 1;
    }
    table
}

const fn power_table() -> [u32; POWER_SEGMENTS + 1] {
    // 2^(1/256) = exp(x), x = ln(2)/256 in Q64, by the same nesting; kept in Q62 for headroom.
    let one = 1u128 << 64;
    let x = 0xb172_17f7_d1cf_79ab_u128 >> 8;
    let mut step = one;
    let mut term = 16;
    while term > 0 {
        step = one + ((step * x) >> 64) / term;
        term -= 1;
    }
    let mut table = [0; POWER_SEGMENTS + 1];
    let mut power = 1u128 << 62;
    let mut i = 0;
    while i <= POWER_SEGMENTS {
        table[i] = ((power + (1 << 31)) >> 32) as u32;
        power = ((power >> 2) * (step >> 2)) >> 60;
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn q24(value: f32) -> i32 {
        to_q24(value.to_bits())
    }

    #[test]
    fn tables_are_the_rounded_real_values() {
        for (i, entry) in SIGMOID.iter().enumerate() {
            let real = 1.0 / (1.0 + (-(i as f64) / 64.0).exp());
            assert_eq!(*entry, (real * f64::from(ONE_Q24)).round() as u32, "sigmoid {i}");
        }
        for (i, entry) in POWER.iter().enumerate() {
            let real = 2.0f64.powf(i as f64 / 256.0);
            assert_eq!(*entry, (real * f64::from(1 << 30)).round() as u32, "power {i}");
        }
        assert_eq!(LOG2_E_Q30, (core::f64::consts::LOG2_E * f64::from(1 << 30)).round() as i64);
    }

    #[test]
    fn q24_of_known_values() {
        assert_eq!([0.0, -0.0, 1e-40, -1e-30].map(q24), [0; 4]);
        assert_eq!([1.0, -1.0, 0.5].map(q24), [1 << 24, -1 << 24, 1 << 23]);
        assert_eq!([16.0, 1e30, -16.5, f32::MAX].map(q24), [1, 1, -1, 1].map(|s| s * LOGIT_LIMIT));
        let tick = 1.0 / 16_777_216.0f32;
        assert_eq!([0.5, 0.499, 1.5, -0.5].map(|v| q24(v * tick)), [1, 0, 2, -1]);
    }

    #[test]
    fn sigmoid_is_within_its_bound_and_never_falls() {
        let mut before = 0;
        let mut worst = 0.0f64;
        for t in (-LOGIT_LIMIT..=LOGIT_LIMIT).step_by(997) {
            let ours = sigmoid(t);
            assert!(ours >= before, "falls at {t}");
            before = ours;
            let real = 1.0 / (1.0 + (-f64::from(t) / f64::from(ONE_Q24)).exp());
            worst = worst.max((f64::from(ours) / f64::from(ONE_Q24) - real).abs());
        }
        // h^2/8 times the greatest curvature, 0.0962, and 1.5 Q24 roundings.
        assert!(worst <= 3.1e-6, "{worst}");
        assert_eq!(sigmoid(0), ONE_Q24 / 2);
    }

    #[test]
    fn sigmoid_never_falls_from_one_step_to_the_next() {
        for corner in (-1024..1024).map(|i| i << 18) {
            for t in corner - 3..corner + 3 {
                assert!(sigmoid(t + 1) >= sigmoid(t), "falls at {t}");
            }
        }
    }

    proptest! {
        #[test]
        fn exp_is_within_its_bound(t in -16.0f64..16.0, pixels in 1u16..=8192) {
            let fixed = (t * f64::from(ONE_Q24)).round() as i32;
            let real = (f64::from(fixed) / f64::from(ONE_Q24)).exp() * f64::from(pixels);
            let ours = exp_times(fixed, pixels) as f64 / 65536.0;
            if real < 65536.0 {
                prop_assert!((ours - real).abs() <= real * 1.1e-6 + 1.0 / 65536.0, "{} {}", ours, real);
            } else {
                prop_assert!(ours >= 65535.0);
            }
        }

        #[test]
        fn decay_is_within_its_bound(below in 0.0f64..40.0) {
            let fixed = (below * f64::from(ONE_Q24)) as u32;
            let real = (-f64::from(fixed) / f64::from(ONE_Q24)).exp();
            let ours = f64::from(decay(fixed)) / f64::from(1 << 30);
            let bound = real * 1.1e-6 + 1.0 / f64::from(1 << 30);
            prop_assert!((ours - real).abs() <= bound, "{} {}", ours, real);
        }

        #[test]
        fn fixed_is_nearest(a in -70000.0f32..70000.0, small in 0u32..40) {
            let a = a / 2.0f32.powi(small as i32);
            let real = (f64::from(a) * 65536.0).clamp(-4294967296.0, 4294967296.0);
            prop_assert!((to_fixed::<16>(a.to_bits(), 1 << 32) as f64 - real).abs() <= 0.5);
            let real = (f64::from(a) * f64::from(ONE_Q24)).clamp(-1073741824.0, 1073741824.0);
            prop_assert!((f64::from(to_q24_wide(a.to_bits())) - real).abs() <= 0.5);
        }

        #[test]
        fn order_is_that_of_floats(a in any::<f32>(), b in any::<f32>()) {
            prop_assume!(!a.is_nan() && !b.is_nan());
            prop_assert_eq!(order(a.to_bits()).cmp(&order(b.to_bits())), a.partial_cmp(&b).unwrap());
        }

        #[test]
        fn q24_is_nearest(a in -15.9f32..15.9) {
            prop_assert!((f64::from(q24(a)) - f64::from(a) * f64::from(ONE_Q24)).abs() <= 0.5);
        }
    }
}
