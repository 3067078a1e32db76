//! BT.601: limited range to RGB, and RGB to grey.

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

/// Luma of BT.601 full range: `0.299 R + 0.587 G + 0.114 B`, weights Q14 that sum to one.
#[inline(always)]
pub fn grey(r: u8, g: u8, b: u8) -> u8 {
    let [r, g, b] = [r, g, b].map(u32::from);
    let sum = r.wrapping_mul(4899).wrapping_add(g.wrapping_mul(9617));
    (sum.wrapping_add(b.wrapping_mul(1868)).wrapping_add(1 << 13) >> 14) as u8
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
    fn a_colour_without_colour_is_its_own_grey() {
        for v in 0..=255 {
            assert_eq!(grey(v, v, v), v);
        }
        assert_eq!([grey(255, 0, 0), grey(0, 255, 0), grey(0, 0, 255)], [76, 150, 29]);
    }
}
