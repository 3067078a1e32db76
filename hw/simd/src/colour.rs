//! The model's conversion in products of 16-bit numbers, which a multiply-add of pairs takes.
//!
//! Words are pairs of luma less 16 (lower half) and U or V (upper half). R and B need only 14
//! fraction bits: for all 240 * 256 inputs the sum below, shifted and clamped, is the model's
//! (sums of three-digit coefficients lie 1/250 or 1/500 apart, which 14 bits tell from each other; the biases
//! are in the middle of what is allowed). G has two factors and lies 1/1000 apart: its coefficients
//! are the model's own, split into 64 times a 16-bit number and a rest.

use tandem_model::pre::colour;

/// Luma and V to R, Q14.
pub const RED: [i16; 2] = [19071, 26149];
/// One half, near enough, less 128 times the factor of V.
pub const RED_BIAS: i32 = 8156 - 128 * 26149;
/// Luma and U to B, Q14. 33063 does not fit: the word itself, added, is 65536 U + Y more.
pub const BLUE: [i16; 2] = [19071 - 1, (33063 - 65536) as i16];
/// One half, near enough, less 128 times the factor of U.
pub const BLUE_BIAS: i32 = 8173 - 128 * 33063;

const fn split(factor: i32) -> [i16; 2] {
    let whole = (factor + 32) >> 6;
    let rest = factor - (whole << 6);
    assert!(whole as i16 as i32 == whole && rest as i16 as i32 == rest);
    [whole as i16, rest as i16]
}

const LUMA: [i16; 2] = split(colour::LUMA);
const V: [i16; 2] = split(-colour::GREEN_V);
const U: [i16; 2] = split(-colour::GREEN_U);
/// Luma and V to G, Q14, and U with it.
pub const GREEN_YV: [i16; 2] = [LUMA[0], V[0]];
/// As [`GREEN_YV`].
pub const GREEN_U: [i16; 2] = [0, U[0]];
/// What the factors lack, Q20.
pub const GREEN_YV_REST: [i16; 2] = [LUMA[1], V[1]];
/// As [`GREEN_YV_REST`].
pub const GREEN_U_REST: [i16; 2] = [0, U[1]];
/// One half and 128 times both factors, Q14: a whole number.
pub const GREEN_BIAS: i32 = {
    let bias = colour::HALF + 128 * (colour::GREEN_V + colour::GREEN_U);
    assert!(bias % 64 == 0);
    bias / 64
};

/// A pair of factors as a word.
pub const fn pair([low, high]: [i16; 2]) -> i32 {
    low as u16 as i32 | (high as i32) << 16
}
