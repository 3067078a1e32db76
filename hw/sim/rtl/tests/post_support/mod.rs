//! What the benches of the post-process kernel share.

#![allow(dead_code, reason = "each bench uses its part")]

use std::collections::BTreeMap;

/// Named situations that a bench must have met.
pub struct Coverage(BTreeMap<&'static str, u64>);

impl Coverage {
    /// All of `bins`, met by nothing so far.
    pub fn new(bins: &[&'static str]) -> Self {
        Self(bins.iter().map(|bin| (*bin, 0)).collect())
    }

    /// Counts `bin` if `hit`.
    pub fn note(&mut self, bin: &'static str, hit: bool) {
        let Some(count) = self.0.get_mut(bin) else { panic!("no bin {bin}") };
        *count += u64::from(hit);
    }

    /// Prints the bins; fails with those that nothing met.
    pub fn finish(self) {
        self.finish_without(&[]);
    }

    /// Likewise, but some need not have been met.
    pub fn finish_without(self, rare: &[&str]) {
        for (bin, count) in &self.0 {
            println!("{count:8} {bin}");
        }
        let empty: Vec<_> =
            self.0.iter().filter(|(bin, count)| **count == 0 && !rare.contains(bin)).collect();
        assert!(empty.is_empty(), "nothing met {empty:?}");
    }
}

/// How many random cases: `TANDEM_RTL_CASES`, or else `usual`.
pub fn cases(usual: u64) -> u64 {
    let asked = std::env::var("TANDEM_RTL_CASES").ok();
    asked.map_or(usual, |text| text.parse().expect("TANDEM_RTL_CASES is a number"))
}

/// The first of them: `TANDEM_RTL_FIRST`, to look at one that failed.
pub fn first() -> u64 {
    std::env::var("TANDEM_RTL_FIRST").map_or(0, |text| text.parse().expect("a number"))
}
