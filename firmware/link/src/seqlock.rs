//! 64-bit values in 32-bit words: a sequence word, the low word, the high word.
//!
//! The writer makes the sequence odd, writes the halves, makes it even. Every store is a release
//! and every load an acquire, so a reader that sees a half of a newer value also sees the newer
//! sequence, and a reader that sees an even sequence sees the halves that belong to it.

use crate::memory::SharedMemory;

/// Bytes that one value takes.
pub const BYTES: u32 = 12;
/// A reader gives up after this many tries; the writer has two stores to do in between.
const TRIES: u32 = 64;

/// Writes `value` at `offset`. One writer only.
pub fn write<M: SharedMemory>(mem: &M, offset: u32, value: u64) {
    // A writer that died half-way left an odd number: clear the bit before counting on.
    let sequence = mem.load(offset) & !1;
    mem.store(offset, sequence | 1);
    mem.store(offset + 4, value as u32);
    mem.store(offset + 8, (value >> 32) as u32);
    mem.store(offset, sequence.wrapping_add(2));
}

/// Reads the value at `offset` in one try; `None` if the writer was caught, or died, half-way.
pub fn try_read<M: SharedMemory>(mem: &M, offset: u32) -> Option<u64> {
    let before = mem.load(offset);
    let low = mem.load(offset + 4);
    let high = mem.load(offset + 8);
    let after = mem.load(offset);
    let whole = before & 1 == 0 && before == after;
    whole.then_some((u64::from(high) << 32) | u64::from(low))
}

/// Reads the value at `offset`; `None` if the writer was caught, or died, half-way each time.
pub fn read<M: SharedMemory>(mem: &M, offset: u32) -> Option<u64> {
    (0..TRIES).find_map(|_| try_read(mem, offset))
}
