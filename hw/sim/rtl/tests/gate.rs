//! The gate against `tandem_sim`'s, which is `tandem_model::gate` behind its registers: random
//! histories of triggers, cancels, settings, resets and epochs, compared in every clock.
//!
//! `TANDEM_RTL_SEEDS=FROM..TO` runs other seeds, many of them for a night.

mod gate_bench;

use gate_bench::{BINS, History, Setup};
use tandem_rtl::{Bins, Rng};

fn seeds() -> std::ops::Range<u64> {
    let text = std::env::var("TANDEM_RTL_SEEDS").unwrap_or_default();
    let range = text.split_once("..").and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
    range.unwrap_or(0..120)
}

#[test]
fn gate_is_the_model_in_every_clock() {
    let mut bins = Bins::new(&BINS);
    for seed in seeds() {
        let setup = Setup::random(&mut Rng::new(seed));
        let mut history = History::new(seed, setup);
        for _ in 0..6_000 {
            history.clock();
        }
        bins.add(history.bins());
    }
    println!("{}", bins.report());
    if seeds().end - seeds().start >= 100 {
        assert!(bins.missed().is_empty(), "cases that no history met: {:?}", bins.missed());
    }
}
