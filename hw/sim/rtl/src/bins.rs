//! Named coverage bins: which cases a random run has met.

use std::collections::BTreeMap;

/// Counts of cases by name. All names are given at the start, so that one that is never met shows.
#[derive(Clone, Debug)]
pub struct Bins(BTreeMap<&'static str, u64>);

impl Bins {
    /// Bins that are empty.
    pub fn new(names: &[&'static str]) -> Self {
        Self(names.iter().map(|name| (*name, 0)).collect())
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

    /// Adds what another run has met.
    pub fn add(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            *self.0.entry(name).or_default() += count;
        }
    }

    /// Names of the cases that were not met.
    pub fn missed(&self) -> Vec<&'static str> {
        self.0.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect()
    }

    /// One line a bin.
    pub fn report(&self) -> String {
        self.0.iter().map(|(name, count)| format!("{count:>9}  {name}\n")).collect()
    }
}
