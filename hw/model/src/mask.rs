//! `mask`: a box's coefficients and the image's prototypes in, the object's outline out.

mod job;

use serde::{Deserialize, Serialize};

pub use job::{
    HEADER_BYTES, MAX_OBJECTS, MaskError, MaskJob, MaskRoom, MaskScratch, RUN_BYTES, run,
};

use crate::post::fixed::{LOGIT_LIMIT, is_finite, sigmoid, to_fixed};
use crate::refusal::{Refusal, check, enough, enough_mut};

/// Most prototypes.
pub const MAX_PROTOTYPES: u8 = 64;
/// Most cells of a side of the prototypes.
pub const MAX_GRID: u16 = 2048;
/// Most network pixels per cell.
pub const MAX_STRIDE: u16 = 64;
/// Numbers are held to -256..=256, signed Q16.
const LIMIT: i64 = 256 << 16;
/// In place of a first prototype: the cell has a number that is not finite.
const BROKEN: i32 = i32::MIN;
/// Cells computed together.
const CELLS: usize = 256;

/// What the kernel is told about the prototypes: f32, little endian, `[prototypes, grid_h, grid_w]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskParams {
    /// Prototypes, and coefficients of a box, 1 to [`MAX_PROTOTYPES`].
    pub prototypes: u8,
    /// Cells across, 1 to [`MAX_GRID`].
    pub grid_w: u16,
    /// Cells down.
    pub grid_h: u16,
    /// Network pixels per cell, 1 to [`MAX_STRIDE`].
    pub stride: u16,
    /// A cell is part of the object if its probability is at least this; unsigned Q16.
    pub threshold: u16,
}

/// Neighbouring cells of a row that are part of the object, as many as there are in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Row of cells.
    pub y: u16,
    /// First cell.
    pub x: u16,
    /// Cells.
    pub length: u16,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaskHeader {
    /// Runs written.
    pub runs: u32,
    /// Cells of all runs; times `stride` squared in network pixels.
    pub area: u32,
    /// Cells inside the box dropped because a prototype's number was not finite; all cells of the
    /// box if a coefficient was not.
    pub not_finite: u32,
}

impl MaskParams {
    /// Refuses what the kernel cannot do; names the field.
    pub fn validate(&self) -> Result<(), Refusal> {
        check((1..=MAX_PROTOTYPES).contains(&self.prototypes), "mask.prototypes")?;
        check((1..=MAX_GRID).contains(&self.grid_w), "mask.grid_w")?;
        check((1..=MAX_GRID).contains(&self.grid_h), "mask.grid_h")?;
        check((1..=MAX_STRIDE).contains(&self.stride), "mask.stride")
    }

    /// Cells of one prototype.
    pub const fn cells(&self) -> usize {
        self.grid_w as usize * self.grid_h as usize
    }

    /// Numbers of all prototypes.
    pub const fn numbers(&self) -> usize {
        self.prototypes as usize * self.cells()
    }

    /// The cells `from..to` along an axis whose middle lies in `low <= middle < high` (Q8 pixels).
    fn inside(&self, low: i32, high: i32, grid: u16) -> (usize, usize) {
        let cell = i64::from(self.stride) << 8;
        let first = |edge: i32| {
            let cells = (i64::from(edge) - cell / 2 + cell - 1).div_euclid(cell);
            cells.clamp(0, i64::from(grid)) as usize
        };
        (first(low), first(high))
    }
}

/// Prototypes to signed Q16, once per image. Both buffers hold `numbers()`.
pub fn quantise(params: &MaskParams, prototypes: &[u8], fixed: &mut [i32]) -> Result<(), Refusal> {
    params.validate()?;
    let bytes = enough(prototypes, "mask.prototypes", 4 * params.numbers())?;
    let fixed = enough_mut(fixed, "mask.fixed", params.numbers())?;
    let cells = params.cells();
    for (i, number) in bytes.as_chunks::<4>().0.iter().enumerate() {
        let bits = u32::from_le_bytes(*number);
        if is_finite(bits) {
            fixed[i] = to_fixed::<16>(bits, LIMIT) as i32;
        } else {
            fixed[i] = 0;
            fixed[i % cells] = BROKEN;
        }
    }
    Ok(())
}

