//! The kernel under test, and what the model says about a job.
#![allow(dead_code, reason = "each bench uses its part")]

pub mod cases;

use tandem_model::mask::{MaskError, MaskJob, MaskRoom, MaskScratch, Run, run};
use tandem_regs::mask::{CAPS, offset};
use tandem_rtl::{Kernel, SinkId, SourceId, Stall};

/// The simulated builds with what they have room for; mutants are of the first.
pub const BUILDS: [(&str, MaskRoom); 3] = [
    ("mask_2", MaskRoom { objects: 3, lanes: 2, cells: 512 }),
    ("mask_1", MaskRoom { objects: 2, lanes: 1, cells: 300 }),
    ("mask_4", MaskRoom { objects: 4, lanes: 4, cells: 8192 }),
];

pub const OK: u32 = 0;
pub const REFUSED_PARAMS: u32 = 1;
pub const TOO_MANY_RUNS: u32 = 2;
pub const SHORT_INPUT: u32 = 3;
pub const TOO_LARGE: u32 = 4;

pub struct Bench {
    pub kernel: Kernel,
    pub source: SourceId,
    pub sink: SinkId,
    pub room: MaskRoom,
    jobs: u32,
}

impl Bench {
    pub fn new(name: &str, seed: u64) -> Self {
        let mut kernel = Kernel::load(name, seed);
        let source = kernel.source("s_axis", Stall::never());
        let sink = kernel.sink("m_axis", Stall::never());
        kernel.reset();
        let caps = kernel.read32(offset::CAPS);
        let room = MaskRoom {
            objects: CAPS::OBJECTS.read(caps) as u8,
            lanes: CAPS::LANES.read(caps) as u8,
            cells: kernel.read32(offset::CAPACITY),
        };
        Self { kernel, source, sink, room, jobs: 0 }
    }

    pub fn write(&mut self, job: &MaskJob) {
        let pair = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
        let kinds = u16::from_le_bytes([job.params.prototypes, job.objects]);
        for (at, value) in [
            (offset::GRID, pair(job.params.grid_w, job.params.grid_h)),
            (offset::CONFIG, pair(kinds, job.params.stride)),
            (offset::THRESHOLD, u32::from(job.params.threshold)),
            (offset::RUNS, job.max_runs),
        ] {
            self.kernel.write32(at, value);
        }
    }

    pub fn start(&mut self) {
        self.jobs += 1;
        self.kernel.write32(offset::START, self.jobs);
    }

    /// The status, once the job is done.
    pub fn finish(&mut self, limit: u64) -> u32 {
        self.kernel.write32(offset::CTRL, 1);
        self.kernel.run_until(limit, "interrupt", |kernel| kernel.get("irq") != 0);
        assert_eq!(self.kernel.read32(offset::DONE), self.jobs);
        self.kernel.write32(offset::ACK, self.jobs);
        self.kernel.read32(offset::STATUS)
    }

    /// Holds the kernel in reset and forgets what was under way.
    pub fn hold(&mut self) {
        self.kernel.write32(offset::CTRL, 2);
        self.kernel.clear_source(self.source);
        self.kernel.take(self.sink);
        assert_eq!(self.kernel.read32(offset::DONE), 0);
        self.kernel.write32(offset::CTRL, 0);
        self.kernel.take(self.sink);
        self.jobs = 0;
    }
}

/// What the kernel must answer: its status, and the packet if there is one.
pub fn wanted(job: &MaskJob, room: &MaskRoom, packet: &[u8]) -> (u32, Option<Vec<u8>>) {
    let (mut fixed, mut runs, mut result) = (Vec::new(), Vec::new(), Vec::new());
    if job.validate(room).is_ok() && packet.len() == job.packet_bytes() {
        let most = job.most_runs(room);
        fixed.resize(job.params.numbers(), 0);
        runs.resize(most, Run::default());
        result.resize(job.result_bytes(most), 0);
    }
    let mut scratch = MaskScratch { fixed: &mut fixed[..], runs: &mut runs[..] };
    match run(job, room, packet, &mut scratch, &mut result) {
        Ok(length) => {
            result.truncate(length);
            (OK, Some(result))
        }
        Err(MaskError::Refused(_)) => (REFUSED_PARAMS, None),
        Err(MaskError::TooManyRuns { .. }) => (TOO_MANY_RUNS, None),
        Err(MaskError::Length { .. }) => (SHORT_INPUT, None),
        Err(MaskError::TooLarge { .. }) => (TOO_LARGE, None),
    }
}

/// 32-bit words of a result.
pub fn words(result: &[u8]) -> Vec<u32> {
    result.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
}
