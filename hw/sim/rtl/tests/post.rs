//! `tandem_post` against tandem_model::post, job after job on one kernel.

#[path = "post_support/jobs.rs"]
mod jobs;
#[path = "post_support/mod.rs"]
mod post_support;

use jobs::{Build, Spread};
use post_support::{cases, finish, first};
use tandem_model::post::{Head, HeadKind, PostError, PostParams, PostScratch, postprocess};
use tandem_regs::post::{CAPACITY, CAPS, MAP_HASH, offset};
use tandem_rtl::{Bins, Kernel, Rng, SinkId, SourceId, Stall};

const OK: u32 = 0;
const REFUSED: u32 = 1;
const TOO_MANY: u32 = 2;
const SHORT: u32 = 3;

const SMALL: Build = Build { cells: 1200, dfl_cells: 300 };
const WIDE: Build = Build { cells: 8400, dfl_cells: 6400 };

/// A kernel with its streams, between jobs.
struct Bench {
    kernel: Kernel,
    source: SourceId,
    sink: SinkId,
    job: u32,
    scratch: Box<PostScratch>,
}

impl Bench {
    fn new(name: &str, seed: u64) -> Self {
        let mut kernel = Kernel::load(name, seed);
        kernel.reset();
        let source = kernel.source("s_axis", Stall::never());
        let sink = kernel.sink("m_axis", Stall::never());
        kernel.write32(offset::CTRL, 1);
        Self { kernel, source, sink, job: 0, scratch: Box::default() }
    }

    fn write(&mut self, p: &PostParams) {
        let halves = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
        let mut write = |at, value| self.kernel.write32(at, value);
        let agnostic = u32::from(p.class_agnostic) << 8;
        write(offset::CONFIG, u32::from(p.head_count) | agnostic | u32::from(p.top_k) << 16);
        write(offset::LIMITS, halves(p.classes, p.max_detections));
        write(offset::THRESHOLDS, halves(p.score_threshold, p.iou_threshold));
        write(offset::INPUT_SIZE, halves(p.width, p.height));
        for (head, at) in p.used_heads().iter().zip((offset::H0_GRID..).step_by(0x20)) {
            write(at, halves(head.grid_w, head.grid_h));
            let kind = (head.kind as u32) << 16;
            write(at + 4, u32::from(head.stride) | kind | u32::from(head.anchor_count) << 24);
            for (anchor, (w, h)) in (at + 8..).step_by(4).zip(head.anchors) {
                write(anchor, halves(w, h));
            }
            write(at + 0x14, head.offset);
        }
    }

    fn start(&mut self) {
        self.job = self.job.wrapping_add(1);
        self.kernel.write32(offset::START, self.job);
    }

    /// Waits for the job's end, acknowledges it and gives its status.
    fn status(&mut self, what: &str) -> u32 {
        let irq = self.kernel.port("irq");
        self.kernel.run_until(5_000_000, what, |k| k.get_port(irq) == 1);
        assert_eq!(self.kernel.read32(offset::DONE), self.job, "{what}");
        let status = self.kernel.read32(offset::STATUS);
        self.kernel.write32(offset::ACK, self.job);
        assert_eq!(self.kernel.get("irq"), 0, "{what}");
        status
    }

