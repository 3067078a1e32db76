//! `ctc`: the classes of a text's steps in, its symbols out.

use serde::{Deserialize, Serialize};

use crate::classify::{Activation, MAX_CLASSES, Share};
use crate::post::fixed::{is_finite, order};
use crate::refusal::{Refusal, check, enough, enough_mut};

/// Most steps.
pub const MAX_STEPS: u16 = 4096;
/// Bytes of a result's header.
pub const HEADER_BYTES: usize = 8;
/// Bytes of a symbol in a result.
pub const SYMBOL_BYTES: usize = 8;

/// What one run is told. The input is f32, little endian, `[steps, classes]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CtcParams {
    /// Steps, 1 to [`MAX_STEPS`].
    pub steps: u16,
    /// Classes with the blank, 2 to [`MAX_CLASSES`].
    pub classes: u16,
    /// Class that means "no symbol".
    pub blank: u16,
    /// What the numbers are; a softmax is over the classes of a step.
    pub activation: Activation,
}

/// One symbol of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Symbol {
    /// Class index.
    pub class: u16,
    /// Step at which it begins.
    pub step: u16,
    /// Probability at that step, unsigned Q16.
    pub score: u16,
}

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CtcHeader {
    /// Symbols of the text.
    pub count: u16,
    /// Mean of the symbols' scores, rounded half up, unsigned Q16; 0 for an empty text.
    pub score: u16,
    /// Lowest score of a symbol; 0 for an empty text.
    pub lowest: u16,
    /// Steps dropped because a number was NaN or infinite.
    pub not_finite: u16,
}

impl CtcParams {
    /// Refuses what the kernel cannot do; names the field.
    pub fn validate(&self) -> Result<(), Refusal> {
        check((1..=MAX_STEPS).contains(&self.steps), "ctc.steps")?;
        check((2..=MAX_CLASSES).contains(&self.classes), "ctc.classes")?;
        check(self.blank < self.classes, "ctc.blank")
    }

    /// Bytes of the input.
    pub const fn input_bytes(&self) -> usize {
        4 * self.steps as usize * self.classes as usize
    }

    /// Bytes of the longest result: every step a symbol.
    pub const fn result_bytes(&self) -> usize {
        HEADER_BYTES + SYMBOL_BYTES * self.steps as usize
    }
}

impl CtcHeader {
    /// Bytes of the result that this header begins.
    pub const fn result_bytes(&self) -> usize {
        HEADER_BYTES + SYMBOL_BYTES * self.count as usize
    }

    /// As in a result.
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        halves([self.count, self.score, self.lowest, self.not_finite])
    }
}

impl Symbol {
    /// As in a result.
    pub fn to_bytes(self) -> [u8; SYMBOL_BYTES] {
        halves([self.class, self.step, self.score, 0])
    }

    /// From a result.
    pub fn from_bytes(bytes: &[u8; SYMBOL_BYTES]) -> Self {
        let [class, step, score, _] = words(bytes);
        Self { class, step, score }
    }
}

/// Four 16-bit numbers, little endian.
fn halves(numbers: [u16; 4]) -> [u8; 8] {
    let mut bytes = [0; 8];
    for (to, number) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(numbers) {
        *to = number.to_le_bytes();
    }
    bytes
}

/// What [`halves`] was made of.
fn words(bytes: &[u8; 8]) -> [u16; 4] {
    let mut numbers = [0; 4];
    for (number, from) in numbers.iter_mut().zip(bytes.as_chunks::<2>().0) {
        *number = u16::from_le_bytes(*from);
    }
    numbers
}

/// Writes a result, a header and its symbols, to the front of `result`.
///
/// # Errors
/// `result` or `symbols` is shorter than the header says.
pub fn write_result(
    result: &mut [u8],
    header: &CtcHeader,
    symbols: &[Symbol],
) -> Result<(), Refusal> {
    let result = enough_mut(result, "ctc.result", header.result_bytes())?;
    let symbols = enough(symbols, "ctc.symbols", header.count.into())?;
    let (head, rest) = result.split_at_mut(HEADER_BYTES);
    head.copy_from_slice(&header.to_bytes());
    for (to, symbol) in rest.as_chunks_mut::<SYMBOL_BYTES>().0.iter_mut().zip(symbols) {
        *to = symbol.to_bytes();
    }
    Ok(())
}

/// Reads a result.
///
/// # Errors
/// It is shorter than its own header says, or has more symbols than a text may have.
pub fn read_result(
    result: &[u8],
) -> Result<(CtcHeader, impl ExactSizeIterator<Item = Symbol> + '_), Refusal> {
    let head = enough(result, "ctc.result", HEADER_BYTES)?;
    let [count, score, lowest, not_finite] = words(&head.as_chunks().0[0]);
    let header = CtcHeader { count, score, lowest, not_finite };
    check(count <= MAX_STEPS, "ctc.count")?;
    let bytes = enough(result, "ctc.result", header.result_bytes())?;
    let symbols = bytes[HEADER_BYTES..].as_chunks::<SYMBOL_BYTES>().0;
    Ok((header, symbols.iter().map(Symbol::from_bytes)))
}

/// Writes the text to the front of `symbols`, which holds at least `steps`.
///
/// The greatest class of each step (equal ones: the lower) is taken; equal classes in a row are
/// one symbol, blanks are none. A dropped step is as if it were not there.
pub fn ctc(
    params: &CtcParams,
    numbers: &[u8],
    symbols: &mut [Symbol],
) -> Result<CtcHeader, Refusal> {
    params.validate()?;
    let bytes = enough(numbers, "ctc.numbers", params.input_bytes())?;
    let symbols = enough_mut(symbols, "ctc.symbols", params.steps.into())?;
    let steps = bytes.as_chunks::<4>().0.chunks_exact(params.classes.into());
    let mut header = CtcHeader { lowest: u16::MAX, ..CtcHeader::default() };
    let (mut before, mut sum) = (params.blank, 0u32);
    for (step, numbers) in (0..).zip(steps) {
        let Some((class, bits)) = greatest(numbers) else {
            header.not_finite += 1;
            continue;
        };
        if class != before && class != params.blank {
            let score = Share::over(params.activation, numbers).of(bits);
            symbols[usize::from(header.count)] = Symbol { class, step, score };
            header.count += 1;
            header.lowest = header.lowest.min(score);
            sum += u32::from(score);
        }
        before = class;
    }
    let count = u32::from(header.count);
    match (sum + count / 2).checked_div(count) {
        Some(mean) => header.score = mean as u16,
        None => header.lowest = 0,
    }
    Ok(header)
}

/// The greatest number's class (equal ones: the lower) and bits, if all of them are finite.
fn greatest(numbers: &[[u8; 4]]) -> Option<(u16, u32)> {
    let mut best: Option<(u16, u32)> = None;
    for (class, number) in (0..).zip(numbers) {
        let bits = u32::from_le_bytes(*number);
        if !is_finite(bits) {
            return None;
        }
        if best.is_none_or(|(_, greatest)| order(bits) > order(greatest)) {
            best = Some((class, bits));
        }
    }
    best
}
