//! When a partner on a handshake holds back.

use crate::Rng;

/// A pattern of stalls, asked once a clock.
#[derive(Clone, Debug)]
pub struct Stall {
    rng: Rng,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Never,
    Random {
        per_1024: u32,
    },
    /// Runs of clocks with and without a stall, each up to this long.
    Bursts {
        longest: u64,
        left: u64,
        stalled: bool,
    },
    /// Free in one clock of this many.
    Every {
        period: u64,
        at: u64,
    },
}

impl Stall {
    /// No stall at all.
    pub fn never() -> Self {
        Self { rng: Rng::new(0), kind: Kind::Never }
    }

    /// A stall in `per_1024` of 1024 clocks, each on its own.
    pub fn random(seed: u64, per_1024: u32) -> Self {
        Self { rng: Rng::new(seed), kind: Kind::Random { per_1024 } }
    }

    /// Runs of up to `longest` clocks with a stall, and as long ones without.
    pub fn bursts(seed: u64, longest: u64) -> Self {
        Self { rng: Rng::new(seed), kind: Kind::Bursts { longest, left: 0, stalled: false } }
    }

    /// Free in one clock of `period`.
    pub fn every(period: u64) -> Self {
        Self { rng: Rng::new(0), kind: Kind::Every { period: period.max(1), at: 0 } }
    }

    /// Any of the patterns above, by the seed.
    pub fn any(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let next = rng.next_u64();
        match rng.below(5) {
            0 | 1 => Self::never(),
            2 => Self::random(next, rng.pick(&[64, 300, 512, 900])),
            3 => Self::bursts(next, rng.pick(&[2, 7, 40])),
            _ => Self::every(rng.range(2, 5)),
        }
    }

    /// The same kind of pattern, other random numbers.
    pub(crate) fn fork(&mut self) -> Self {
        Self { rng: Rng::new(self.rng.next_u64()), kind: self.kind.clone() }
    }

    /// Whether this clock is stalled. Asked once a clock.
    pub fn holds(&mut self) -> bool {
        match &mut self.kind {
            Kind::Never => false,
            Kind::Random { per_1024 } => self.rng.chance(*per_1024),
            Kind::Bursts { longest, left, stalled } => {
                if *left == 0 {
                    *stalled = !*stalled;
                    *left = self.rng.range(1, *longest);
                }
                *left -= 1;
                *stalled
            }
            Kind::Every { period, at } => {
                *at = (*at + 1) % *period;
                *at != 0
            }
        }
    }
}