    /// The status and the packet that the model says.
    fn expected(&mut self, p: &PostParams, slot: &[u8]) -> (u32, Option<Vec<u8>>) {
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
    fn check_output(&mut self, expected: Option<Vec<u8>>, what: &str) {
        check_packets(self.kernel.take(self.sink), expected, what);
    }
}

/// Says where packets differ from what they should be.
fn check_packets(packets: Vec<Vec<u8>>, expected: Option<Vec<u8>>, what: &str) {
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

fn word(bytes: &[u8], n: usize) -> u32 {
    u32::from_le_bytes(bytes.as_chunks::<4>().0[n])
}

const BINS: &[&str] = &[
    "yolov3",
    "yolov5",
    "yolov8",
    "yolox",
    "boxes",
    "kinds mixed",
    "four heads",
    "three anchors",
    "one cell",
    "fewer than 8 cells",
    "grid at the build's limit",
    "one class",
    "17 classes",
    "16 classes, yolov8",
    "more than 500 classes",
    "not finite",
    "no candidate",
    "one candidate",
    "more than 1000 candidates",
    "surplus",
    "surplus beyond the store",
    "cut",
    "too many",
    "threshold is a candidate's score",
    "threshold just above it",
    "class agnostic",
    "score 65535",
    "edge clipped",
    "1024 detections",
    "empty box",
    "source stalls",
    "sink stalls",
    "next parameters while a job runs",
    "next packet while a job runs",
    "back to back",
];

fn note(cover: &mut Bins, p: &PostParams, result: Option<&[u8]>, build: Build) {
    let heads = p.used_heads();
    let kind = |kind| heads.iter().any(|head| head.kind == kind);
    let some = |cells: std::ops::Range<usize>| heads.iter().any(|h| cells.contains(&h.cells()));
    cover.hit_if(kind(HeadKind::YoloV3), "yolov3");
    cover.hit_if(kind(HeadKind::YoloV5), "yolov5");
    cover.hit_if(kind(HeadKind::YoloV8), "yolov8");
    cover.hit_if(kind(HeadKind::YoloX), "yolox");
    cover.hit_if(kind(HeadKind::Boxes), "boxes");
    cover.hit_if(heads.iter().any(|h| h.kind != heads[0].kind), "kinds mixed");
    cover.hit_if(heads.len() == 4, "four heads");
    cover.hit_if(heads.iter().any(|h| h.anchor_count == 3), "three anchors");
    cover.hit_if(some(1..2), "one cell");
    cover.hit_if(some(2..8), "fewer than 8 cells");
    cover.hit_if(some(build.cells as usize..build.cells as usize + 1), "grid at the build's limit");
    cover.hit_if(p.classes == 1, "one class");
    cover.hit_if(p.classes == 17, "17 classes");
    cover.hit_if(p.classes == 16 && kind(HeadKind::YoloV8), "16 classes, yolov8");
    cover.hit_if(p.classes > 500, "more than 500 classes");
    cover.hit_if(p.class_agnostic, "class agnostic");
    let Some(result) = result else { return };
    let [count, candidates, not_finite, cut, surplus] = [0, 1, 2, 3, 4].map(|n| word(result, n));
    cover.hit_if(not_finite > 0, "not finite");
    cover.hit_if(candidates == 0, "no candidate");
    cover.hit_if(candidates == 1, "one candidate");
    cover.hit_if(candidates > 1000, "more than 1000 candidates");
    cover.hit_if(surplus > 0, "surplus");
    cover.hit_if(surplus > 0 && candidates > 4352, "surplus beyond the store");
    cover.hit_if(cut > 0, "cut");
    cover.hit_if(count == 1024, "1024 detections");
    for det in result[32..].chunks_exact(24) {
        let [x1, y1, x2, y2, score] = [0, 1, 2, 3, 4].map(|n| word(det, n));
        cover.hit_if(score & 0xffff == 0xffff, "score 65535");
        cover.hit_if(x1 == 0 && x2 == u32::from(p.width) << 8, "edge clipped");
        cover.hit_if(x1 == x2 || y1 == y2, "empty box");
    }
}

/// The threshold on a score that occurs, or one above it.
fn threshold_on_a_score(bench: &mut Bench, rng: &mut Rng, p: &mut PostParams, slot: &[u8]) -> i32 {
    let mut probe = p.clone();
    (probe.top_k, probe.max_detections, probe.iou_threshold) = (1000, 1024, 65535);
    let Some(result) = bench.expected(&probe, slot).1 else { return -1 };
    let count = u64::from(word(&result, 0));
    if count == 0 {
        return -1;
    }
    let at = 32 + 24 * rng.below(count) as usize;
    let score = word(&result[at..], 4) as u16;
    let above = i32::from(rng.chance(512));
    p.score_threshold = score.saturating_add(above as u16);
    above
}

fn one_job(bench: &mut Bench, rng: &mut Rng, build: Build, cover: &mut Bins, case: u64) {
    let numbers = rng.pick(&[600_u64, 2_000, 8_000, 20_000]);
    let numbers = if rng.chance(24) { 130_000 } else { numbers };
    let mut p = jobs::params(rng, build, numbers);
    let mut spread = rng.pick(&[
        Spread::Coarse,
        Spread::Usual,
        Spread::Special,
        Spread::Special,
        Spread::Bits,
        Spread::Sparse,
    ]);
    if numbers > 100_000 {
        // Crowds: more candidates than the store has places.
        p.heads[..usize::from(p.head_count)].iter_mut().for_each(|head| {
            (head.kind, head.stride, head.anchor_count) = (HeadKind::Boxes, 1, 1);
            (head.grid_w, head.grid_h) = (build.cells as u16, 1);
        });
        p.heads = [p.heads[0]; 4];
        (p.head_count, p.classes) = (4, 1);
        let step = p.heads[0].bytes(1).next_multiple_of(64) as u32;
        p.heads.iter_mut().zip(0..).for_each(|(head, n)| head.offset = n * step);
        (p.score_threshold, p.max_detections) = (rng.pick(&[0, 20_000]), 1024);
        p.top_k = rng.pick(&[0, 0, 1, 300, 4096, 4096]);
        spread = Spread::Usual;
    }
    let (slot, stream) = jobs::heads(rng, &p, spread);
    if rng.chance(256) {
        let above = threshold_on_a_score(bench, rng, &mut p, &slot);
        cover.hit_if(above == 0, "threshold is a candidate's score");
        cover.hit_if(above == 1, "threshold just above it");
    }
    let what = format!("case {case}: {spread:?} {p:?}");
    let (status, expected) = bench.expected(&p, &slot);
    note(cover, &p, expected.as_deref(), build);
    cover.hit_if(status == TOO_MANY, "too many");
    let (stall_in, stall_out) = (rng.chance(400), rng.chance(400));
    let stall = |on, seed| if on { Stall::any(seed) } else { Stall::never() };
    bench.kernel.stall_source(bench.source, stall(stall_in, rng.next_u64()));
    bench.kernel.stall_sink(bench.sink, stall(stall_out, rng.next_u64()));
    cover.hit_if(stall_in, "source stalls");
    cover.hit_if(stall_out, "sink stalls");
    bench.write(&p);
    if rng.chance(512) {
        bench.kernel.push(bench.source, &stream);
        bench.start();
    } else {
        bench.start();
        bench.kernel.push(bench.source, &stream);
    }
    // The next job's parameters may be written while this one runs.
    if rng.chance(128) {
        let next = jobs::params(rng, build, 100);
        let early = !bench.kernel.source_of(bench.source).is_empty();
        bench.write(&next);
        cover.hit_if(early, "next parameters while a job runs");
    }
    assert_eq!(bench.status(&what), status, "{what}");
    bench.check_output(expected, &what);
}

/// Two jobs, the second asked for and its packet offered while the first runs.
fn two_jobs(bench: &mut Bench, rng: &mut Rng, build: Build, cover: &mut Bins, case: u64) {
    let mut wanted = Vec::new();
    let first = bench.job;
    for n in 0..2 {
        let p = jobs::params(rng, build, 3_000);
        let (slot, stream) = jobs::heads(rng, &p, Spread::Usual);
        let (status, expected) = bench.expected(&p, &slot);
        let running = n > 0 && bench.kernel.read32(offset::DONE) == first;
        if status != OK {
            break;
        }
        if n == 0 {
            bench.kernel.stall_source(bench.source, Stall::any(rng.next_u64()));
        }
        cover.hit_if(running, "next packet while a job runs");
        bench.kernel.push(bench.source, &stream);
        bench.write(&p);
        cover.hit_if(running && bench.kernel.read32(offset::DONE) == first, "back to back");
        bench.start();
        wanted.push((expected, format!("case {case}, job {n} of two: {p:?}")));
    }
    let count = wanted.len();
    let (sink, job) = (bench.sink, bench.job);
    bench.kernel.run_until(3_000_000, "packets", |k| k.packets(sink).len() == count);
    for _ in 0..20 {
        bench.kernel.clock();
    }
    assert_eq!(bench.kernel.read32(offset::DONE), job);
    bench.kernel.write32(offset::ACK, job);
    for (packet, (expected, what)) in bench.kernel.take(sink).into_iter().zip(wanted) {
        check_packets(vec![packet], expected, &what);
    }
}

fn random_jobs(name: &str, build: Build, usual: u64, rare: &[&str]) {
    let mut cover = Bins::new(BINS);
    let mut bench = Bench::new(name, 1);
    let mut clocks = 0;
    for case in first()..cases(usual) {
        let mut rng = Rng::new(case);
        if case % 64 == 63 {
            clocks += bench.kernel.clocks();
            bench = Bench::new(name, case);
        }
        match rng.below(16) {
            0 => two_jobs(&mut bench, &mut rng, build, &mut cover, case),
            _ => one_job(&mut bench, &mut rng, build, &mut cover, case),
        }
    }
    println!("{name}: {} clocks", clocks + bench.kernel.clocks());
    finish(&cover, rare);
}

#[test]
fn random_jobs_are_the_models() {
    random_jobs("post_small", SMALL, 400, &[]);
}

/// The same behind streams of 16 bytes, in the build that is the default otherwise.
#[test]
fn random_jobs_on_wide_streams_are_the_models() {
    const RARE: &[&str] = &[
        "grid at the build's limit",
        "too many",
        "1024 detections",
        "surplus beyond the store",
        "more than 500 classes",
    ];
    random_jobs("post_wide", WIDE, 150, RARE);
}

/// Packets that are shorter or longer than the heads: status, no output, and the next job is as if
/// nothing had been.
#[test]
fn packets_of_another_length_are_refused() {
    let mut cover = Bins::new(&[
        "a byte short",
        "a number short",
        "a byte too long",
        "a number too long",
        "half",
        "one byte",
        "one number",
        "crowd and too long",
    ]);
    let mut bench = Bench::new("post_small", 5);
    for case in 0..cases(60) {
        let mut rng = Rng::new(case ^ 0x5457);
        let mut p = jobs::params(&mut rng, SMALL, 1_500);
        let crowd = rng.chance(100);
        if crowd {
            let head =
                Head { grid_w: 1200, grid_h: 1, kind: HeadKind::Boxes, stride: 1, ..p.heads[0] };
            p.heads = [Head { anchor_count: 1, ..head }; 4];
            (p.head_count, p.classes, p.score_threshold, p.top_k) = (4, 1, 0, 0);
            p.heads.iter_mut().zip(0..).for_each(|(head, n)| head.offset = n * 24_064);
        }
        let (slot, stream) = jobs::heads(&mut rng, &p, Spread::Usual);
        let what = format!("case {case}: {p:?}");
        let len = stream.len();
        let length = match rng.below(7) {
            _ if crowd => len + 4,
            0 => len - 1,
            1 => len - 4,
            2 => len + 1,
            3 => len + 4,
            4 => len + rng.range(1, 3000) as usize,
            5 => len / 2,
            _ => rng.pick(&[1, 4]),
        };
        cover.hit_if(length + 1 == len, "a byte short");
        cover.hit_if(length + 4 == len, "a number short");
        cover.hit_if(length == len + 1, "a byte too long");
        cover.hit_if(length == len + 4 && !crowd, "a number too long");
        cover.hit_if(length == len / 2, "half");
        cover.hit_if(length == 1, "one byte");
        cover.hit_if(length == 4, "one number");
        cover.hit_if(crowd, "crowd and too long");
        let mut other = stream.clone();
        other.resize(length, 0x3d);
        bench.kernel.stall_source(bench.source, Stall::any(rng.next_u64()));
        bench.write(&p);
        bench.kernel.push(bench.source, &other);
        bench.start();
        assert_eq!(bench.status(&what), SHORT, "{what}");
        bench.check_output(None, &what);
        let (status, expected) = bench.expected(&p, &slot);
        bench.kernel.push(bench.source, &stream);
        bench.start();
        assert_eq!(bench.status(&what), status, "{what}");
        bench.check_output(expected, &what);
    }
    finish(&cover, &[]);
}

/// One field of good parameters, or one bit of a register, at a limit or beyond it.
fn disturb(rng: &mut Rng, p: &mut PostParams, kinds: &mut [u8; 4]) -> &'static str {
    let count = u64::from(p.head_count.min(4));
    let at = rng.below(count) as usize;
    let head = &mut p.heads[at];
    let side = |rng: &mut Rng| rng.pick(&[0, 1, 8191, 8192, 8193, 65535]);
    match rng.below(16) {
        0 => {
            p.head_count = rng.pick(&[0, 5, 255]);
            "head_count"
        }
        1 => {
            p.classes = rng.pick(&[0, 1, 1024, 1025, 65535]);
            "classes"
        }
        2 => {
            p.max_detections = rng.pick(&[0, 1, 1024, 1025, 65535]);
            "max_detections"
        }
        3 => {
            p.top_k = rng.pick(&[0, 1, 4096, 4097, 8191]);
            "top_k"
        }
        4 => {
            p.width = side(rng);
            "width"
        }
        5 => {
            p.height = side(rng);
            "height"
        }
        6 => {
            kinds[at] = rng.pick(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 255]);
            "kind"
        }
        7 => {
            head.anchor_count = rng.pick(&[0, 1, 2, 3, 4, 255]);
            "anchor_count"
        }
        8 => {
            let anchor = rng.below(3) as usize;
            head.anchors[anchor] = (side(rng), head.anchors[anchor].1);
            "anchor width"
        }
        9 => {
            let anchor = rng.below(3) as usize;
            head.anchors[anchor] = (head.anchors[anchor].0, side(rng));
            "anchor height"
        }
        10 => {
            head.stride = rng.pick(&[0, 1, 2, 1024, 1025, 65535]);
            "stride"
        }
        11 => {
            let edge = (p.width - 1) / head.stride + 1;
            head.grid_w = rng.pick(&[0, edge, edge.saturating_add(1), 65535]);
            "grid_w"
        }
        12 => {
            let edge = (p.height - 1) / head.stride + 1;
            head.grid_h = rng.pick(&[0, edge, edge.saturating_add(1), 65535]);
            "grid_h"
        }
        13 => {
            head.offset += rng.pick(&[1, 32, 64, 63]);
            "offset"
        }
        14 => {
            let end = (1 << 28) - head.bytes(p.classes) as u32;
            head.offset = rng.pick(&[end / 64 * 64, end / 64 * 64 + 64, 1 << 28, u32::MAX - 63]);
            "last bytes"
        }
        _ => {
            // A list of any size: the build's room.
            (head.stride, head.anchor_count, kinds[at]) = (1, 1, 4);
            head.grid_w = rng.pick(&[1200, 1201, 1199, 8400, 8401, 1]);
            head.grid_h = rng.pick(&[1, 1, 2, 7]);
            "cells"
        }
    }
}

