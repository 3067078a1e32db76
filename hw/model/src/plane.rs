//! `plane`: pixels to micrometres on a plane that the camera sees.

use serde::{Deserialize, Serialize};

use crate::post::Detection;
use crate::pre::MAX_SIDE;
use crate::refusal::{Refusal, check};

/// Fraction bits of the matrix.
pub const FRACTION: u32 = 40;
/// Largest magnitude of a linear entry (first two columns): 2^8 millimetres per pixel.
const MAX_LINEAR: i64 = 1 << (FRACTION + 8);
/// Largest magnitude of an entry of the last column: 2^16 millimetres.
const MAX_CONSTANT: i64 = 1 << (FRACTION + 16);
/// Least divisor over the frame, Q40: 2^-8.
const LEAST_DIVISOR: i128 = 1 << (FRACTION - 8);
/// Largest coordinate on the plane over the frame: about two kilometres.
const MAX_MICROMETRES: i128 = i32::MAX as i128;

/// A homography from the source frame's pixels to millimetres on the plane:
/// `X = (m0 x + m1 y + m2) / (m6 x + m7 y + m8)`, `Y = (m3 x + m4 y + m5) / (m6 x + m7 y + m8)`.
/// Coordinates are those of boxes: 0 is the left or upper edge of the first pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaneParams {
    /// The matrix by rows, signed Q40.
    pub matrix: [i64; 9],
    /// Frame width in pixels, 1 to 8192.
    pub width: u16,
    /// Frame height in pixels.
    pub height: u16,
}

/// A homography that holds for the whole frame.
#[derive(Clone, Copy, Debug)]
pub struct Plane(PlaneParams);

/// A box on the plane, micrometres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// From the middle of the left edge to that of the right edge.
    pub width: u32,
    /// From the middle of the upper edge to that of the lower edge.
    pub height: u32,
    /// The middle of the box (of its pixels), mapped.
    pub centre: [i32; 2],
}

impl Plane {
    /// Checks the parameters.
    ///
    /// Refused: `plane.width`, `plane.height`; `plane.matrix` with an entry out of range;
    /// `plane.matrix.horizon` where the divisor is below 2^-8 at a corner of the frame (so nowhere
    /// in it otherwise, the divisor being linear); `plane.matrix.reach` where a corner lies beyond
    /// 2^31 micrometres; `plane.matrix.flat` where the corners' quadrangle is not convex or has
    /// no area.
    pub fn new(params: PlaneParams) -> Result<Self, Refusal> {
        let side = |side: u16| (1..=MAX_SIDE).contains(&side);
        check(side(params.width), "plane.width")?;
        check(side(params.height), "plane.height")?;
        let fits = |(i, entry): (usize, &i64)| {
            let most = if i % 3 == 2 { MAX_CONSTANT } else { MAX_LINEAR };
            entry.unsigned_abs() <= most as u64
        };
        check(params.matrix.iter().enumerate().all(fits), "plane.matrix")?;
        let plane = Self(params);
        let (w, h) = (i64::from(params.width) << 9, i64::from(params.height) << 9);
        let corners = [(0, 0), (w, 0), (w, h), (0, h)];
        let away = corners.iter().all(|(x, y)| plane.divisor(*x, *y) >= LEAST_DIVISOR << 9);
        check(away, "plane.matrix.horizon")?;
        let mapped = corners.map(|(x, y)| plane.map(x, y));
        let near = mapped.iter().flatten().all(|at| at.abs() <= MAX_MICROMETRES);
        check(near, "plane.matrix.reach")?;
        let turns = [0, 1, 2, 3].map(|i| turn(mapped[i], mapped[(i + 1) % 4], mapped[(i + 2) % 4]));
        let convex = turns.iter().all(|t| *t > 0) || turns.iter().all(|t| *t < 0);
        check(convex, "plane.matrix.flat")?;
        Ok(plane)
    }

    /// A point of the frame (signed Q8 pixels) on the plane, micrometres, rounded to nearest.
    /// Refused: `plane.point` outside the frame.
    pub fn point(&self, x: i32, y: i32) -> Result<[i32; 2], Refusal> {
        self.inside(x, y, "plane.point")?;
        Ok(self.map(2 * i64::from(x), 2 * i64::from(y)).map(|at| at as i32))
    }

    /// A box of the frame on the plane, along the box's axes. Refused: `plane.box` outside the
    /// frame, or with its edges in the wrong order.
    pub fn extent(&self, b: &Detection) -> Result<Extent, Refusal> {
        self.inside(b.x1, b.y1, "plane.box")?;
        self.inside(b.x2, b.y2, "plane.box")?;
        check(b.x1 <= b.x2 && b.y1 <= b.y2, "plane.box")?;
        let [x1, y1, x2, y2] = [b.x1, b.y1, b.x2, b.y2].map(i64::from);
        let across = distance(self.map(2 * x1, y1 + y2), self.map(2 * x2, y1 + y2));
        let down = distance(self.map(x1 + x2, 2 * y1), self.map(x1 + x2, 2 * y2));
        let centre = self.map(x1 + x2, y1 + y2).map(|at| at as i32);
        Ok(Extent { width: across, height: down, centre })
    }

    fn inside(&self, x: i32, y: i32, what: &'static str) -> Result<(), Refusal> {
        let within = |at: i32, side: u16| (0..=i32::from(side) << 8).contains(&at);
        check(within(x, self.0.width) && within(y, self.0.height), what)
    }

    /// Row `row` of the matrix times (x, y, 1), Q49; x and y are Q9 pixels. At most 2^72.
    fn row(&self, row: usize, x: i64, y: i64) -> i128 {
        let [a, b, c] = [0, 1, 2].map(|i| i128::from(self.0.matrix[3 * row + i]));
        a * i128::from(x) + b * i128::from(y) + (c << 9)
    }

    fn divisor(&self, x: i64, y: i64) -> i128 {
        self.row(2, x, y)
    }

    /// Micrometres, rounded to nearest, halves up; the divisor is positive.
    fn map(&self, x: i64, y: i64) -> [i128; 2] {
        let divisor = self.divisor(x, y);
        [0, 1].map(|row| (2000 * self.row(row, x, y) + divisor).div_euclid(2 * divisor))
    }
}

/// Twice the signed area of a triangle.
fn turn(a: [i128; 2], b: [i128; 2], c: [i128; 2]) -> i128 {
    (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])
}

/// Distance of two mapped points (under 2^32.5 micrometres), rounded to nearest.
fn distance(a: [i128; 2], b: [i128; 2]) -> u32 {
    let square = [0, 1].map(|i| a[i].abs_diff(b[i]).pow(2)).iter().sum::<u128>();
    // floor(2 sqrt(s)) is odd where the fraction is a half or more.
    ((4 * square).isqrt().div_ceil(2)).min(u32::MAX.into()) as u32
}
