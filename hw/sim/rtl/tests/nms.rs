//! `nms`, the suppression engine, against tandem_model::post::suppress.

use std::cmp::Reverse;
use tandem_model::post::{Detection, MAX_CANDIDATES, NmsScratch, suppress};
use tandem_rtl::{Bins, Kernel, Rng, cases, first};

/// Parameters of one run.
#[derive(Clone, Copy, Debug)]
struct Params {
    threshold: u16,
    agnostic: bool,
    top_k: u16,
    max_detections: u16,
}

/// What comes out, and how long it took from the clock that took the last candidate.
#[derive(Debug, PartialEq)]
struct Outcome {
    candidates: u64,
    surplus: u64,
    cut: u64,
    detections: Vec<Detection>,
}

/// What the model says; `None` for too many.
fn expected(p: Params, all: &[Detection]) -> Option<Outcome> {
    let mut boxes = all.to_vec();
    boxes.sort_by_key(|b| (Reverse(b.score), b.index));
    if p.top_k == 0 && boxes.len() > MAX_CANDIDATES {
        return None;
    }
    let most = if p.top_k == 0 { boxes.len() } else { usize::from(p.top_k).min(boxes.len()) };
    boxes.truncate(most);
    let kept = suppress(&mut boxes, p.threshold, p.agnostic, &mut Box::new(NmsScratch::new()));
    let reported = kept.min(p.max_detections.into());
    boxes.truncate(reported);
    Some(Outcome {
        candidates: all.len() as u64,
        surplus: (all.len() - most) as u64,
        cut: (kept - reported) as u64,
        detections: boxes,
    })
}

/// The record as the port has it: index, class, score, y2, x2, y1, x1 from bit 0 on.
const FIELDS: [u32; 7] = [24, 10, 16, 22, 22, 22, 22];

fn pack(b: &Detection) -> [u8; 24] {
    let values = [
        b.index,
        b.class.into(),
        b.score.into(),
        b.y2 as u32,
        b.x2 as u32,
        b.y1 as u32,
        b.x1 as u32,
    ];
    let (mut bytes, mut at) = ([0; 24], 0);
    for (value, bits) in values.into_iter().zip(FIELDS) {
        for bit in 0..bits {
            bytes[at / 8] |= ((value >> bit & 1) as u8) << (at % 8);
            at += 1;
        }
    }
    bytes
}

fn unpack(bytes: &[u8; 24]) -> Detection {
    let mut at = 0;
    let values = FIELDS.map(|bits| {
        let value = (0..bits).fold(0, |value, bit| {
            let at = at + bit as usize;
            value | u32::from(bytes[at / 8] >> (at % 8) & 1) << bit
        });
        at += bits as usize;
        value
    });
    let [index, class, score, y2, x2, y1, x1] = values;
    Detection {
        x1: x1 as i32,
        y1: y1 as i32,
        x2: x2 as i32,
        y2: y2 as i32,
        score: score as u16,
        class: class as u16,
        index,
    }
}

/// One run: the outcome (`None` for too many), the clocks from the one in which the last candidate
/// was taken to the one in which the result is there, and those from the first candidate on.
fn run(
    k: &mut Kernel,
    p: Params,
    all: &[Detection],
    mut gap: impl FnMut() -> bool,
) -> (Option<Outcome>, u64, u64) {
    k.set("threshold", p.threshold.into());
    k.set("class_agnostic", p.agnostic.into());
    k.set("top_k", p.top_k.into());
    k.set("max_detections", p.max_detections.into());
    k.set("clear", 1);
    k.clock();
    k.set("clear", 0);
    let [valid, ready, cand, done] = ["in_valid", "in_ready", "in_cand", "done"].map(|n| k.port(n));
    let from = k.clocks();
    for candidate in all {
        while gap() {
            k.set_port(valid, 0);
            k.model().set_bytes(cand, &pack(&all[0]));
            k.clock();
        }
        k.set_port(valid, 1);
        k.model().set_bytes(cand, &pack(candidate));
        loop {
            k.settle();
            let taken = k.get_port(ready) == 1;
            k.clock();
            if taken {
                break;
            }
        }
    }
    k.set_port(valid, 0);
    let last = k.clocks();
    k.set("in_end", 1);
    k.clock();
    k.set("in_end", 0);
    k.run_until(5_000_000, "result", |k| k.get_port(done) == 1);
    let (after, whole) = (k.clocks() - last, k.clocks() - from);
    if k.get("too_many") == 1 {
        return (None, after, whole);
    }
    let mut outcome = Outcome {
        candidates: k.get("candidates"),
        surplus: k.get("surplus"),
        cut: k.get("cut"),
        detections: Vec::new(),
    };
    for number in 0..k.get("reported") {
        k.set("det_number", number);
        (0..3).for_each(|_| k.clock());
        let mut bytes = [0; 24];
        let port = k.port("det");
        k.model().get_bytes(port, &mut bytes);
        outcome.detections.push(unpack(&bytes));
    }
    (Some(outcome), after, whole)
}