/// Parameters that the model refuses, or a grid that is too large, and those just inside: as
/// PostParams::validate says, at once, with nothing taken of the stream.
#[test]
fn parameters_are_refused_as_by_the_model() {
    const FIELDS: [&str; 16] = [
        "head_count",
        "classes",
        "max_detections",
        "top_k",
        "width",
        "height",
        "kind",
        "anchor_count",
        "anchor width",
        "anchor height",
        "stride",
        "grid_w",
        "grid_h",
        "offset",
        "last bytes",
        "cells",
    ];
    let mut refused = Bins::new(&FIELDS);
    let mut taken = Bins::new(&FIELDS[1..]);
    for (name, build) in [("post_small", SMALL), ("post_wide", WIDE)] {
        let mut bench = Bench::new(name, 9);
        let kernel = &mut bench.kernel;
        assert_eq!(kernel.read32(offset::HASH), MAP_HASH);
        assert_eq!(kernel.read32(offset::CAPS), CAPS.reset());
        let capacity = kernel.read32(offset::CAPACITY);
        assert_eq!(u64::from(CAPACITY::CELLS.read(capacity)), build.cells);
        assert_eq!(u64::from(CAPACITY::YOLOV8_CELLS.read(capacity)), build.dfl_cells);
        for case in 0..cases(1500) {
            let mut rng = Rng::new(case ^ 0x7265);
            let mut p = jobs::params(&mut rng, build, if case % 2 == 0 { 500 } else { 100_000 });
            let mut kinds = p.heads.map(|head| head.kind as u8);
            let field = disturb(&mut rng, &mut p, &mut kinds);
            let good = is_good(&p, &kinds, build);
            bench.write(&p);
            let words = p.heads.iter().zip(kinds).zip((offset::H0_CONFIG..).step_by(0x20));
            for ((head, kind), at) in words.take(p.head_count.min(4).into()) {
                let anchors = u32::from(head.anchor_count) << 24;
                let value = u32::from(head.stride) | u32::from(kind) << 16 | anchors;
                bench.kernel.write32(at, value);
            }
            bench.start();
            let ready = bench.kernel.port("s_axis_tready");
            let irq = bench.kernel.port("irq");
            let what = format!("case {case}: {field} {kinds:?} {p:?}");
            bench.kernel.run_until(100, &what, |k| k.get_port(irq) == 1 || k.get_port(ready) == 1);
            assert_eq!(bench.kernel.get_port(ready) == 1, good, "{what}");
            if good {
                taken.hit_if(field != "head_count", field);
                // Stops the job.
                bench.kernel.write32(offset::CTRL, 3);
                assert_eq!(bench.kernel.get_port(ready), 0, "{what}");
                for at in [offset::START, offset::DONE, offset::ACK, offset::STATUS] {
                    assert_eq!(bench.kernel.read32(at), 0, "{what}");
                }
                bench.kernel.write32(offset::CTRL, 1);
                bench.job = 0;
            } else {
                refused.hit(field);
                assert_eq!(bench.status(&what), REFUSED, "{what}");
            }
        }
    }
    println!("refused:");
    finish(&refused, &[]);
    println!("taken:");
    finish(&taken, &[]);
}