/// Writes the runs of one object, by row, then by column, to the front of `runs`.
///
/// `fixed` is what [`quantise`] has made, `coefficients` f32, little endian, one per prototype, and
/// `edges` the box: left, top, right, bottom, Q8 network pixels. More runs than fit are an error,
/// and `runs` then holds the first of them.
pub fn mask(
    params: &MaskParams,
    fixed: &[i32],
    coefficients: &[u8],
    edges: [i32; 4],
    runs: &mut [Run],
) -> Result<MaskHeader, Refusal> {
    params.validate()?;
    let fixed = enough(fixed, "mask.fixed", params.numbers())?;
    let count = usize::from(params.prototypes);
    let bytes = enough(coefficients, "mask.coefficients", 4 * count)?;
    let (left, right) = params.inside(edges[0], edges[2], params.grid_w);
    let (top, bottom) = params.inside(edges[1], edges[3], params.grid_h);
    let mut out = Runs { runs, header: MaskHeader::default() };
    let mut factors = [0; MAX_PROTOTYPES as usize];
    for (factor, number) in factors.iter_mut().zip(bytes.as_chunks::<4>().0) {
        let bits = u32::from_le_bytes(*number);
        if !is_finite(bits) {
            let cells = right.saturating_sub(left) * bottom.saturating_sub(top);
            return Ok(MaskHeader { not_finite: cells as u32, ..MaskHeader::default() });
        }
        *factor = to_fixed::<16>(bits, LIMIT);
    }
    let least = least_logit(params.threshold);
    for y in top..bottom {
        for x in (left..right).step_by(CELLS) {
            let span = x..right.min(x + CELLS);
            let sums = sums(params, fixed, &factors[..count], y, span.clone());
            for (x, sum) in span.zip(sums) {
                let broken = fixed[y * usize::from(params.grid_w) + x] == BROKEN;
                out.header.not_finite += u32::from(broken);
                // Q32 to Q24, rounded to nearest; what is beyond the sigmoid's range is held to it.
                let logit = (sum.wrapping_add(1 << 7) >> 8).clamp(-LIMIT_Q24, LIMIT_Q24);
                if !broken && logit >= i64::from(least) {
                    out.add(y as u16, x as u16)?;
                }
            }
        }
    }
    Ok(out.header)
}

const LIMIT_Q24: i64 = LOGIT_LIMIT as i64;

/// Coefficients times prototypes of some cells of a row, Q32. A product has 48 bits and a sum 54:
/// nothing can wrap.
fn sums(
    params: &MaskParams,
    fixed: &[i32],
    factors: &[i64],
    y: usize,
    span: core::ops::Range<usize>,
) -> [i64; CELLS] {
    let mut sums = [0i64; CELLS];
    let row = y * usize::from(params.grid_w);
    for (factor, plane) in factors.iter().zip(fixed.chunks_exact(params.cells())) {
        for (sum, number) in sums.iter_mut().zip(&plane[row + span.start..row + span.end]) {
            *sum = sum.wrapping_add(factor.wrapping_mul(i64::from(*number)));
        }
    }
    sums
}

/// The least Q24 logit whose sigmoid reaches the threshold: the sigmoid never falls, so comparing
/// logits is the same.
fn least_logit(threshold: u16) -> i32 {
    let (mut low, mut high) = (-LOGIT_LIMIT, LOGIT_LIMIT);
    while low < high {
        let middle = low + (high - low) / 2;
        if sigmoid(middle) >= u32::from(threshold) << 8 { high = middle } else { low = middle + 1 }
    }
    low
}

/// Runs so far.
struct Runs<'a> {
    runs: &'a mut [Run],
    header: MaskHeader,
}

impl Runs<'_> {
    /// Adds a cell; cells come by row, then by column.
    fn add(&mut self, y: u16, x: u16) -> Result<(), Refusal> {
        let count = self.header.runs as usize;
        self.header.area += 1;
        if let Some(last) = self.runs[..count].last_mut()
            && last.y == y
            && last.x + last.length == x
        {
            last.length += 1;
            return Ok(());
        }
        let have = self.runs.len();
        let next = self.runs.get_mut(count);
        *next.ok_or(Refusal::Short { buffer: "mask.runs", have, need: have + 1 })? =
            Run { y, x, length: 1 };
        self.header.runs += 1;
        Ok(())
    }
}