/// How boxes lie.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scene {
    /// Corners on a coarse grid: many pairs overlap by exactly a simple fraction.
    Grid,
    /// Anywhere, large and small.
    Spread,
    /// Around a few objects.
    Objects,
    /// Side by side.
    Apart,
}

fn boxes(rng: &mut Rng, scene: Scene, count: usize) -> Vec<Detection> {
    const SIDE: u64 = 8192 << 8;
    let classes = rng.pick(&[1, 2, 80, 1024]);
    let scores = rng.below(5);
    let objects: Vec<(u64, u64)> =
        (0..40).map(|_| (rng.below(1 << 20), rng.below(1 << 20))).collect();
    let step = rng.pick(&[1_u64, 256, 100_000]);
    let mut all: Vec<Detection> = (0..count)
        .map(|n| {
            let (x, y, w, h) = match scene {
                Scene::Grid => {
                    let mut cells = |n| step * rng.below(n);
                    (cells(4), cells(4), cells(4), cells(4))
                }
                Scene::Spread => {
                    (rng.below(SIDE), rng.below(SIDE), rng.below(SIDE), rng.below(SIDE))
                }
                Scene::Objects => {
                    let (x, y) = rng.pick(&objects);
                    let (w, h) = (20_000 + rng.below(9000), 20_000 + rng.below(9000));
                    (x + rng.below(9000), y + rng.below(9000), w, h)
                }
                Scene::Apart => {
                    let n = n as u64;
                    (n % 64 * 32_768, n / 64 * 32_768, 32_768, 32_768)
                }
            };
            let score = match scores {
                0 => rng.below(65536),
                1 => rng.below(256) << 8 | 7,
                2 => 60_000 + rng.below(4),
                3 => 65_535 - rng.below(3000),
                _ => rng.pick(&[0, 255, 256, 65_535]),
            };
            Detection {
                x1: x.min(SIDE) as i32,
                y1: y.min(SIDE) as i32,
                x2: (x + w).min(SIDE) as i32,
                y2: (y + h).min(SIDE) as i32,
                score: score as u16,
                class: rng.below(classes) as u16,
                index: 0,
            }
        })
        .collect();
    if rng.chance(100) {
        // The engine takes boxes that end before they begin: they have no area.
        all.iter_mut().for_each(|b| {
            if rng.chance(200) {
                std::mem::swap(&mut b.x1, &mut b.x2)
            }
        });
    }
    all
}

/// Orders candidates somehow and gives them indices that grow.
fn arrange(rng: &mut Rng, all: &mut [Detection]) -> &'static str {
    let order = match rng.below(5) {
        0 | 1 => {
            all.sort_by_key(|b| Reverse(b.score));
            "sorted"
        }
        2 => {
            all.sort_by_key(|b| b.score);
            "reversed"
        }
        3 if all.len() > 1 => {
            all.sort_by_key(|b| Reverse(b.score));
            let count = all.len() as u64;
            let (a, b) = (rng.below(count), rng.below(count));
            all.swap(a as usize, b as usize);
            "two exchanged"
        }
        _ => "any order",
    };
    let mut index = 0;
    for b in all {
        index += 1 + rng.below(3) as u32;
        b.index = index;
    }
    order
}

/// Whether some pair is exactly on the threshold.
fn on_threshold(p: Params, all: &[Detection]) -> bool {
    let side = |a: i32, b: i32| u64::from(b.saturating_sub(a).max(0) as u32);
    let area = |b: &Detection| side(b.x1, b.x2) * side(b.y1, b.y2);
    all.iter().take(100).enumerate().any(|(n, a)| {
        all[..n].iter().filter(|b| p.agnostic || a.class == b.class).any(|b| {
            let shared =
                side(a.x1.max(b.x1), a.x2.min(b.x2)) * side(a.y1.max(b.y1), a.y2.min(b.y2));
            let union = area(a) + area(b) - shared;
            shared > 0 && shared << 16 == u64::from(p.threshold) * union
        })
    })
}

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
];

fn random_runs(lanes: u64, usual: u64) {
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

/// `count` boxes around `kept` places far apart, the places' best ones anywhere in the order.
fn crowd(rng: &mut Rng, count: usize, kept: usize) -> Vec<Detection> {
    (0..count)
        .map(|n| {
            let place = if n < kept { n } else { rng.below(kept as u64) as usize };
            let (x, y) = ((place % 40) as i32 * 50_000, (place / 40) as i32 * 50_000);
            let [a, b] = [0, 1].map(|_| rng.below(2000) as i32);
            let score = 20_000 + rng.below(40_000) as u16;
            Detection {
                x1: x + a,
                y1: y + b,
                x2: x + 30_000 + a,
                y2: y + 30_000 + b,
                score,
                class: 0,
                index: 0,
            }
        })
        .collect()
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
            let mut k = Kernel::load(&format!("nms_{lanes}"), 1);
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
