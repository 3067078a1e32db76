//! What `tandem_post` refuses, stops, or is stopped in, against the model.

mod post_support;

use post_support::bench::*;
use post_support::jobs::{self, Build, Spread};
use tandem_model::post::{Head, HeadKind, PostParams};
use tandem_regs::post::{CAPACITY, CAPS, MAP_HASH, offset};
use tandem_rtl::{Bins, Rng, Stall, cases};

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
    cover.finish(&[]);
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
    refused.finish(&[]);
    println!("taken:");
    taken.finish(&[]);
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
    cover.finish(&[]);
}
