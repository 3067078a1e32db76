//! March tests of memory: every cell keeps both values, whatever its neighbours do.
//!
//! March C- (van de Goor, "Using March Tests to Test SRAMs", 1993) finds stuck cells, failed
//! transitions, wrong address lines and unlinked coupling between words. Its words are all zeros or
//! all ones, so coupling inside a word is left to the last element, which gives each word five
//! patterns, in which any two of its bits differ once, and their opposites.
//!
//! What lies in the memory is lost; afterwards it is zero.
//!
//! Sums wrap where they cannot overflow: each check would cost the R5F's full data bank 16 bytes.

use crate::bus::Bus;

/// Any two bits of a word differ in at least one of these.
const PATTERNS: [u32; 5] = [0x5555_5555, 0x3333_3333, 0x0F0F_0F0F, 0x00FF_00FF, 0x0000_FFFF];
/// First element, which only writes, and the last.
const ELEMENTS: (u8, u8) = (0, 5);

/// A word that did not keep what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadWord {
    /// Its address.
    pub at: u32,
    /// Bits that were wrong.
    pub wrong: u32,
}

/// A march under way. Between its steps nobody else may use the memory.
#[derive(Clone, Copy, Debug)]
pub struct March {
    first: u32,
    words: u32,
    element: u8,
    done: u32,
}

impl March {
    /// Over `words` words from bus address `first` (4-byte aligned); the end is below 2^32.
    #[must_use]
    pub const fn new(first: u32, words: u32) -> Self {
        Self { first, words, element: ELEMENTS.0, done: 0 }
    }

    /// Takes at most `budget` words further; true at the end.
    ///
    /// # Errors
    /// The first word that is bad.
    pub fn step<B: Bus>(&mut self, bus: &B, budget: u32) -> Result<bool, BadWord> {
        let mut left = budget;
        while self.element <= ELEMENTS.1 {
            while self.done < self.words {
                if left == 0 {
                    return Ok(false);
                }
                left = left.wrapping_sub(1);
                self.visit(bus)?;
                self.done = self.done.wrapping_add(1);
            }
            self.done = 0;
            self.element = self.element.wrapping_add(1);
        }
        Ok(true)
    }

    /// The current element's operations on its next word.
    fn visit<B: Bus>(&self, bus: &B) -> Result<(), BadWord> {
        let down = matches!(self.element, 3 | 4);
        let index = if down { !self.done.wrapping_sub(self.words) } else { self.done };
        let at = self.first.wrapping_add(index << 2);
        match self.element {
            0 => bus.write32(at, 0),
            1 | 3 => {
                expect(bus, at, 0)?;
                bus.write32(at, u32::MAX);
            }
            2 | 4 => {
                expect(bus, at, u32::MAX)?;
                bus.write32(at, 0);
            }
            _ => {
                expect(bus, at, 0)?;
                within(bus, at)?;
            }
        }
        Ok(())
    }
}

/// The word keeps each pattern while its opposite is, and was, beside it.
fn within<B: Bus>(bus: &B, at: u32) -> Result<(), BadWord> {
    for pattern in PATTERNS {
        bus.write32(at, pattern);
        for value in [!pattern, pattern] {
            bus.write32(at, value);
            expect(bus, at, value)?;
        }
    }
    bus.write32(at, 0);
    expect(bus, at, 0)
}

fn expect<B: Bus>(bus: &B, at: u32, value: u32) -> Result<(), BadWord> {
    match bus.read32(at) ^ value {
        0 => Ok(()),
        wrong => Err(BadWord { at, wrong }),
    }
}
