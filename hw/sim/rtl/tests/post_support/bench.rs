//! A kernel with its streams, and what it should give.

#![allow(dead_code, reason = "each bench uses its part")]

use tandem_model::post::{PostError, PostParams, PostScratch, postprocess};
use tandem_regs::post::offset;
use tandem_rtl::{Kernel, SinkId, SourceId, Stall};

use super::jobs::Build;

pub const OK: u32 = 0;
pub const REFUSED: u32 = 1;
pub const TOO_MANY: u32 = 2;
pub const SHORT: u32 = 3;

pub const SMALL: Build = Build { cells: 1200, dfl_cells: 300 };
pub const WIDE: Build = Build { cells: 8400, dfl_cells: 6400 };

/// A kernel with its streams, between jobs.
pub struct Bench {
    pub kernel: Kernel,
    pub source: SourceId,
    pub sink: SinkId,
    pub job: u32,
    pub scratch: Box<PostScratch>,
}

impl Bench {
    pub fn new(name: &str, seed: u64) -> Self {
        let mut kernel = Kernel::load(name, seed);
        kernel.reset();
        let source = kernel.source("s_axis", Stall::never());
        let sink = kernel.sink("m_axis", Stall::never());
        kernel.write32(offset::CTRL, 1);
        Self { kernel, source, sink, job: 0, scratch: Box::default() }
    }

    pub fn write(&mut self, p: &PostParams) {
        let halves = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
        let mut write = |at, value| self.kernel.write32(at, value);
        let agnostic = u32::from(p.class_agnostic) << 8;
        write(offset::CONFIG, u32::from(p.head_count) | agnostic | u32::from(p.top_k) << 16);
        write(offset::LIMITS, halves(p.classes, p.max_detections));
        write(offset::THRESHOLDS, halves(p.score_threshold, p.iou_threshold));
        write(offset::INPUT_SIZE, halves(p.width, p.height));
        for (head, at) in p.used_heads().iter().zip((offset::H0_GRID..).step_by(0x20)) {
            write(at, halves(head.grid_w, head.grid_h));
            let kind = (head.kind as u32) << 16 | (head.element as u32) << 20;
            write(at + 4, u32::from(head.stride) | kind | u32::from(head.anchor_count) << 24);
            for (anchor, (w, h)) in (at + 8..).step_by(4).zip(head.anchors) {
                write(anchor, halves(w, h));
            }
            write(at + 0x14, head.offset);
            write(at + 0x18, head.scale.register() | u32::from(head.zero as u8) << 24);
        }
    }

    pub fn start(&mut self) {
        self.job = self.job.wrapping_add(1);
        self.kernel.write32(offset::START, self.job);
    }

    /// Waits for the job's end, acknowledges it and gives its status.
    pub fn status(&mut self, what: &str) -> u32 {
        let irq = self.kernel.port("irq");
        self.kernel.run_until(5_000_000, what, |k| k.get_port(irq) == 1);
        assert_eq!(self.kernel.read32(offset::DONE), self.job, "{what}");
        let status = self.kernel.read32(offset::STATUS);
        self.kernel.write32(offset::ACK, self.job);
        assert_eq!(self.kernel.get("irq"), 0, "{what}");
        status
    }

    /// The status and the packet that the model says.
    pub fn expected(&mut self, p: &PostParams, slot: &[u8]) -> (u32, Option<Vec<u8>>) {
        let mut result = vec![0; p.result_bytes()];
        match postprocess(p, slot, &mut result, &mut self.scratch) {
            Ok(header) => {
                result.truncate(header.result_bytes());
                (OK, Some(result))
            }
            Err(PostError::TooManyCandidates) => (TOO_MANY, None),
            Err(other) => panic!("{other}"),
        }
    }

    /// The stream gave what it should: a packet, or none.
    pub fn check_output(&mut self, expected: Option<Vec<u8>>, what: &str) {
        check_packets(self.kernel.take(self.sink), expected, what);
    }
}

/// Says where packets differ from what they should be.
pub fn check_packets(packets: Vec<Vec<u8>>, expected: Option<Vec<u8>>, what: &str) {
    let expected: Vec<_> = expected.into_iter().collect();
    if packets == expected {
        return;
    }
    let words = |bytes: &Vec<u8>| -> Vec<u32> {
        bytes.as_chunks::<4>().0.iter().map(|w| u32::from_le_bytes(*w)).collect()
    };
    let (ours, theirs) = (packets.first().map(words), expected.first().map(words));
    let head = |w: &Option<Vec<u32>>| w.as_ref().map(|w| w[..8].to_vec());
    println!("header {:?}, expected {:?}", head(&ours), head(&theirs));
    if let (Some(ours), Some(theirs)) = (ours, theirs) {
        let at = ours.iter().zip(&theirs).position(|(a, b)| a != b);
        let Some(at) = at else { panic!("{what}: length") };
        let first = 8 + at.saturating_sub(8) / 6 * 6;
        println!("word {at}: {:?}", &ours[first..(first + 6).min(ours.len())]);
        println!("expected {:?}", &theirs[first..(first + 6).min(theirs.len())]);
    }
    panic!("{what}");
}

pub fn word(bytes: &[u8], n: usize) -> u32 {
    u32::from_le_bytes(bytes.as_chunks::<4>().0[n])
}
