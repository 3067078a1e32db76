//! What the benches of the post-process kernel share.

use tandem_rtl::Bins;

/// Prints the bins; fails with those that nothing met, but for the `rare` ones.
pub fn finish(bins: &Bins, rare: &[&str]) {
    print!("{}", bins.report());
    let missed: Vec<_> = bins.missed().into_iter().filter(|bin| !rare.contains(bin)).collect();
    assert!(missed.is_empty(), "nothing met {missed:?}");
}

/// How many random cases: `TANDEM_RTL_CASES`, or else `usual`.
pub fn cases(usual: u64) -> u64 {
    number("TANDEM_RTL_CASES").unwrap_or(usual)
}

/// The first of them: `TANDEM_RTL_FIRST`, to look at one that failed.
pub fn first() -> u64 {
    number("TANDEM_RTL_FIRST").unwrap_or(0)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number in the environment"))
}
