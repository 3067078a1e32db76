//! Boxes for the engine.

use std::cmp::Reverse;

use tandem_model::post::Detection;
use tandem_rtl::Rng;

use super::engine::Params;

/// How boxes lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scene {
    /// Corners on a coarse grid: many pairs overlap by exactly a simple fraction.
    Grid,
    /// Anywhere, large and small.
    Spread,
    /// Around a few objects.
    Objects,
    /// Side by side.
    Apart,
}

pub fn boxes(rng: &mut Rng, scene: Scene, count: usize) -> Vec<Detection> {
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
pub fn arrange(rng: &mut Rng, all: &mut [Detection]) -> &'static str {
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
pub fn on_threshold(p: Params, all: &[Detection]) -> bool {
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

/// `count` boxes around `kept` places far apart, the places' best ones anywhere in the order.
pub fn crowd(rng: &mut Rng, count: usize, kept: usize) -> Vec<Detection> {
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
