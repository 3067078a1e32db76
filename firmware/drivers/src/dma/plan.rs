//! Plans: which bytes a job moves, in which packets, cut to what one descriptor can carry.
//!
//! A [`Plan`] is small, `Copy` and comparable: it is the key under which a finished chain is kept,
//! and the reference that a chain in memory is verified against.

use tandem_model::post::{MAX_HEADS, PostParams};
use tandem_model::pre::{PixelFormat, PreParams};

use super::error::Direction;
use super::limits::{Limits, MAX_PACKETS, PlanError};
use crate::kernel::Pre;

/// What one descriptor moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Bus address of the first byte.
    pub addr: u32,
    /// Bytes, at least 1.
    pub bytes: u32,
    /// A packet begins here.
    pub first: bool,
    /// The packet ends here.
    pub last: bool,
}

/// The bytes of one channel in one job. See the constructors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One packet out of rows; with chroma, one chroma row after each pair of luma rows.
    Rows { addr: u32, stride: u32, bytes: u32, rows: u32, chroma: Option<u32> },
    /// One packet a band and plane.
    Bands { addr: u32, row_bytes: u32, height: u32, planes: u32, band_rows: u32 },
    /// One packet out of separate buffers.
    Runs { runs: [(u32, u32); MAX_HEADS], count: u32 },
    /// One packet of unknown length, up to `bytes`.
    Buffer { addr: u32, bytes: u32 },
}

impl Plan {
    /// MM2S of a `pre` job: exactly the crop's bytes of the frame at `frame`, as one packet. Rows
    /// that lie back to back become one run. NV12: two luma rows, then their chroma row.
    ///
    /// # Errors
    /// Parameters out of range, or a frame that reaches over the end of the address space.
    pub fn pre_input(params: &PreParams, frame: u32) -> Result<Self, PlanError> {
        params.validate()?;
        Pre::has_registers_for(params)?;
        let (shape, crop) = (params.frame, params.crop);
        reach(frame, params.frame_bytes() as u64)?;
        let stride = shape.stride;
        let pixel = shape.format.pixel_bytes() as u32;
        // Below frame + frame_bytes, which fits as just checked.
        let addr = frame + u32::from(crop.y) * stride + u32::from(crop.x) * pixel;
        let (bytes, rows) = (u32::from(crop.w) * pixel, u32::from(crop.h));
        Ok(Self(match shape.format {
            PixelFormat::Nv12 => {
                let row = u32::from(shape.height) + u32::from(crop.y) / 2;
                let chroma = Some(frame + row * stride + u32::from(crop.x));
                Kind::Rows { addr, stride, bytes, rows, chroma }
            }
            _ if bytes == stride => {
                Kind::Rows { addr, stride: 0, bytes: bytes * rows, rows: 1, chroma: None }
            }
            _ => Kind::Rows { addr, stride, bytes, rows, chroma: None },
        }))
    }

    /// S2MM of a `pre` job: the packets of `tandem_model::pre::packets`, into the tensor at
    /// `tensor`.
    ///
    /// # Errors
    /// Parameters out of range, too many packets, or a tensor that reaches over the end of the
    /// address space.
    pub fn pre_output(params: &PreParams, tensor: u32) -> Result<Self, PlanError> {
        params.validate()?;
        reach(tensor, params.tensor_bytes() as u64)?;
        let plan = Self(Kind::Bands {
            addr: tensor,
            row_bytes: params.row_bytes() as u32,
            height: u32::from(params.height),
            planes: params.planes() as u32,
            band_rows: u32::from(params.band_rows),
        });
        match plan.packets() {
            0..=MAX_PACKETS => Ok(plan),
            many => Err(PlanError::Packets(many)),
        }
    }

    /// MM2S of a `post` job: the heads in the slot at `heads`, one after the other without the
    /// gaps between them, as one packet.
    ///
    /// # Errors
    /// Parameters out of range, or heads that reach over the end of the address space.
    pub fn post_input(params: &PostParams, heads: u32) -> Result<Self, PlanError> {
        params.validate()?;
        let mut runs = [(0, 0); MAX_HEADS];
        let mut count = 0;
        for (run, head) in runs.iter_mut().zip(params.used_heads()) {
            let bytes = head.bytes(params.classes) as u64;
            reach(heads, u64::from(head.offset) + bytes)?;
            // `reach` has shown that both fit 32 bits.
            *run = (heads + head.offset, bytes as u32);
            count += 1;
        }
        Ok(Self(Kind::Runs { runs, count }))
    }

    /// S2MM of a `post` job: one packet of whatever length the result has, into the slot at
    /// `result`.
    ///
    /// # Errors
    /// Parameters out of range, or a result that reaches over the end of the address space.
    pub fn post_output(params: &PostParams, result: u32) -> Result<Self, PlanError> {
        params.validate()?;
        let bytes = params.result_bytes() as u64;
        reach(result, bytes)?;
        Ok(Self(Kind::Buffer { addr: result, bytes: bytes as u32 }))
    }