/// What the simulator's kernel asks, with the room of this build.
fn is_good(p: &PostParams, kinds: &[u8; 4], build: Build) -> bool {
    let mut p = p.clone();
    for (head, kind) in p.heads.iter_mut().zip(kinds).take(p.head_count.into()) {
        let Some(kind) = HeadKind::from_u8(*kind) else { return false };
        head.kind = kind;
    }
    let room = |head: &Head| match head.kind {
        HeadKind::YoloV8 => head.cells() as u64 <= build.dfl_cells,
        _ => head.cells() as u64 <= build.cells,
    };
    if p.validate().is_err() || !p.used_heads().iter().all(room) {
        return false;
    }
    let mut to = 0;
    for head in &mut p.heads[..usize::from(p.head_count)] {
        head.offset = to as u32;
        to = (to + head.bytes(p.classes)).next_multiple_of(64);
    }
    p.validate().is_ok()
}

/// CTRL.RESET in any clock of a job; the next job is as if nothing had been.
#[test]
fn reset_stops_a_job_anywhere() {
    let mut cover = Bins::new(&["in the input", "in the result", "between", "at the end"]);
    let mut bench = Bench::new("post_small", 3);
    for case in 0..cases(120) {
        let mut rng = Rng::new(case ^ 0x7273);
        let p = jobs::params(&mut rng, SMALL, 1_500);
        let (slot, stream) = jobs::heads(&mut rng, &p, Spread::Usual);
        let what = format!("case {case}: {p:?}");
        bench.kernel.stall_source(bench.source, Stall::any(rng.next_u64()));
        bench.kernel.stall_sink(bench.sink, Stall::any(rng.next_u64()));
        let (status, expected) = bench.expected(&p, &slot);
        bench.write(&p);
        bench.kernel.push(bench.source, &stream);
        bench.start();
        if rng.chance(400) {
            let source = bench.source;
            bench.kernel.run_until(100_000, "input", |k| k.source_of(source).is_empty());
        }
        let most = rng.pick(&[30, 300, 3000]);
        for _ in 0..rng.below(most) {
            bench.kernel.clock();
        }
        let (irq, valid) = (bench.kernel.get("irq"), bench.kernel.get("m_axis_tvalid"));
        let input = !bench.kernel.source_of(bench.source).is_empty();
        cover.hit_if(input, "in the input");
        cover.hit_if(valid == 1, "in the result");
        cover.hit_if(!input && valid == 0 && irq == 0, "between");
        cover.hit_if(irq == 1, "at the end");
        bench.kernel.write32(offset::CTRL, 3);
        bench.kernel.clear_source(bench.source);
        for port in ["s_axis_tready", "m_axis_tvalid", "irq"] {
            assert_eq!(bench.kernel.get(port), 0, "{what}: {port}");
        }
        // START is not taken now.
        bench.kernel.write32(offset::START, 77);
        assert_eq!(bench.kernel.read32(offset::START), 0, "{what}");
        bench.kernel.write32(offset::CTRL, 1);
        bench.kernel.take(bench.sink);
        bench.job = 0;
        bench.kernel.push(bench.source, &stream);
        bench.start();
        assert_eq!(bench.status(&what), status, "{what}");
        let packets = bench.kernel.take(bench.sink);
        // What was cut off by the reset may stand before it in the bench's sink.
        let (last, expected) = (packets.last(), expected.as_ref());
        assert!(last.is_none_or(|l| expected.is_some_and(|e| l.ends_with(e))), "{what}");
        assert_eq!(last.is_some(), expected.is_some(), "{what}");
    }
    finish(&cover, &[]);
}

