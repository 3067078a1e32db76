//! `nms`, the suppression engine, against tandem_model::post::suppress.

mod nms_support;

use std::cmp::Reverse;

use nms_support::engine::{Params, abandon, expected, run};
use nms_support::scenes::{Scene, arrange, boxes, crowd, on_threshold};
use tandem_model::post::Detection;
use tandem_rtl::{Bins, Kernel, Rng, cases, first, tested};

const BINS: &[&str] = &[
    "sorted",
    "reversed",
    "two exchanged",
    "any order",
    "nothing",
    "one",
    "lanes exactly filled",
    "one more than the lanes",
    "many rounds",
    "equal scores",
    "equal low bytes",
    "equality",
    "threshold 0",
    "threshold 65535",
    "agnostic",
    "surplus",
    "surplus beyond the store",
    "cut",
    "too many",
    "4096 exactly",
    "more than 1024 kept",
    "gaps",
    "given up at a candidate",
    "given up behind the end",
];

fn random_runs(lanes: u64, usual: u64) {
    if !tested(&format!("nms_{lanes}")) {
        return;
    }
    let mut cover = Bins::new(BINS);
    let mut kernel = Kernel::load(&format!("nms_{lanes}"), lanes);
    kernel.reset();
    for case in first()..first() + cases(usual) {
        let mut rng = Rng::new(case ^ lanes << 32);
        let scene = rng.pick(&[Scene::Grid, Scene::Spread, Scene::Objects, Scene::Apart]);
        let count = match rng.below(40) {
            0 => rng.range(4095, 4098),
            1 => rng.range(4097, 9000),
            2..6 => rng.range(300, 1500),
            6..10 => rng.below(4),
            10..18 => rng.range(lanes - 1, lanes + 2),
            _ => rng.below(300),
        };
        let mut all = boxes(&mut rng, scene, count as usize);
        let order = arrange(&mut rng, &mut all);
        let p = Params {
            threshold: rng.pick(&[0, 1, 13_107, 16_384, 21_845, 29_491, 32_768, 49_152, 65_535]),
            agnostic: rng.chance(512),
            top_k: match rng.below(3) {
                0 if count < 4200 => 0,
                1 if count < 4200 => 0,
                0 => rng.range(1, 40) as u16,
                1 => 0,
                _ => rng.range(1, 4096) as u16,
            },
            max_detections: rng.pick(&[1, 20, 300, 1024]),
        };
        if count > 0 && rng.chance(150) {
            let some = &all[..rng.range(1, count.min(300)) as usize];
            let clocks = rng.chance(512).then(|| rng.below(600));
            abandon(&mut kernel, p, some, clocks);
            cover.hit_if(clocks.is_none(), "given up at a candidate");
            cover.hit_if(clocks.is_some(), "given up behind the end");
        }
        let gaps = rng.chance(300).then(|| rng.pick(&[100, 512, 900]));
        let mut chance = rng.clone();
        let (ours, _, _) = run(&mut kernel, p, &all, || gaps.is_some_and(|g| chance.chance(g)));
        let theirs = expected(p, &all);
        let what = format!("{lanes} lanes, case {case}: {scene:?} {order} {count} {p:?} {gaps:?}");
        assert!(ours == theirs, "{what}\n{ours:?}\n{theirs:?}");
        cover.hit(order);
        cover.hit_if(gaps.is_some(), "gaps");
        cover.hit_if(count == 0, "nothing");
        cover.hit_if(count == 1, "one");
        cover.hit_if(count == 4096, "4096 exactly");
        cover.hit_if(p.threshold == 0, "threshold 0");
        cover.hit_if(p.threshold == 65_535, "threshold 65535");
        cover.hit_if(p.agnostic, "agnostic");
        cover.hit_if(theirs.is_none(), "too many");
        let scores = |n: usize| all.get(n).map_or(0, |b| b.score);
        cover.hit_if((1..all.len()).any(|n| scores(n) == scores(n - 1)), "equal scores");
        cover.hit_if(count > 20 && all.iter().all(|b| b.score & 0xff == 7), "equal low bytes");
        cover.hit_if(count < 300 && on_threshold(p, &all), "equality");
        let Some(outcome) = theirs else { continue };
        let kept = outcome.detections.len() as u64 + outcome.cut;
        cover.hit_if(kept == lanes, "lanes exactly filled");
        cover.hit_if(kept == lanes + 1, "one more than the lanes");
        cover.hit_if(kept > 8 * lanes, "many rounds");
        cover.hit_if(kept > 1024, "more than 1024 kept");
        cover.hit_if(outcome.surplus > 0, "surplus");
        cover.hit_if(outcome.surplus > 0 && count > 5120, "surplus beyond the store");
        cover.hit_if(outcome.cut > 0, "cut");
    }
    println!("{lanes} lanes, {} clocks", kernel.clocks());
    cover.finish(&[]);
}

