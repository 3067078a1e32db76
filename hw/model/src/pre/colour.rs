//! BT.601 limited range to RGB, and the per-channel scale and offset.

// The customary three-digit coefficients (1.164, 1.596, 0.813, 0.391, 2.018) times 2^20, rounded
// down: the same integers that OpenCV uses, so its conversion is met exactly.
/// Luma to every channel, Q20.
pub const LUMA: i32 = 1_220_542;
/// V to red, Q20.
pub const RED_V: i32 = 1_673_527;
/// V to green, Q20, subtracted.
pub const GREEN_V: i32 = 852_492;
/// U to green, Q20, subtracted.
pub const GREEN_U: i32 = 409_993;
/// U to blue, Q20.
pub const BLUE_U: i32 = 2_116_026;
/// One half, Q20: the rounding term.
pub const HALF: i32 = 1 << 19;

/// One pixel as R, G, B. Luma below 16 counts as 16.
///
/// Largest magnitude: `239 * LUMA + 128 * BLUE_U + HALF` is under `2^30`, so nothing wraps.
#[inline(always)]
pub fn rgb(y: u8, u: u8, v: u8) -> [u8; 3] {
    let y = i32::from(y.saturating_sub(16)).wrapping_mul(LUMA).wrapping_add(HALF);
    let u = i32::from(u).wrapping_sub(128);
    let v = i32::from(v).wrapping_sub(128);
    let red = y.wrapping_add(v.wrapping_mul(RED_V));
    let green = y.wrapping_sub(v.wrapping_mul(GREEN_V)).wrapping_sub(u.wrapping_mul(GREEN_U));
    let blue = y.wrapping_add(u.wrapping_mul(BLUE_U));
    [byte(red >> 20), byte(green >> 20), byte(blue >> 20)]
}

#[inline(always)]
fn byte(value: i32) -> u8 {
    value.clamp(0, 255) as u8
}

/// `clamp((value * scale + offset + 1/2) rounded down)`, scale and offset in signed Q16.
pub fn scaled(value: u8, scale: i32, offset: i32) -> u8 {
    let sum = i64::from(value) * i64::from(scale) + i64::from(offset) + (1 << 15);
    (sum >> 16).clamp(0, 255) as u8
}

/// [`scaled`] for every byte.
pub fn table(scale: i32, offset: i32) -> [u8; 256] {
    core::array::from_fn(|value| scaled(value as u8, scale, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_white_and_grey() {
        assert_eq!(rgb(16, 128, 128), [0, 0, 0]);
        assert_eq!(rgb(0, 128, 128), [0, 0, 0]);
        assert_eq!(rgb(235, 128, 128), [255, 255, 255]);
        assert_eq!(rgb(126, 128, 128), [128, 128, 128]);
    }

    #[test]
    fn every_colour_is_within_one_of_bt601() {
        for y in 0..=255u8 {
            for u in (0..=255u8).step_by(5) {
                for v in (0..=255u8).step_by(5) {
                    let (l, cb, cr) = (
                        (f64::from(y.max(16)) - 16.0) * 1.164,
                        f64::from(u) - 128.0,
                        f64::from(v) - 128.0,
                    );
                    let real = [l + 1.596 * cr, l - 0.813 * cr - 0.391 * cb, l + 2.018 * cb];
                    for (ours, real) in rgb(y, u, v).into_iter().zip(real) {
                        let error = f64::from(ours) - real.clamp(0.0, 255.0);
                        assert!(error.abs() <= 0.501, "{y} {u} {v}: {error}");
                    }
                }
            }
        }
    }

    #[test]
    fn scale_rounds_half_up_and_saturates() {
        assert_eq!(scaled(77, 1 << 16, 0), 77);
        assert_eq!(scaled(3, 1 << 15, 0), 2);
        assert_eq!(scaled(200, 2 << 16, 0), 255);
        assert_eq!(scaled(10, -(1 << 16), 5 << 16), 0);
        assert_eq!(scaled(10, -(1 << 16), 255 << 16), 245);
        assert_eq!(scaled(255, 1 << 24, i32::MAX), 255);
        assert_eq!(scaled(255, -(1 << 24), i32::MIN), 0);
    }
}
