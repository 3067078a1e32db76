//! What a run was, as one number.

use std::fmt::Debug;

/// A hash (FNV-1a, 64 bits) of everything that was added, in order. Two runs of a seed on one
/// build must have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace(u64);

impl Default for Trace {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Trace {
    /// Adds bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    /// Adds a value as `{:?}` writes it.
    pub fn value(&mut self, value: &impl Debug) {
        self.bytes(format!("{value:?}\n").as_bytes());
    }

    /// The number.
    pub fn hash(self) -> u64 {
        self.0
    }
}