/// Clocks of the heads of YOLOv3-tiny at 416: 13 x 13 and 26 x 26, three anchors, 80 classes.
#[test]
fn a_number_a_clock() {
    for (name, bytes) in [("post_small", 4), ("post_wide", 16)] {
        let mut bench = Bench::new(name, 2);
        let mut rng = Rng::new(4);
        let mut p = jobs::params(&mut rng, SMALL, 100);
        let anchors = [(81, 82), (135, 169), (344, 319)];
        let head = |grid, stride, offset| Head {
            kind: HeadKind::YoloV3,
            grid_w: grid,
            grid_h: grid,
            stride,
            anchor_count: 3,
            anchors,
            offset,
        };
        p.heads[..2].copy_from_slice(&[head(13, 32, 0), head(26, 16, 172_416)]);
        (p.head_count, p.classes, p.width, p.height) = (2, 80, 416, 416);
        (p.score_threshold, p.iou_threshold, p.top_k, p.max_detections) = (16384, 29491, 0, 100);
        let (slot, stream) = jobs::heads(&mut rng, &p, Spread::Sparse);
        let (_, expected) = bench.expected(&p, &slot);
        bench.write(&p);
        bench.kernel.push(bench.source, &stream);
        bench.start();
        let from = bench.kernel.taken_at();
        let source = bench.source;
        bench.kernel.run_until(1_000_000, "input", |k| k.source_of(source).is_empty());
        let input = bench.kernel.clocks() - from;
        bench.kernel.run_until(1_000_000, "end", |k| k.get("irq") == 1);
        let end = bench.kernel.clocks() - from;
        let numbers = stream.len() as u64 / 4;
        let result = expected.as_ref().map_or(0, Vec::len);
        let (candidates, count) = expected.as_ref().map_or((0, 0), |e| (word(e, 1), word(e, 0)));
        println!(
            "{name}: {numbers} numbers in beats of {bytes}: input {input} clocks, end {end}; \
             {candidates} candidates, {count} detections, {result} bytes"
        );
        assert!(input <= numbers + 50, "{input}");
        bench.check_output(expected, "YOLOv3-tiny");
    }
}