    /// The channel that this plan is for.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        match self.0 {
            Kind::Rows { .. } | Kind::Runs { .. } => Direction::Mm2s,
            Kind::Bands { .. } | Kind::Buffer { .. } => Direction::S2mm,
        }
    }

    /// Every byte must move; else the packet may end early (`post`'s result).
    #[must_use]
    pub const fn exact(&self) -> bool {
        !matches!(self.0, Kind::Buffer { .. })
    }

    /// Packets of the job.
    #[must_use]
    pub const fn packets(&self) -> u32 {
        match self.0 {
            Kind::Bands { height, planes, band_rows, .. } => height.div_ceil(band_rows) * planes,
            _ => 1,
        }
    }

    /// Descriptors that the plan takes under `limits`.
    #[must_use]
    pub const fn descriptors(&self, limits: Limits) -> u32 {
        let piece = limits.piece();
        match self.0 {
            Kind::Rows { bytes, .. } => self.runs() * bytes.div_ceil(piece),
            Kind::Bands { row_bytes, height, planes, band_rows, .. } => {
                let full = height / band_rows * (band_rows * row_bytes).div_ceil(piece);
                planes * (full + (height % band_rows * row_bytes).div_ceil(piece))
            }
            Kind::Runs { runs, count } => {
                let (mut sum, mut i) = (0, 0);
                while i < count as usize {
                    sum += runs[i].1.div_ceil(piece);
                    i += 1;
                }
                sum
            }
            Kind::Buffer { .. } => 1,
        }
    }

    /// Whether a DMA with these limits can do it.
    ///
    /// # Errors
    /// [`PlanError::Alignment`] or [`PlanError::Length`].
    pub fn check(&self, limits: Limits) -> Result<(), PlanError> {
        let align = |what, value: u32| match value % limits.alignment {
            0 => Ok(()),
            _ => Err(PlanError::Alignment(what, limits.alignment)),
        };
        match self.0 {
            Kind::Rows { addr, stride, bytes, rows, chroma } => {
                align("crop's first byte", addr)?;
                align("chroma's first byte", chroma.unwrap_or(0))?;
                align("frame.stride", stride)?;
                align("crop's row", if rows > 1 { bytes } else { 0 })
            }
            Kind::Bands { addr, row_bytes, height, planes, band_rows } => {
                align("tensor's address", addr)?;
                align("band", if height > band_rows { row_bytes * band_rows } else { 0 })?;
                align("plane", if planes > 1 { row_bytes * height } else { 0 })
            }
            Kind::Runs { runs, count } => {
                let used = &runs[..count as usize];
                used.iter().try_for_each(|run| align("head's address", run.0))?;
                used.split_last()
                    .map_or(&[][..], |(_, rest)| rest)
                    .iter()
                    .try_for_each(|run| align("head's length", run.1))
            }
            Kind::Buffer { addr, bytes } => {
                align("result's address", addr)?;
                let have = (1 << limits.length_bits) - 1;
                if bytes > have { Err(PlanError::Length { need: bytes, have }) } else { Ok(()) }
            }
        }
    }

    /// The descriptors' contents, in order.
    #[must_use]
    pub const fn segments(&self, limits: Limits) -> Segments {
        let piece = if self.exact() { limits.piece() } else { u32::MAX };
        Segments { plan: *self, piece, run: 0, done: 0 }
    }

    /// Contiguous stretches of memory.
    const fn runs(&self) -> u32 {
        match self.0 {
            Kind::Rows { rows, chroma, .. } => rows + if chroma.is_some() { rows / 2 } else { 0 },
            Kind::Runs { count, .. } => count,
            Kind::Bands { .. } | Kind::Buffer { .. } => self.packets(),
        }
    }

    /// The `i`-th stretch; `i` is below [`Self::runs`].
    fn run(&self, i: u32) -> Segment {
        let ends = (i == 0, i + 1 == self.runs());
        match self.0 {
            Kind::Rows { addr, stride, bytes, chroma, .. } => {
                let addr = match chroma {
                    Some(chroma) if i % 3 == 2 => chroma + i / 3 * stride,
                    Some(_) => addr + (i / 3 * 2 + i % 3) * stride,
                    None => addr + i * stride,
                };
                Segment { addr, bytes, first: ends.0, last: ends.1 }
            }
            Kind::Bands { addr, row_bytes, height, planes, band_rows } => {
                let (band, plane) = (i / planes, i % planes);
                let row = band * band_rows;
                let bytes = band_rows.min(height - row) * row_bytes;
                let addr = addr + (plane * height + row) * row_bytes;
                Segment { addr, bytes, first: true, last: true }
            }
            Kind::Runs { runs, .. } => {
                let (addr, bytes) = runs[i as usize];
                Segment { addr, bytes, first: ends.0, last: ends.1 }
            }
            Kind::Buffer { addr, bytes } => Segment { addr, bytes, first: true, last: true },
        }
    }
}

/// Iterator over a plan's segments.
#[derive(Clone, Debug)]
pub struct Segments {
    plan: Plan,
    piece: u32,
    run: u32,
    done: u32,
}

impl Iterator for Segments {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        if self.run >= self.plan.runs() {
            return None;
        }
        let run = self.plan.run(self.run);
        let bytes = (run.bytes - self.done).min(self.piece);
        let ends = self.done + bytes == run.bytes;
        let segment = Segment {
            addr: run.addr + self.done,
            bytes,
            first: run.first && self.done == 0,
            last: run.last && ends,
        };
        (self.run, self.done) =
            if ends { (self.run + 1, 0) } else { (self.run, self.done + bytes) };
        Some(segment)
    }
}

/// Refuses `bytes` at `addr` that reach over the end of the address space.
fn reach(addr: u32, bytes: u64) -> Result<(), PlanError> {
    if u64::from(addr) + bytes > 1 << 32 { Err(PlanError::Address(addr)) } else { Ok(()) }
}
