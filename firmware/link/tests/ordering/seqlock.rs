//! 64-bit values in 32-bit words: never the halves of two values.

use loom::thread;
use tandem_link::{SharedMemory, seqlock};

use crate::memory::{Entries, LoomMemory, Side, Weak, Words, explore};

const SEQUENCE: u32 = 0;
const LOW: u32 = 4;
const HIGH: u32 = 8;
const HEARTBEAT: u32 = 12;

fn memory(weak: Weak) -> LoomMemory {
    let words = Words { peer: vec![SEQUENCE, LOW, HIGH, HEARTBEAT], ..Words::default() };
    LoomMemory::new(words, Entries::Racy, weak)
}

/// A value whose halves are alike.
const fn twin(half: u32) -> u64 {
    (half as u64) << 32 | half as u64
}

/// Two writes beside two tries to read.
fn gives_whole_values(weak: Weak) {
    explore(3, move || {
        let mem = memory(weak);
        let writer = thread::spawn({
            let mem = mem.of(Side::Peer);
            move || {
                seqlock::write(&mem, SEQUENCE, twin(1));
                seqlock::write(&mem, SEQUENCE, twin(2));
            }
        });
        let mut last = 0;
        for _ in 0..2 {
            if let Some(value) = seqlock::try_read(&mem, SEQUENCE) {
                assert_eq!(value >> 32, value & 0xFFFF_FFFF, "halves of two values");
                assert!(value >= last, "time ran backwards");
                last = value;
            }
        }
        writer.join().expect("writer ends");
        assert_eq!(seqlock::read(&mem, SEQUENCE), Some(twin(2)));
    });
}

#[test]
fn a_reader_never_gets_halves_of_two_values() {
    gives_whole_values(Weak::NONE);
}

#[test]
#[should_panic(expected = "halves of two values")]
fn a_sequence_stored_relaxed_is_caught() {
    gives_whole_values(Weak::stores(&[SEQUENCE]));
}

#[test]
#[should_panic(expected = "halves of two values")]
fn a_sequence_loaded_relaxed_is_caught() {
    gives_whole_values(Weak::loads(&[SEQUENCE]));
}

#[test]
#[should_panic(expected = "halves of two values")]
fn a_half_stored_relaxed_is_caught() {
    gives_whole_values(Weak::stores(&[LOW]));
}

#[test]
#[should_panic(expected = "halves of two values")]
fn a_half_loaded_relaxed_is_caught() {
    gives_whole_values(Weak::loads(&[HIGH]));
}

/// Memory of a writer that dies before its store of number `left`.
struct Dying(LoomMemory, std::cell::Cell<u32>);

impl SharedMemory for Dying {
    fn size(&self) -> u32 {
        self.0.size()
    }
    fn load(&self, offset: u32) -> u32 {
        self.0.load(offset)
    }
    fn store(&self, offset: u32, value: u32) {
        if let Some(left) = self.1.get().checked_sub(1) {
            self.1.set(left);
            self.0.store(offset, value);
        }
    }
}

#[test]
fn a_writer_that_died_half_way_leaves_no_halves_to_its_next_life() {
    for stores in 0..4 {
        explore(3, move || {
            let mem = memory(Weak::NONE);
            seqlock::write(&mem.of(Side::Peer), SEQUENCE, twin(1));
            let writer = thread::spawn({
                let mem = mem.of(Side::Peer);
                move || {
                    seqlock::write(&Dying(mem.clone(), stores.into()), SEQUENCE, twin(2));
                    seqlock::write(&mem, SEQUENCE, twin(3));
                }
            });
            if let Some(value) = seqlock::try_read(&mem, SEQUENCE) {
                assert!(value == twin(1) || value == twin(3), "{value:#x} was never written");
            }
            writer.join().expect("writer ends");
            assert_eq!(seqlock::read(&mem, SEQUENCE), Some(twin(3)));
        });
    }
}

/// The beat counts after its time: who sees the beat sees a time that is no older.
fn beat_follows_its_time(weak: Weak) {
    explore(3, move || {
        let mem = memory(weak);
        let writer = thread::spawn({
            let mem = mem.of(Side::Peer);
            move || {
                for beat in 1..=2 {
                    seqlock::write(&mem, SEQUENCE, twin(beat));
                    mem.store(HEARTBEAT, beat);
                }
            }
        });
        let beat = mem.load(HEARTBEAT);
        if let Some(at) = seqlock::try_read(&mem, SEQUENCE) {
            assert!(at >= twin(beat), "a beat with an older time");
        }
        writer.join().expect("writer ends");
    });
}

#[test]
fn a_beat_that_is_seen_brings_its_time() {
    beat_follows_its_time(Weak::NONE);
}

#[test]
#[should_panic(expected = "a beat with an older time")]
fn a_beat_stored_relaxed_is_caught() {
    beat_follows_its_time(Weak::stores(&[HEARTBEAT]));
}
