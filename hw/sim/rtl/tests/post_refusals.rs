//! What `tandem_post` refuses, stops, or is stopped in, against the model.

mod post_support;

use post_support::bench::*;
use post_support::disturb::{disturb, is_good};
use post_support::jobs::{self, Build, Spread};
use tandem_model::post::{Element, Head, HeadKind};
use tandem_regs::post::{CAPACITY, CAPS, MAP_HASH, offset};
use tandem_rtl::{Bins, Rng, Stall, cases, tested};

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

/// Parameters that the model refuses, or a grid that is too large, and those just inside: as
/// PostParams::validate says, at once, with nothing taken of the stream.
#[test]
fn parameters_are_refused_as_by_the_model() {
    const FIELDS: [&str; 18] = [
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
        "element",
        "scale",
        "cells",
    ];
    let mut refused = Bins::new(&FIELDS);
    let mut taken = Bins::new(&FIELDS[1..]);
    for (name, build) in [("post_small", SMALL), ("post_wide", WIDE)] {
        if !tested(name) {
            continue;
        }
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
            let mut elements = p.heads.map(|head| head.element as u8);
            let field = disturb(&mut rng, &mut p, &mut kinds, &mut elements);
            let good = is_good(&p, &kinds, &elements, build);
            bench.write(&p);
            let ats = (offset::H0_CONFIG..).step_by(0x20);
            let words = p.heads.iter().zip(kinds).zip(elements).zip(ats);
            for (((head, kind), element), at) in words.take(p.head_count.min(4).into()) {
                let anchors = u32::from(head.anchor_count) << 24;
                let what = u32::from(kind) << 16 | u32::from(element) << 20;
                let value = u32::from(head.stride) | what | anchors;
                bench.kernel.write32(at, value);
            }
            bench.start();
            let ready = bench.kernel.port("s_axis_tready");
            let irq = bench.kernel.port("irq");
            let what = format!("case {case}: {field} {kinds:?} {elements:?} {p:?}");
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

/// A build without f16, i8 and `yolov8` says so, refuses them, and runs the rest.
#[test]
fn what_is_not_built_is_refused() {
    // Jobs of `yolov8` are made, too.
    const BARE: Build = Build { cells: 64, dfl_cells: 1 };
    if !tested("post_bare") {
        return;
    }
    let mut bench = Bench::new("post_bare", 7);
    let caps = bench.kernel.read32(offset::CAPS);
    let left_out = CAPS::F16::SET + CAPS::I8::SET + CAPS::YOLOV8::SET;
    assert_eq!(caps, CAPS.reset() & !left_out.value);
    let (mut refused, mut ran) = (0, 0);
    for case in 0..cases(60) {
        let mut rng = Rng::new(case ^ 0x6261);
        let mut p = jobs::params(&mut rng, BARE, 800);
        if rng.chance(512) {
            let mut offset = 0;
            for head in &mut p.heads {
                (head.element, head.offset) = (Element::F32, offset);
                offset += head.bytes(p.classes).next_multiple_of(64) as u32;
            }
        }
        let what = format!("case {case}: {p:?}");
        let has = |head: &Head| head.element == Element::F32 && head.kind != HeadKind::YoloV8;
        let good = p.used_heads().iter().all(has);
        let (slot, stream) = jobs::heads(&mut rng, &p, Spread::Usual);
        bench.write(&p);
        if good {
            bench.kernel.push(bench.source, &stream);
        }
        let expected = if good { bench.expected(&p, &slot) } else { (REFUSED, None) };
        bench.start();
        assert_eq!(bench.status(&what), expected.0, "{what}");
        bench.check_output(expected.1, &what);
        (refused, ran) = (refused + u32::from(!good), ran + u32::from(good));
    }
    assert!(refused > 10 && ran > 10, "{refused} refused, {ran} ran");
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
