//! Round-robin over parallel channels, by weight.

/// Smooth weighted round-robin (as nginx balances upstreams): of candidates with weights 2 and 1
/// the order is a b a, a b a. Who is no candidate neither gains nor loses, so a channel that was
/// away is not flooded when it comes back.
#[derive(Clone, Debug, Default)]
pub struct Robin {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    weight: i64,
    credit: i64,
}

impl Robin {
    /// Over channels of these weights; 0 counts as 1.
    pub fn new(weights: impl IntoIterator<Item = u32>) -> Self {
        let entry = |weight: u32| Entry { weight: i64::from(weight.max(1)), credit: 0 };
        Self { entries: weights.into_iter().map(entry).collect() }
    }

    /// The next of those that `may` be taken. Without allocation.
    pub fn next(&mut self, may: impl Fn(usize) -> bool) -> Option<usize> {
        let (mut total, mut best) = (0, None::<usize>);
        for i in (0..self.entries.len()).filter(|i| may(*i)) {
            let entry = &mut self.entries[i];
            entry.credit += entry.weight;
            total += entry.weight;
            if best.is_none_or(|best| self.entries[i].credit > self.entries[best].credit) {
                best = Some(i);
            }
        }
        let best = best?;
        self.entries[best].credit -= total;
        Some(best)
    }
}

#[cfg(test)]
mod tests {
    use super::Robin;
    use proptest::prelude::*;

    #[test]
    fn weights_are_shares_and_turns_are_spread() {
        let mut robin = Robin::new([2, 1, 0]);
        let order: Vec<usize> = (0..8).filter_map(|_| robin.next(|_| true)).collect();
        assert_eq!(order, [0, 1, 2, 0, 0, 1, 2, 0]);
        assert_eq!(robin.next(|_| false), None);
        assert_eq!(Robin::default().next(|_| true), None);
    }

    #[test]
    fn one_that_was_away_is_not_flooded() {
        let mut robin = Robin::new([1, 1]);
        for _ in 0..1000 {
            assert_eq!(robin.next(|i| i == 0), Some(0));
        }
        let back: Vec<usize> = (0..6).filter_map(|_| robin.next(|_| true)).collect();
        assert_eq!(back.iter().filter(|i| **i == 1).count(), 3, "{back:?}");
    }

    proptest! {
        /// With everybody there, after any number of turns nobody is off its share by a whole round.
        #[test]
        fn shares_hold_at_every_moment(weights in prop::collection::vec(1u32..9, 1..6), turns in 1usize..200) {
            let mut robin = Robin::new(weights.iter().copied());
            let total: u32 = weights.iter().sum();
            let mut had = vec![0u32; weights.len()];
            for turn in 1..=turns {
                had[robin.next(|_| true).unwrap()] += 1;
                for (had, weight) in had.iter().zip(&weights) {
                    let due = turn as f64 * f64::from(*weight) / f64::from(total);
                    prop_assert!((f64::from(*had) - due).abs() < weights.len() as f64);
                }
            }
        }
    }
}
