//! The firmware's log: a byte ring of whole defmt frames in shared words.
//!
//! The firmware writes and never waits: a frame that does not fit is dropped and its bytes are
//! counted. Each word has one writer; README.md has the layout.

use crate::SharedMemory;

/// First word of a formatted ring: "TLOG".
pub const MAGIC: u32 = u32::from_le_bytes(*b"TLOG");
/// Offset of [`MAGIC`]; written by the firmware.
pub const MAGIC_AT: u32 = 0x00;
/// Offset of the producer index, in bytes, counting on; written by the firmware.
pub const HEAD_AT: u32 = 0x40;
/// Offset of the count of dropped bytes; written by the firmware.
pub const LOST_AT: u32 = 0x44;
/// Offset of the consumer index; written by the agent.
pub const TAIL_AT: u32 = 0x80;
/// Offset of the bytes.
pub const DATA_AT: u32 = 0x100;

/// Bytes that a ring in a block of `size` bytes holds: the largest power of two that fits, so
/// that an index may wrap at 2^32. 0 if the block is too small for a ring.
#[must_use]
pub const fn capacity(size: u32) -> u32 {
    match size.saturating_sub(DATA_AT).checked_ilog2() {
        Some(bits) if bits >= 2 => 1 << bits,
        _ => 0,
    }
}

/// The firmware's end.
pub struct LogWriter<M> {
    mem: M,
    capacity: u32,
}

impl<M: SharedMemory> LogWriter<M> {
    /// Goes on in a formatted ring, or formats it. What an earlier life logged is kept.
    pub fn attach(mem: M) -> Self {
        let capacity = capacity(mem.size());
        if mem.load(MAGIC_AT) != MAGIC {
            // The reader drops what is older than its own index once the magic is there.
            mem.store(HEAD_AT, mem.load(TAIL_AT));
            mem.store(LOST_AT, 0);
            mem.store(MAGIC_AT, MAGIC);
        }
        Self { mem, capacity }
    }

    /// Appends a whole frame, or counts it as lost.
    pub fn write(&self, frame: &[u8]) {
        let head = self.mem.load_plain(HEAD_AT);
        let used = head.wrapping_sub(self.mem.load(TAIL_AT));
        let free = self.capacity.saturating_sub(used);
        if frame.len() > free as usize {
            let lost = self.mem.load_plain(LOST_AT).wrapping_add(frame.len() as u32);
            self.mem.store(LOST_AT, lost);
            return;
        }
        let mut at = head;
        for &byte in frame {
            // Read-modify-write of a data word is safe: the reader only reads, and not this byte.
            let word = DATA_AT + (at & (self.capacity - 1) & !3);
            let shift = (at & 3) * 8;
            let others = self.mem.load_plain(word) & !(0xFF << shift);
            self.mem.store_plain(word, others | u32::from(byte) << shift);
            at = at.wrapping_add(1);
        }
        self.mem.store(HEAD_AT, at);
    }
}

/// The newest bytes of the ring, `count` or as many as there are, drained or not: for a crash record.
pub fn last(mem: &impl SharedMemory, count: u32) -> impl Iterator<Item = u8> {
    let capacity = capacity(mem.size());
    let head = mem.load(HEAD_AT);
    let formatted = capacity > 0 && mem.load(MAGIC_AT) == MAGIC;
    let count = if formatted { count.min(capacity).min(head) } else { 0 };
    (0..count).map(move |index| {
        let at = head.wrapping_sub(count - index) & (capacity - 1);
        (mem.load_plain(DATA_AT + (at & !3)) >> ((at & 3) * 8)) as u8
    })
}

/// The agent's end.
#[cfg(feature = "std")]
pub struct LogReader<M> {
    mem: M,
    capacity: u32,
    lost: u32,
}

#[cfg(feature = "std")]
impl<M: SharedMemory> LogReader<M> {
    /// Reads the ring in `mem`, formatted or not yet.
    pub fn new(mem: M) -> Self {
        let capacity = capacity(mem.size());
        Self { mem, capacity, lost: 0 }
    }

