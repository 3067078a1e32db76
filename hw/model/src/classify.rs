//! `classify`: the numbers of an image's classes in, the best classes with their probability out.

use serde::{Deserialize, Serialize};

use crate::post::fixed::{ONE_Q24, decay, is_finite, order, to_q24, to_q24_wide};
use crate::refusal::{Refusal, check, enough, enough_mut};

/// Most classes.
pub const MAX_CLASSES: u16 = 1 << 15;
/// Most classes that are reported.
pub const MAX_TOP: u8 = 32;

/// What the network's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// A probability is the softmax over the finite numbers.
    Logits = 0,
    /// A probability is the number itself, held to 0 to 1.
    Probabilities = 1,
}

/// What one run is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassifyParams {
    /// Classes, 1 to [`MAX_CLASSES`].
    pub classes: u16,
    /// Classes to report, 1 to [`MAX_TOP`].
    pub top_k: u8,
    /// What the numbers are.
    pub activation: Activation,
}

/// A class and its probability.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ranked {
    /// Class index.
    pub class: u16,
    /// Unsigned Q16, at most 65535.
    pub score: u16,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassifyHeader {
    /// Classes reported: `top_k`, or all that are finite.
    pub count: u16,
    /// Classes dropped because their number was NaN or infinite.
    pub not_finite: u16,
}

impl ClassifyParams {
    /// Refuses what the kernel cannot do; names the field.
    pub fn validate(&self) -> Result<(), Refusal> {
        check((1..=MAX_CLASSES).contains(&self.classes), "classify.classes")?;
        check((1..=MAX_TOP).contains(&self.top_k), "classify.top_k")
    }
}

/// Writes the best classes to the front of `ranked` (which holds at least `top_k`), by number down,
/// then by class up. `numbers` is f32, little endian.
pub fn classify(
    params: &ClassifyParams,
    numbers: &[u8],
    ranked: &mut [Ranked],
) -> Result<ClassifyHeader, Refusal> {
    params.validate()?;
    let bytes = enough(numbers, "classify.numbers", 4 * usize::from(params.classes))?;
    let ranked = enough_mut(ranked, "classify.ranked", params.top_k.into())?;
    let numbers = bytes.as_chunks::<4>().0;
    let mut best = [(0, 0); MAX_TOP as usize];
    let best = &mut best[..ranked.len()];
    let (mut count, mut not_finite) = (0, 0);
    for (class, number) in (0..).zip(numbers) {
        let bits = u32::from_le_bytes(*number);
        if !is_finite(bits) {
            not_finite += 1;
        } else if count < best.len() || order(bits) > order(best[count - 1].1) {
            count = insert(best, count, (class, bits));
        }
    }
    let share = Share::over(params.activation, numbers);
    for (to, (class, bits)) in ranked.iter_mut().zip(&best[..count]) {
        *to = Ranked { class: *class, score: share.of(*bits) };
    }
    Ok(ClassifyHeader { count: count as u16, not_finite })
}

/// Puts an entry behind those that are as great; the last one falls out where there is no room.
fn insert(best: &mut [(u16, u32)], count: usize, entry: (u16, u32)) -> usize {
    let at = best[..count].partition_point(|b| order(b.1) >= order(entry.1));
    let end = best.len().min(count + 1);
    best[at..end].rotate_right(1);
    best[at] = entry;
    end
}

/// How numbers become probabilities.
pub(crate) enum Share {
    Softmax { greatest: i32, sum: u64 },
    Itself,
}

impl Share {
    /// Of all the finite numbers.
    pub(crate) fn over(activation: Activation, numbers: &[[u8; 4]]) -> Self {
        if activation == Activation::Probabilities {
            return Self::Itself;
        }
        let logits = || {
            let bits = numbers.iter().map(|number| u32::from_le_bytes(*number));
            bits.filter(|bits| is_finite(*bits)).map(to_q24_wide)
        };
        let greatest = logits().max().unwrap_or(0);
        // At most 2^15 weights of 2^30.
        let sum = logits().map(|logit| weight(greatest, logit)).sum();
        Self::Softmax { greatest, sum }
    }

    /// Probability of a finite number, unsigned Q16, rounded to nearest, at most 65535.
    pub(crate) fn of(&self, bits: u32) -> u16 {
        let share = match self {
            Self::Softmax { greatest, sum } => {
                ((weight(*greatest, to_q24_wide(bits)) << 16) + sum / 2) / sum
            }
            Self::Itself => (to_q24(bits).clamp(0, ONE_Q24 as i32) as u64 + (1 << 7)) >> 8,
        };
        share.min(0xffff) as u16
    }
}

/// `exp(logit - greatest)`, Q30. Both lie within 64, so the difference has 31 bits.
fn weight(greatest: i32, logit: i32) -> u64 {
    decay(greatest.wrapping_sub(logit) as u32).into()
}
