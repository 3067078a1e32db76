//! A latency histogram of fixed log-linear buckets, written by atomics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets per doubling: a bucket is at most an eighth of its value wide.
const SUB: u32 = 8;
const SUB_BITS: u32 = SUB.trailing_zeros();
/// The first octave begins at 2^10 ns, about a microsecond; below is one bucket.
const FIRST: u32 = 10;
/// The last octave ends at 2^35 ns, about 34 s; above is one bucket.
const LAST: u32 = 35;
const BUCKETS: usize = ((LAST - FIRST) * SUB) as usize + 2;

/// Counts of durations in nanoseconds.
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
    max: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            sum: AtomicU64::new(0),
            max: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    /// Records one duration.
    pub fn record(&self, ns: u64) {
        self.buckets[index(ns)].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(ns, Ordering::Relaxed);
        self.max.fetch_max(ns, Ordering::Relaxed);
    }

    /// Durations recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// Sum of all durations in nanoseconds.
    pub fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }

    /// Longest duration in nanoseconds.
    pub fn max(&self) -> u64 {
        self.max.load(Ordering::Relaxed)
    }

    /// The duration that `percent` (0 to 100) of the records do not exceed, in nanoseconds, rounded
    /// up to the edge of its bucket (an eighth at most) and never above [`Self::max`]; 0 when empty.
    pub fn percentile(&self, percent: f64) -> u64 {
        let count = self.count();
        if count == 0 {
            return 0;
        }
        let rank = ((percent / 100.0 * count as f64).ceil() as u64).clamp(1, count);
        let mut seen = 0;
        for (i, bucket) in self.buckets.iter().enumerate() {
            seen += bucket.load(Ordering::Relaxed);
            if seen >= rank {
                return upper(i).map_or(self.max(), |edge| edge.min(self.max()));
            }
        }
        self.max()
    }

    /// `(upper edge in nanoseconds, records below it)` at every doubling, rising; the records above
    /// the last edge are in [`Self::count`] only.
    pub fn octaves(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut seen = 0;
        let mut next = 0;
        (FIRST..=LAST).map(move |octave| {
            let end = 1 + ((octave - FIRST) * SUB) as usize;
            while next < end {
                seen += self.buckets[next].load(Ordering::Relaxed);
                next += 1;
            }
            (1 << octave, seen)
        })
    }
}

/// Bucket of a duration: 0 below 2^FIRST, then SUB a doubling by the bits after the leading one.
fn index(ns: u64) -> usize {
    if ns < 1 << FIRST {
        return 0;
    }
    let octave = ns.ilog2();
    if octave >= LAST {
        return BUCKETS - 1;
    }
    let sub = (ns >> (octave - SUB_BITS)) as u32 & (SUB - 1);
    1 + ((octave - FIRST) * SUB + sub) as usize
}

/// Upper edge of a bucket (exclusive); `None` for the last, which has none.
fn upper(index: usize) -> Option<u64> {
    if index == 0 {
        return Some(1 << FIRST);
    }
    if index == BUCKETS - 1 {
        return None;
    }
    let at = index as u32 - 1;
    let (octave, sub) = (FIRST + at / SUB, u64::from(at % SUB));
    Some((u64::from(SUB) + sub + 1) << (octave - SUB_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_below_its_upper_edge_and_not_below_the_last() {
        let mut ns = 1u64;
        while ns < 1 << 40 {
            for value in [ns - 1, ns, ns + 1] {
                let i = index(value);
                assert!(upper(i).is_none_or(|edge| value < edge), "{value}");
                assert!(i == 0 || upper(i - 1).is_some_and(|edge| value >= edge), "{value}");
            }
            ns += ns / 5 + 1;
        }
    }

    #[test]
    fn percentiles_are_within_an_eighth_above() {
        let histogram = Histogram::default();
        for i in 1..=1000u64 {
            histogram.record(i * 10_000);
        }
        for (percent, exact) in [(50.0, 5_000_000u64), (99.0, 9_900_000), (100.0, 10_000_000)] {
            let got = histogram.percentile(percent);
            assert!(got >= exact && got <= exact + exact / 8, "{percent}: {got}");
        }
        assert_eq!(histogram.count(), 1000);
        assert_eq!(histogram.max(), 10_000_000);
    }

    #[test]
    fn octaves_are_cumulative() {
        let histogram = Histogram::default();
        for ns in [5, 1 << 10, (1 << 11) - 1, 1 << 11, 1 << 36] {
            histogram.record(ns);
        }
        let octaves: Vec<_> = histogram.octaves().collect();
        assert_eq!(octaves[..3], [(1 << 10, 1), (1 << 11, 3), (1 << 12, 4)]);
        assert_eq!(octaves.last(), Some(&(1 << 35, 4)));
        assert_eq!(histogram.count(), 5);
    }
}
