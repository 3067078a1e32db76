//! A job of the `mask` kernel: one packet in, one packet out.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{MaskParams, Run, mask, quantise};
use crate::refusal::{Refusal, check, enough, enough_mut};

/// Most objects of a job.
pub const MAX_OBJECTS: u8 = 16;
/// Bytes of an object's header in the result.
pub const HEADER_BYTES: usize = 16;
/// Bytes of a run in the result.
pub const RUN_BYTES: usize = 8;
/// Bytes of a box in an object's record.
const BOX_BYTES: usize = 16;

/// What the kernel is told about a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskJob {
    /// What holds for every object.
    pub params: MaskParams,
    /// Objects, 1 to [`MAX_OBJECTS`].
    pub objects: u8,
    /// Most runs of all objects together.
    pub max_runs: u32,
}

/// What a build of the kernel has room for; its registers CAPS and CAPACITY.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskRoom {
    /// Objects of a job.
    pub objects: u8,
    /// Cells of a group: a box takes whole groups of a row.
    pub lanes: u8,
    /// Cells of a box, its sides moved outward to groups.
    pub cells: u32,
}

/// Why a job has no result. Nothing of it is to be used then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MaskError {
    /// Parameters that the kernel does not take, or a buffer that is too small.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The packet has another length than [`MaskJob::packet_bytes`].
    #[error("the packet has {have} bytes, the parameters say {need}")]
    Length {
        /// Bytes of the packet.
        have: usize,
        /// Bytes that it should have.
        need: usize,
    },
    /// A box has more cells than there is room for.
    #[error("object {object} has {cells} cells in groups, more than there is room for")]
    TooLarge {
        /// The first such object.
        object: usize,
        /// Cells of its groups.
        cells: u32,
    },
    /// The objects have more runs than `max_runs`.
    #[error("more runs than there is room for, from object {object} on")]
    TooManyRuns {
        /// The object whose runs do not all fit.
        object: usize,
    },
}

/// The buffers of a job, used again by the next.
#[derive(Clone, Debug, Default)]
pub struct MaskScratch<F, R> {
    /// The prototypes in fixed point: [`MaskParams::numbers`] entries.
    pub fixed: F,
    /// Runs of an object: [`MaskJob::most_runs`] entries.
    pub runs: R,
}

impl MaskJob {
    /// Refuses what no kernel can do, and what has more objects than this one; names the field.
    pub fn validate(&self, room: &MaskRoom) -> Result<(), Refusal> {
        self.params.validate()?;
        let most = room.objects.min(MAX_OBJECTS);
        check((1..=most).contains(&self.objects), "mask.objects")
    }

    /// Bytes of an object's record: the box, then the coefficients.
    pub const fn record_bytes(&self) -> usize {
        BOX_BYTES + 4 * self.params.prototypes as usize
    }

    /// Bytes of the packet: the records, then the prototypes.
    pub const fn packet_bytes(&self) -> usize {
        self.objects as usize * self.record_bytes() + 4 * self.params.numbers()
    }

    /// Runs that no result has more of.
    pub fn most_runs(&self, room: &MaskRoom) -> usize {
        let cells = self.params.cells().min(room.cells as usize);
        (usize::from(self.objects) * cells).min(self.max_runs as usize)
    }

    /// Bytes of a result with so many runs.
    pub const fn result_bytes(&self, runs: usize) -> usize {
        self.objects as usize * HEADER_BYTES + runs * RUN_BYTES
    }

    /// Cells that a box takes of the room: whole groups of `lanes` in each row, none without a cell.
    pub fn cells_taken(&self, edges: [i32; 4], room: &MaskRoom) -> u32 {
        let (left, right) = self.params.inside(edges[0], edges[2], self.params.grid_w);
        let (top, bottom) = self.params.inside(edges[1], edges[3], self.params.grid_h);
        if left >= right || top >= bottom {
            return 0;
        }
        let lanes = usize::from(room.lanes.max(1));
        let groups = right.div_ceil(lanes) - left / lanes;
        (groups * lanes * (bottom - top)) as u32
    }
}

/// Runs a job: the records and prototypes of `packet` to the front of `result`, which holds
/// [`MaskJob::result_bytes`] of [`MaskJob::most_runs`]. Returns the bytes of the result.
pub fn run(
    job: &MaskJob,
    room: &MaskRoom,
    packet: &[u8],
    scratch: &mut MaskScratch<&mut [i32], &mut [Run]>,
    result: &mut [u8],
) -> Result<usize, MaskError> {
    job.validate(room)?;
    let (have, need) = (packet.len(), job.packet_bytes());
    if have != need {
        return Err(MaskError::Length { have, need });
    }
    let runs = enough_mut(scratch.runs, "mask.runs", job.most_runs(room))?;
    let result = enough_mut(result, "mask.result", job.result_bytes(runs.len()))?;
    let fixed = enough_mut(scratch.fixed, "mask.fixed", job.params.numbers())?;
    let objects = usize::from(job.objects);
    let (records, prototypes) = packet.split_at(objects * job.record_bytes());
    let records = records.chunks_exact(job.record_bytes());
    for (object, record) in records.clone().enumerate() {
        let cells = job.cells_taken(edges(record)?, room);
        if cells > room.cells {
            return Err(MaskError::TooLarge { object, cells });
        }
    }
    quantise(&job.params, prototypes, fixed)?;
    let mut first = 0;
    for (object, record) in records.enumerate() {
        let left = runs.len() - first;
        let header =
            mask(&job.params, fixed, &record[BOX_BYTES..], edges(record)?, &mut runs[..left])
                .map_err(|_| MaskError::TooManyRuns { object })?;
        let words = [header.runs, header.area, header.not_finite, first as u32];
        let to = &mut result[object * HEADER_BYTES..];
        for (to, word) in to.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *to = word.to_le_bytes();
        }
        let made = &runs[..header.runs as usize];
        let to = &mut result[objects * HEADER_BYTES + first * RUN_BYTES..];
        for (to, run) in to.as_chunks_mut::<RUN_BYTES>().0.iter_mut().zip(made) {
            *to = run.to_bytes();
        }
        first += made.len();
    }
    Ok(job.result_bytes(first))
}

/// The box of a record: left, top, right, bottom, Q8 network pixels.
fn edges(record: &[u8]) -> Result<[i32; 4], Refusal> {
    let bytes = enough(record, "mask.record", BOX_BYTES)?.as_chunks::<4>().0;
    Ok(core::array::from_fn(|i| i32::from_le_bytes(bytes[i])))
}

impl Run {
    /// As in a result: y, x, length, 0; 16 bits each, little endian.
    pub const fn to_bytes(self) -> [u8; RUN_BYTES] {
        let [y, x, length] =
            [self.y.to_le_bytes(), self.x.to_le_bytes(), self.length.to_le_bytes()];
        [y[0], y[1], x[0], x[1], length[0], length[1], 0, 0]
    }
}