    /// Appends what is new to `sink`; returns the bytes that were lost since the last call.
    pub fn drain(&mut self, sink: &mut Vec<u8>) -> u32 {
        if self.mem.load(MAGIC_AT) != MAGIC {
            return 0;
        }
        let head = self.mem.load(HEAD_AT);
        let mut tail = self.mem.load_plain(TAIL_AT);
        let mut missed = 0;
        if head.wrapping_sub(tail) > self.capacity {
            // A writer never does this; memory that was overwritten does.
            missed = head.wrapping_sub(tail);
            tail = head;
        }
        while tail != head {
            let word = self.mem.load_plain(DATA_AT + (tail & (self.capacity - 1) & !3));
            sink.push((word >> ((tail & 3) * 8)) as u8);
            tail = tail.wrapping_add(1);
        }
        self.mem.store(TAIL_AT, tail);
        let lost = self.mem.load(LOST_AT);
        let before = core::mem::replace(&mut self.lost, lost);
        missed.saturating_add(lost.wrapping_sub(before))
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::{DATA_AT, HEAD_AT, LogReader, LogWriter, TAIL_AT, capacity};
    use crate::{SharedMemory, memory::HostMemory};
    use proptest::prelude::*;

    #[test]
    fn capacity_is_what_fits() {
        assert_eq!(capacity(0x1_0000), 0x8000);
        assert_eq!(capacity(DATA_AT + 64), 64);
        assert_eq!(capacity(DATA_AT + 3), 0);
        assert_eq!(capacity(16), 0);
    }

    #[test]
    fn a_ring_too_small_for_anything_only_counts() {
        let mem = HostMemory::new(DATA_AT);
        LogWriter::attach(mem.clone()).write(&[1, 2, 3]);
        let mut bytes = Vec::new();
        assert_eq!(LogReader::new(mem).drain(&mut bytes), 3);
        assert!(bytes.is_empty());
    }

    #[test]
    fn a_new_life_goes_on_where_the_last_one_stopped() {
        let mem = HostMemory::new(DATA_AT + 64);
        LogWriter::attach(mem.clone()).write(b"first");
        LogWriter::attach(mem.clone()).write(b"second");
        let mut bytes = Vec::new();
        assert_eq!(LogReader::new(mem).drain(&mut bytes), 0);
        assert_eq!(bytes, b"firstsecond");
    }

    #[test]
    fn the_last_bytes_are_there_drained_or_not() {
        let mem = HostMemory::new(DATA_AT + 64);
        let last = |count| super::last(&mem, count).collect::<Vec<_>>();
        assert!(last(10).is_empty());
        let writer = LogWriter::attach(mem.clone());
        let mut reader = LogReader::new(mem.clone());
        assert!(last(10).is_empty());
        for line in 0..9 {
            writer.write(&[line; 10]);
            reader.drain(&mut Vec::new());
        }
        assert_eq!(last(12), [[7; 2].as_slice(), &[8; 10]].concat());
        assert_eq!(last(1000).len(), 64);
    }

    #[test]
    fn indices_that_make_no_sense_are_counted_and_left_behind() {
        let mem = HostMemory::new(DATA_AT + 64);
        let writer = LogWriter::attach(mem.clone());
        let mut reader = LogReader::new(mem.clone());
        mem.store(HEAD_AT, 1000);
        let mut bytes = Vec::new();
        assert_eq!(reader.drain(&mut bytes), 1000);
        writer.write(b"on");
        assert_eq!((reader.drain(&mut bytes), bytes.as_slice()), (0, &b"on"[..]));
    }

    proptest! {
        #[test]
        fn every_byte_arrives_or_is_counted(
            start: u32,
            frames in prop::collection::vec((0usize..40, any::<bool>()), 1..60),
        ) {
            let mem = HostMemory::new(DATA_AT + 64);
            mem.store(TAIL_AT, start);
            let writer = LogWriter::attach(mem.clone());
            let mut reader = LogReader::new(mem);
            let (mut got, mut want, mut held, mut lost, mut told) = (vec![], vec![], 0, 0, 0);
            for (number, &(len, drain)) in frames.iter().enumerate() {
                let frame = vec![number as u8; len];
                writer.write(&frame);
                if held + len <= 64 {
                    want.extend_from_slice(&frame);
                    held += len;
                } else {
                    lost += len as u32;
                }
                if drain {
                    told += reader.drain(&mut got);
                    held = 0;
                }
            }
            told += reader.drain(&mut got);
            prop_assert_eq!(got, want);
            prop_assert_eq!(told, lost);
        }
    }
}
