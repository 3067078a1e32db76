//! Runs that are nothing but a seed: random load, random faults, and the books after each.
//!
//! `TANDEM_SEEDS=FROM..TO` takes other seeds than the first 200, `TANDEM_SEEDS=N` one; a seed that
//! fails is named with the command that replays it. `cargo xtask seeds` does the same.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tandem_tests::chaos::Chaos;

const QUICK: Range<u64> = 0..200;
/// One in so many is run twice, and must be the same run.
const REPLAYED: u64 = 4;

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("TANDEM_SEEDS") else { return QUICK };
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("TANDEM_SEEDS: {text:?}"));
    match text.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => number(&text)..number(&text) + 1,
    }
}

#[derive(Default)]
struct Totals {
    runs: u64,
    jobs: u64,
    parts: u64,
    faults: BTreeMap<&'static str, u64>,
    incidents: BTreeMap<&'static str, u64>,
    failed: Vec<u64>,
}

/// One seed into the totals.
fn take(chaos: &Chaos, seed: u64, replay: bool, totals: &Mutex<Totals>) {
    let run = || {
        let outcome = chaos.run(seed);
        if replay {
            assert_eq!(outcome, chaos.run(seed), "seed {seed} is another run the second time");
        }
        outcome
    };
    let outcome = catch_unwind(AssertUnwindSafe(run));
    let mut totals = totals.lock().expect("totals");
    totals.runs += 1;
    match outcome {
        Ok(outcome) => {
            totals.jobs += outcome.jobs;
            totals.parts += outcome.parts;
            for (of, from) in [(0, &outcome.faults), (1, &outcome.incidents)] {
                let into = if of == 0 { &mut totals.faults } else { &mut totals.incidents };
                for (name, count) in from {
                    *into.entry(name).or_default() += count;
                }
            }
        }
        Err(_) => {
            eprintln!("seed {seed} FAILED");
            totals.failed.push(seed);
        }
    }
}

#[test]
fn every_seed_keeps_the_books() {
    let (mut chaos, seeds, began) = (Chaos::new(), seeds(), Instant::now());
    let (next, totals) = (AtomicU64::new(seeds.start), Mutex::new(Totals::default()));
    let one = seeds.end - seeds.start == 1;
    chaos.aloud = one;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    take(&chaos, seed, one || seed % REPLAYED == 0, &totals);
                }
            });
        }
    });
    let mut totals = totals.into_inner().expect("totals");
    totals.failed.sort_unstable();
    let Totals { runs, jobs, parts, faults, incidents, failed } = totals;
    eprintln!("{runs} seeds in {:.1} s: {jobs} jobs, {parts} parts", began.elapsed().as_secs_f64());
    eprintln!("faults {faults:?}\nincidents {incidents:?}");
    let replay = failed.first().map(|seed| {
        format!(
            "TANDEM_SEEDS={seed} cargo test --release -p tandem-tests --test seeds -- --nocapture"
        )
    });
    assert!(failed.is_empty(), "seeds {failed:?} failed; replay the first with\n  {replay:?}");
}

#[test]
fn another_seed_is_another_run() {
    let chaos = Chaos::new();
    let hashes = [1, 2, 3, 4].map(|seed| chaos.run(seed).hash);
    for (i, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..i].contains(hash), "{hashes:x?}");
    }
}
