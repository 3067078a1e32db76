//! `mask`: one packet of records and prototypes in, one packet of headers and runs out.

use std::ops::Range;
use std::task::Poll;

use tandem_model::mask::{self, MaskError, MaskJob, MaskParams, MaskRoom, MaskScratch, Run};
use tandem_regs::mask as map;
use tandem_regs::mask::offset;

use super::gather::{Gather, Order};
use super::{Core, Identity, ParamFile, Status, halves};

/// The `mask` kernel's work. Its buffers grow to the largest job.
#[derive(Default)]
pub struct MaskCore {
    job: Option<MaskJob>,
    input: Gather,
    scratch: MaskScratch<Vec<i32>, Vec<Run>>,
    result: Vec<u8>,
    result_len: usize,
}

/// What the registers of the kernel say that it has room for.
pub fn room() -> MaskRoom {
    let caps = map::CAPS.reset();
    MaskRoom {
        objects: map::CAPS::OBJECTS.read(caps) as u8,
        lanes: map::CAPS::LANES.read(caps) as u8,
        cells: map::CAPACITY.reset(),
    }
}

/// The parameters in the registers, as written.
pub fn decode(params: &ParamFile) -> MaskJob {
    let (grid_w, grid_h) = halves(params.get(offset::GRID));
    let config = params.get(offset::CONFIG);
    MaskJob {
        params: MaskParams {
            prototypes: map::CONFIG::PROTOTYPES.read(config) as u8,
            grid_w,
            grid_h,
            stride: map::CONFIG::STRIDE.read(config) as u16,
            threshold: map::THRESHOLD::LEAST.read(params.get(offset::THRESHOLD)) as u16,
        },
        objects: map::CONFIG::OBJECTS.read(config) as u8,
        max_runs: params.get(offset::RUNS),
    }
}

/// At least so many entries.
fn grow<T: Clone + Default>(buffer: &mut Vec<T>, entries: usize) {
    if buffer.len() < entries {
        buffer.resize(entries, T::default());
    }
}

impl Core for MaskCore {
    fn identity(&self) -> Identity {
        Identity {
            id: map::ID.reset(),
            version: map::VERSION.reset(),
            caps: map::CAPS.reset(),
            map_hash: map::MAP_HASH,
        }
    }

    fn param_mask(&self, at: u32) -> u32 {
        match at {
            offset::GRID | offset::CONFIG | offset::RUNS => u32::MAX,
            offset::THRESHOLD => 0xFFFF,
            _ => 0,
        }
    }

    fn constant(&self, at: u32) -> Option<u32> {
        (at == offset::CAPACITY).then(|| map::CAPACITY.reset())
    }

    fn configure(&mut self, params: &ParamFile) -> Result<(), Status> {
        let (job, room) = (decode(params), room());
        job.validate(&room).map_err(|_| Status::Refused)?;
        let bytes = job.packet_bytes();
        self.input.expect(bytes, bytes, Order::Linear);
        let runs = job.most_runs(&room);
        grow(&mut self.scratch.fixed, job.params.numbers());
        grow(&mut self.scratch.runs, runs);
        grow(&mut self.result, job.result_bytes(runs));
        self.job = Some(job);
        Ok(())
    }

    fn input(&mut self) -> &mut Gather {
        &mut self.input
    }

    fn run(&mut self) -> Poll<Result<(), Status>> {
        let Some(job) = &self.job else { return Poll::Ready(Err(Status::Refused)) };
        let mut scratch =
            MaskScratch { fixed: &mut self.scratch.fixed[..], runs: &mut self.scratch.runs[..] };
        let made = mask::run(job, &room(), self.input.bytes(), &mut scratch, &mut self.result);
        Poll::Ready(match made {
            Ok(length) => {
                self.result_len = length;
                Ok(())
            }
            Err(MaskError::TooLarge { .. }) => Err(Status::TooLarge),
            Err(MaskError::TooManyRuns { .. }) => Err(Status::TooManyCandidates),
            Err(MaskError::Length { .. }) => Err(Status::ShortInput),
            Err(MaskError::Refused(_)) => Err(Status::Refused),
        })
    }

    fn packet(&self, index: usize) -> Option<Range<usize>> {
        (index == 0).then_some(0..self.result_len)
    }

    fn output(&self) -> &[u8] {
        &self.result
    }
}
