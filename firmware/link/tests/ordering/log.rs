//! The log ring: bytes are ordered by head, their reuse by tail, everything by the magic.

use loom::thread;
use tandem_link::{
    SharedMemory,
    log::{DATA_AT, HEAD_AT, LOST_AT, LogReader, LogWriter, MAGIC_AT, TAIL_AT},
};

use crate::memory::{Entries, LoomMemory, Side, Weak, Words, explore};

/// A ring of `words` words.
fn ring(words: u32, kind: Entries, weak: Weak) -> LoomMemory {
    let words = Words {
        agent: vec![TAIL_AT],
        peer: vec![MAGIC_AT, HEAD_AT, LOST_AT],
        peer_entries: (0..words).map(|word| DATA_AT + 4 * word).collect(),
        ..Words::default()
    };
    LoomMemory::new(words, kind, weak)
}

/// Writes `frames` beside a reader; returns what arrived, and how many bytes were said to be lost.
fn beside_each_other(mem: &LoomMemory, frames: &'static [&'static [u8]]) -> (Vec<u8>, u32) {
    let writer = LogWriter::attach(mem.of(Side::Peer));
    let mut reader = LogReader::new(mem.clone());
    let other = thread::spawn(move || frames.iter().for_each(|frame| writer.write(frame)));
    let mut bytes = Vec::new();
    let mut lost = reader.drain(&mut bytes);
    other.join().expect("writer ends");
    lost += reader.drain(&mut bytes);
    (bytes, lost)
}

/// Frames that share words, in a ring of eight bytes with room for the first two.
fn frames_arrive_whole(weak: Weak) {
    const FRAMES: [&[u8]; 3] = [&[1; 3], &[2; 5], &[3; 2]];
    explore(4, move || {
        let (bytes, lost) = beside_each_other(&ring(2, Entries::Racy, weak), &FRAMES);
        let two = FRAMES[..2].concat();
        assert!(bytes == two || bytes == FRAMES.concat(), "{bytes:?} was not written");
        assert_eq!(lost as usize + bytes.len(), 10, "each byte arrives or is counted");
    });
}

#[test]
fn frames_arrive_whole_and_in_order_or_are_counted() {
    frames_arrive_whole(Weak::NONE);
}

#[test]
#[should_panic(expected = "was not written")]
fn a_head_stored_relaxed_is_caught() {
    frames_arrive_whole(Weak::stores(&[HEAD_AT]));
}

/// Frames of a whole word in a ring of one word: nobody writes it while it is read.
fn words_are_reused_after_they_were_read(weak: Weak) {
    explore(4, move || {
        let mem = ring(1, Entries::Exclusive, weak);
        let (bytes, lost) = beside_each_other(&mem, &[&[1; 4], &[2; 4]]);
        assert_eq!(lost as usize + bytes.len(), 8);
    });
}

#[test]
fn no_byte_is_written_while_it_is_read() {
    words_are_reused_after_they_were_read(Weak::NONE);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_tail_stored_relaxed_is_caught() {
    words_are_reused_after_they_were_read(Weak::stores(&[TAIL_AT]));
}

/// The firmware formats a ring of noise while the agent already looks at it.
fn noise_is_never_read(weak: Weak) {
    explore(4, move || {
        let mem = ring(1, Entries::Racy, weak);
        mem.store(TAIL_AT, 5);
        let firmware = mem.of(Side::Peer);
        firmware.store(HEAD_AT, 77);
        firmware.store(LOST_AT, 9);
        let other = thread::spawn(move || LogWriter::attach(firmware).write(&[8]));
        let mut reader = LogReader::new(mem.clone());
        let mut bytes = Vec::new();
        assert_eq!(reader.drain(&mut bytes), 0, "noise was counted");
        other.join().expect("writer ends");
        assert_eq!(reader.drain(&mut bytes), 0, "noise was counted");
        assert_eq!(bytes, [8]);
    });
}

#[test]
fn a_ring_of_noise_gives_nothing_before_it_is_formatted() {
    noise_is_never_read(Weak::NONE);
}

#[test]
#[should_panic(expected = "noise was counted")]
fn a_magic_stored_relaxed_is_caught() {
    noise_is_never_read(Weak::stores(&[MAGIC_AT]));
}