#[test]
fn nms_8_is_the_models() {
    random_runs(8, 400);
}

#[test]
fn nms_16_is_the_models() {
    random_runs(16, 200);
}

#[test]
fn nms_32_is_the_models() {
    random_runs(32, 200);
}

/// Clocks, and the goals: sorted and the lanes hold all that are kept, 40 after the last candidate;
/// scores of 8 bits in any order, N + 356; 1000 sorted to 34 with 16 lanes, 1800 from the first.
#[test]
fn nms_clocks() {
    let p = Params { threshold: 29_491, agnostic: true, top_k: 0, max_detections: 1024 };
    println!(
        "| Candidates | Kept | Lanes | sorted: after the last / from the first | 16-bit scores, any order | 8-bit scores, any order |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    for (count, kept) in [
        (100, 1),
        (100, 8),
        (100, 30),
        (100, 100),
        (300, 8),
        (300, 34),
        (300, 300),
        (1000, 8),
        (1000, 16),
        (1000, 34),
        (1000, 100),
        (1000, 300),
        (1000, 1000),
        (4096, 34),
        (4096, 4096),
    ] {
        for lanes in [8_u64, 16, 32] {
            let name = format!("nms_{lanes}");
            if !tested(&name) {
                continue;
            }
            let mut k = Kernel::load(&name, 1);
            k.reset();
            let mut rng = Rng::new(count as u64 + kept as u64);
            let mut all = if kept == count {
                let mut apart = boxes(&mut rng, Scene::Apart, count);
                apart.iter_mut().for_each(|b| b.score = rng.below(65_536) as u16);
                apart
            } else {
                crowd(&mut rng, count, kept)
            };
            let mut clocks = |all: &mut Vec<Detection>| {
                all.iter_mut().zip(0..).for_each(|(b, n)| b.index = n);
                let (ours, after, whole) = run(&mut k, p, all, || false);
                assert_eq!(ours, expected(p, all));
                let found = ours.map_or(0, |o| o.detections.len() as u64 + o.cut);
                (after, whole, found as usize)
            };
            // In place after place, the order is shuffled.
            for n in (1..all.len()).rev() {
                let other = rng.below(n as u64 + 1) as usize;
                all.swap(n, other);
            }
            let (unsorted, _, found) = clocks(&mut all);
            let mut bytes = all.clone();
            bytes.iter_mut().for_each(|b| b.score &= 0xff00);
            let (of_bytes, _, _) = clocks(&mut bytes);
            all.sort_by_key(|b| Reverse(b.score));
            let (sorted, whole, _) = clocks(&mut all);
            println!(
                "| {count} | {found} | {lanes} | {sorted} / {whole} | {unsorted} | {of_bytes} |"
            );
            assert_eq!(found, kept, "the scene is what it says");
            let n = count as u64;
            if kept as u64 <= lanes {
                assert!(sorted <= 40, "sorted: {sorted}");
                assert!(of_bytes <= n + 356, "8-bit scores: {of_bytes}");
                assert!(unsorted <= 2 * n + 60, "16-bit scores: {unsorted}");
            }
            if (count, kept, lanes) == (1000, 34, 16) {
                assert!(whole < 1800, "1000 sorted to 34: {whole}");
            }
        }
    }
}
