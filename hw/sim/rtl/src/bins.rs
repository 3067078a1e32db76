//! Named coverage bins: which cases a random run has met.

use std::collections::BTreeMap;

/// Counts of cases by name. Names are given at the start or with [`Bins::note`], so that one that
/// is never met shows.
#[derive(Clone, Debug, Default)]
pub struct Bins(BTreeMap<String, u64>);

impl Bins {
    /// Bins that are empty.
    pub fn new(names: &[&str]) -> Self {
        Self(names.iter().map(|name| ((*name).to_owned(), 0)).collect())
    }

    /// The case has been met.
    ///
    /// # Panics
    /// There is no such bin.
    pub fn hit(&mut self, name: &str) {
        match self.0.get_mut(name) {
            Some(count) => *count += 1,
            None => panic!("no bin is called {name}"),
        }
    }

    /// [`Bins::hit`] where `met`.
    pub fn hit_if(&mut self, met: bool, name: &str) {
        if met {
            self.hit(name);
        }
    }

    /// A case that was looked for, and whether it was met. The bin need not be there.
    pub fn note(&mut self, name: impl Into<String>, met: bool) {
        *self.0.entry(name.into()).or_default() += u64::from(met);
    }

    /// Adds what another run has met.
    pub fn add(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            *self.0.entry(name.clone()).or_default() += count;
        }
    }

    /// Names of the cases that were not met.
    pub fn missed(&self) -> Vec<&str> {
        self.0.iter().filter(|(_, count)| **count == 0).map(|(name, _)| name.as_str()).collect()
    }

    /// Prints a line a bin.
    ///
    /// # Panics
    /// A case was not met that is not one of the `rare` ones.
    pub fn finish(&self, rare: &[&str]) {
        self.0.iter().for_each(|(name, count)| println!("{count:>9}  {name}"));
        let missed: Vec<_> = self.missed().into_iter().filter(|bin| !rare.contains(bin)).collect();
        assert!(missed.is_empty(), "nothing met {missed:?}");
    }
}
