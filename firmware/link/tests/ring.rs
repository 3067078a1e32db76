//! One ring, both ends: order, wrap, full, and every kind of damage.

use std::sync::atomic::{AtomicU32, Ordering};

use tandem_link::{
    LinkError, SharedMemory,
    layout::{ENTRY_BYTES, MESSAGE_BYTES},
    memory::HostMemory,
    message::{FromPeer, ToPeer},
    ring::{Consumer, Place, Producer},
};

const PLACE: Place = Place { head: 0, tail: 64, entries: 128, count: 4 };
const BYTES: u32 = 128 + 4 * ENTRY_BYTES;

/// Both ends of an empty ring whose indices stand at `index`.
fn ring_at(index: u32) -> (HostMemory, Producer, Consumer) {
    let mem = HostMemory::new(BYTES);
    mem.store(PLACE.head, index);
    let (tx, rx) = (Producer::resume(&mem, PLACE), Consumer::start(&mem, PLACE, index));
    (mem, tx, rx)
}

fn push(mem: &HostMemory, tx: &mut Producer, sequence: u32) -> Result<(), LinkError> {
    let tail = tx.tail(mem);
    tx.push(mem, tail, &ToPeer::Ping { sequence })
}

fn pop(mem: &HostMemory, rx: &mut Consumer) -> Option<Result<ToPeer, LinkError>> {
    rx.pop(mem)
}

#[test]
fn order_and_limit_hold_across_the_wrap_of_the_indices() {
    for start in [0, 3, u32::MAX - 5, u32::MAX] {
        let (mem, mut tx, mut rx) = ring_at(start);
        let (mut sent, mut seen) = (0, 0);
        for _ in 0..9 {
            while push(&mem, &mut tx, sent).is_ok() {
                sent += 1;
            }
            assert_eq!(sent - seen, PLACE.count, "a full ring holds what it says");
            assert_eq!(push(&mem, &mut tx, sent), Err(LinkError::Full));
            for _ in 0..3 {
                assert_eq!(pop(&mem, &mut rx), Some(Ok(ToPeer::Ping { sequence: seen })));
                seen += 1;
            }
        }
    }
}

#[test]
fn impossible_length_is_an_error_and_the_next_message_still_arrives() {
    for length in [0, MESSAGE_BYTES as u32 + 1, u32::MAX] {
        let (mem, mut tx, mut rx) = ring_at(0);
        push(&mem, &mut tx, 1).unwrap();
        push(&mem, &mut tx, 2).unwrap();
        mem.store(PLACE.entries, length);
        assert_eq!(pop(&mem, &mut rx), Some(Err(LinkError::BadLength(length))));
        assert_eq!(pop(&mem, &mut rx), Some(Ok(ToPeer::Ping { sequence: 2 })));
        assert_eq!(pop(&mem, &mut rx), None);
    }
}

#[test]
fn bytes_that_do_not_decode_are_an_error_and_the_next_message_still_arrives() {
    // An unknown variant; a message cut short; a message with bytes left over.
    for (length, first) in [(2, 0xFF), (1, 3), (4, 0x0003)] {
        let (mem, mut tx, mut rx) = ring_at(0);
        push(&mem, &mut tx, 1).unwrap();
        push(&mem, &mut tx, 2).unwrap();
        mem.store(PLACE.entries, length);
        mem.store(PLACE.entries + 4, first);
        assert_eq!(pop(&mem, &mut rx), Some(Err(LinkError::Undecodable)), "{length} {first}");
        assert_eq!(pop(&mem, &mut rx), Some(Ok(ToPeer::Ping { sequence: 2 })));
    }
}

#[test]
fn impossible_indices_are_an_error_at_both_ends() {
    let (mem, mut tx, mut rx) = ring_at(0);
    mem.store(PLACE.head, 77);
    assert_eq!(pop(&mem, &mut rx), Some(Err(LinkError::IndexCorrupt(77))));
    assert_eq!(pop(&mem, &mut rx), None);
    // The producer's cached index is whole, but now the consumer stands where it never produced.
    assert_eq!(push(&mem, &mut tx, 1), Err(LinkError::IndexCorrupt(0u32.wrapping_sub(77))));
}

#[test]
fn message_too_long_for_an_entry_is_refused() {
    let (mem, mut tx, mut rx) = ring_at(0);
    assert_eq!(tx.push(&mem, 0, &[[1u8; 32]; 8]), Err(LinkError::TooLong));
    assert_eq!(pop(&mem, &mut rx), None);
}

/// Counts the words that a side touches.
struct Counting<'a>(&'a HostMemory, AtomicU32);

impl SharedMemory for Counting<'_> {
    fn size(&self) -> u32 {
        self.0.size()
    }
    fn load(&self, offset: u32) -> u32 {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.load(offset)
    }
    fn store(&self, offset: u32, value: u32) {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.store(offset, value);
    }
}

#[test]
fn only_the_words_in_use_are_copied() {
    let (mem, mut tx, mut rx) = ring_at(0);
    let counting = Counting(&mem, AtomicU32::new(0));
    // Variant and a one-byte number: 2 bytes, 1 word.
    tx.push(&counting, 0, &ToPeer::Ping { sequence: 1 }).unwrap();
    assert_eq!(counting.1.swap(0, Ordering::Relaxed), 3, "length, word, head");
    let message: Option<Result<ToPeer, _>> = rx.pop(&counting);
    assert_eq!(message, Some(Ok(ToPeer::Ping { sequence: 1 })));
    assert_eq!(counting.1.load(Ordering::Relaxed), 4, "head, length, word, tail");
}

#[test]
fn two_threads_pass_everything_in_order() {
    const MESSAGES: u32 = 20_000;
    let (mem, mut tx, mut rx) = ring_at(u32::MAX - 100);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for sequence in 0..MESSAGES {
                while tx.push(&mem, tx.tail(&mem), &FromPeer::Pong { sequence }).is_err() {
                    std::thread::yield_now();
                }
            }
        });
        for sequence in 0..MESSAGES {
            let message = loop {
                match rx.pop(&mem) {
                    Some(message) => break message,
                    None => std::thread::yield_now(),
                }
            };
            assert_eq!(message, Ok(FromPeer::Pong { sequence }));
        }
    });
}
