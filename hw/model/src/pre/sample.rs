//! Where an output sample lies in the source: two taps and a weight.

/// Weights are Q11: the two of one axis sum to this.
pub const ONE: u32 = 1 << 11;

/// The two source samples of one output sample along one axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tap {
    /// First sample.
    pub at: u32,
    /// The sample after it; the first one again at the end of the line.
    pub next: u32,
    /// Weight of `next`, Q11, 0 to [`ONE`] inclusive. `at` has the rest.
    pub weight: u32,
}

/// Taps of output sample `i` on a line of `len` source samples, `step` source samples apart (Q32).
///
/// Sample centres: output `i` sits at `(i + 1/2) * step - 1/2`. With `i < 2^13` and
/// `step <= 2^45` the position needs 59 bits.
pub fn tap(i: u32, step: u64, len: u16) -> Tap {
    let step = step as i64;
    let last = i64::from(len - 1);
    let position = i64::from(i) * step + ((step - (1 << 32)) >> 1);
    let position = position.clamp(0, last << 32);
    let at = position >> 32;
    let fraction = (position & 0xffff_ffff) as u64;
    Tap {
        at: at as u32,
        next: (at + 1).min(last) as u32,
        weight: ((fraction + (1 << 20)) >> 21) as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn same_size_is_the_identity() {
        for i in 0..100 {
            let t = tap(i, 1 << 32, 100);
            assert_eq!((t.at, t.weight), (i, 0));
        }
    }

    #[test]
    fn three_to_one_takes_the_middle() {
        for i in 0..640 {
            let t = tap(i, 3 << 32, 1920);
            assert_eq!((t.at, t.weight), (3 * i + 1, 0));
        }
    }

    #[test]
    fn two_to_one_takes_both_alike_and_doubling_takes_quarters() {
        assert_eq!(tap(5, 2 << 32, 20), Tap { at: 10, next: 11, weight: 1024 });
        assert_eq!(tap(0, 1 << 31, 20), Tap { at: 0, next: 1, weight: 0 });
        assert_eq!(tap(1, 1 << 31, 20), Tap { at: 0, next: 1, weight: 512 });
        assert_eq!(tap(39, 1 << 31, 20), Tap { at: 19, next: 19, weight: 0 });
    }

    proptest! {
        #[test]
        fn is_within_half_a_weight_of_the_real_position(
            len in 1u16..=8192, out in 1u16..=8192, i in 0u32..8192,
        ) {
            let i = i % u32::from(out);
            let step = (u64::from(len) << 32) / u64::from(out);
            let t = tap(i, step, len);
            let real = (f64::from(i) + 0.5) * f64::from(len) / f64::from(out) - 0.5;
            let real = real.clamp(0.0, f64::from(len - 1));
            let ours = f64::from(t.at) + f64::from(t.weight) / 2048.0;
            // Half a weight, plus 2^13 steps that are each up to 2^-32 short.
            prop_assert!((ours - real).abs() <= 0.5 / 2048.0 + 2.0f64.powi(-19));
            prop_assert!(t.next < u32::from(len) && t.weight <= ONE);
        }

        #[test]
        fn any_step_stays_inside(len in 1u16..=8192, i in 0u32..8192, step in 1u64..=super::super::MAX_STEP) {
            let t = tap(i, step, len);
            prop_assert!(t.at <= t.next && t.next < u32::from(len) && t.weight <= ONE);
        }
    }
}
