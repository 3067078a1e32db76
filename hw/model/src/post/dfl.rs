//! Distances as distributions (YOLOv8, "distribution focal loss").

use super::DFL_BINS;
use super::fixed::{decay, to_q24_wide};

/// Mean of the bins' numbers 0 to 15 under the softmax of their logits, Q24: a distance in cells.
/// `logits` are bits of finite f32.
pub fn distance(logits: [u32; DFL_BINS]) -> u32 {
    let logits = logits.map(to_q24_wide);
    let greatest = logits.iter().copied().fold(i32::MIN, i32::max);
    let (mut sum, mut moment) = (0, 0);
    for (bin, logit) in (0..).zip(logits) {
        // Between -64 and 64 each, so the difference has 31 bits.
        let weight = u64::from(decay(greatest.wrapping_sub(logit) as u32));
        sum += weight;
        moment += bin * weight;
    }
    // The greatest logit has weight 2^30: sum is 2^30 to 2^34, moment at most 15 * 2^34.
    (((moment << 24) + sum / 2) / sum) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn real(logits: &[f32; DFL_BINS]) -> f64 {
        let greatest = logits.iter().copied().fold(f32::MIN, f32::max);
        let weights = logits.map(|t| f64::from(t - greatest).exp());
        let moment: f64 = (0..).zip(weights).map(|(bin, w)| f64::from(bin) * w).sum();
        moment / weights.iter().sum::<f64>()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// The bound of README.md, and no bin counts twice.
        #[test]
        fn a_distance_is_the_mean_of_its_distribution(
            logits in prop::array::uniform16(-40.0f32..40.0), narrow in 0u8..8,
        ) {
            // Narrow spreads, too: there all the bins have a say.
            let logits = logits.map(|t| t / f32::from(1u8 << narrow));
            let ours = f64::from(distance(logits.map(f32::to_bits))) / f64::from(1 << 24);
            prop_assert!((ours - real(&logits)).abs() <= 1.0e-5, "{} {}", ours, real(&logits));
        }
    }

    #[test]
    fn distances_of_known_distributions() {
        let bits = |t: [f32; DFL_BINS]| t.map(f32::to_bits);
        assert_eq!(distance(bits([3.0; DFL_BINS])), 15 << 23, "all alike: the middle");
        for bin in 0..DFL_BINS {
            let mut one = [-40.0; DFL_BINS];
            one[bin] = 40.0;
            assert_eq!(distance(bits(one)), (bin as u32) << 24);
        }
        let mut beyond = [0.0; DFL_BINS];
        (beyond[2], beyond[4]) = (1e30, 64.0);
        assert_eq!(distance(bits(beyond)), 3 << 24, "logits are held to 64");
    }
}
