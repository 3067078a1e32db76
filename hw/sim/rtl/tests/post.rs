//! `tandem_post` against tandem_model::post, job after job on one kernel.

mod post_support;

use post_support::bench::*;
use post_support::cover::{BINS, note, note_numbers};
use post_support::jobs::{self, Build, Spread};
use tandem_model::post::{Element, Head, HeadKind, PostParams, Scale};
use tandem_regs::post::offset;
use tandem_rtl::{Bins, Rng, Stall, cases, first, tested};

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
    note_numbers(cover, &p, &slot);
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
    if !tested(name) {
        return;
    }
    let mut cover = Bins::new(BINS);
    let mut bench = Bench::new(name, 1);
    let mut clocks = 0;
    for case in first()..first() + cases(usual) {
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
    cover.finish(rare);
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
        "f32 at an odd byte",
        "f16 at an odd byte",
        "least scale",
        "greatest scale",
    ];
    random_jobs("post_wide", WIDE, 150, RARE);
}

/// Clocks of the heads of YOLOv3-tiny at 416: 13 x 13 and 26 x 26, three anchors, 80 classes; the
/// first has an odd number of numbers, so the second begins at an odd byte behind one of i8.
#[test]
fn a_number_a_clock() {
    use Element::{F16, F32, I8};
    for (name, bytes, elements) in [
        ("post_small", 4, [F32, F32]),
        ("post_small", 4, [F16, I8]),
        ("post_small", 4, [I8, F32]),
        ("post_wide", 16, [F32, F32]),
        ("post_wide", 16, [I8, F32]),
    ] {
        if !tested(name) {
            continue;
        }
        let mut bench = Bench::new(name, 2);
        let mut rng = Rng::new(4);
        let mut p = jobs::params(&mut rng, SMALL, 100);
        let anchors = [(81, 82), (135, 169), (344, 319)];
        let head = |grid, stride, offset, element| Head {
            kind: HeadKind::YoloV3,
            grid_w: grid,
            grid_h: grid,
            stride,
            anchor_count: 3,
            anchors,
            offset,
            element,
            // A step of 1/16.
            scale: Scale::from_register(123 << 15),
            zero: 5,
        };
        let [first, second] = elements;
        p.heads[..2].copy_from_slice(&[head(13, 32, 0, first), head(26, 16, 172_416, second)]);
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
        let numbers = 3 * 85 * (13 * 13 + 26 * 26);
        let result = expected.as_ref().map_or(0, Vec::len);
        let (candidates, count) = expected.as_ref().map_or((0, 0), |e| (word(e, 1), word(e, 0)));
        println!(
            "{name}, {elements:?}: {numbers} numbers in beats of {bytes}: input {input} clocks, end {end}; \
             {candidates} candidates, {count} detections, {result} bytes"
        );
        assert!(input <= numbers + 50, "{input}");
        bench.check_output(expected, "YOLOv3-tiny");
    }
}
