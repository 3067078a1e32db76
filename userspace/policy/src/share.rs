//! A share of jobs, chosen by job id.

/// Odd multipliers whose multiples, as fractions of 2^64, are spread as evenly as can be: those of
/// the golden ratio (Knuth, The Art of Computer Programming 3, section 6.4) and of the square root
/// of 2.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
const ROOT_2: u64 = 0x6A09_E667_F3BC_C909;

/// Which of a rule's shares: their jobs are chosen independently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// The canary.
    Canary,
    /// The shadow.
    Shadow,
}

/// A part of all jobs.
///
/// A job is in or out by its id alone: asked again it goes the same way, and a larger share has
/// every job of a smaller one. Of `n` jobs with consecutive ids, from whatever id on, the number
/// that is in differs from `n` times the share by less than `2 + log2(n)`; a hash that
/// only looked random would differ by the root of `n`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Ids whose hash is below are in; 2^64 is all.
    below: u128,
    factor: u64,
    offset: u64,
}

impl Share {
    /// `share` is 0 to 1; `salt` tells rules apart, so that not the same jobs are in each.
    pub fn new(share: f64, draw: Draw, salt: &str) -> Share {
        let below = (share.clamp(0.0, 1.0) * 2f64.powi(64)) as u128;
        let factor = if draw == Draw::Canary { GOLDEN } else { ROOT_2 };
        Share { below, factor, offset: fnv1a(salt.as_bytes()) }
    }

    /// The job is in.
    pub fn takes(&self, job: u64) -> bool {
        let hash = job.wrapping_mul(self.factor).wrapping_add(self.offset);
        u128::from(hash) < self.below
    }
}

/// FNV-1a of 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The bound that [`Share`] states.
    fn bound(n: u64) -> f64 {
        2.0 + (n as f64).log2()
    }

    fn holds(share: f64, draw: Draw, salt: &str, from: u64, jobs: u64) -> f64 {
        let chosen = Share::new(share, draw, salt);
        let (mut taken, mut worst) = (0u64, 0f64);
        for n in 1..=jobs {
            taken += u64::from(chosen.takes(from.wrapping_add(n - 1)));
            let off = (taken as f64 - n as f64 * share).abs();
            assert!(off < bound(n), "{taken} of {n} jobs for {share} from {from}: off by {off}");
            worst = worst.max(off);
        }
        worst
    }

    #[test]
    fn a_share_of_consecutive_jobs_is_exact_within_the_bound() {
        for share in [0.001, 0.01, 0.05, 0.1, 1.0 / 3.0, 0.5, 0.9, 0.999, 1.0] {
            for draw in [Draw::Canary, Draw::Shadow] {
                holds(share, draw, "rule", 1, 1_000_000);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn wherever_it_begins(share in 0.0..1.0, salt in "[a-z]{1,8}", from in any::<u64>()) {
            holds(share, Draw::Canary, &salt, from, 20_000);
            holds(share, Draw::Shadow, &salt, from, 20_000);
        }

        #[test]
        fn a_job_stays_in_when_the_share_grows(
            small in 0.0..1.0, more in 0.0..1.0, job in any::<u64>(),
        ) {
            let large = f64::max(small, more);
            let takes = |share| Share::new(share, Draw::Canary, "r").takes(job);
            prop_assert!(!takes(f64::min(small, more)) || takes(large));
        }
    }

    #[test]
    fn canary_and_shadow_choose_apart() {
        let [canary, shadow] =
            [Draw::Canary, Draw::Shadow].map(|draw| Share::new(0.5, draw, "rule"));
        let both = (0..100_000).filter(|job| canary.takes(*job) && shadow.takes(*job)).count();
        assert!((24_000..26_000).contains(&both), "{both} of 25000");
    }

    #[test]
    fn the_ends_are_none_and_all() {
        assert!((0..1000).all(|job| Share::new(1.0, Draw::Canary, "r").takes(job)));
        assert!(!(0..1000).any(|job| Share::new(0.0, Draw::Canary, "r").takes(job)));
    }
}
