//! One ring: entries are ordered by head, their reuse by tail.

use loom::thread;
use tandem_link::{
    SharedMemory,
    message::ToPeer,
    ring::{Consumer, Place, Producer},
};

use crate::memory::{Entries, LoomMemory, Side, Weak, Words, explore};

const PLACE: Place = Place { head: 0, tail: 64, entries: 256, count: 2 };
/// Length and message word of both entries.
const ENTRIES: [u32; 4] = [256, 260, 512, 516];

/// Four tries on a ring of two: what is sent arrives whole, in order, once, and no entry is
/// written while it is read. The indices wrap at 2^32 on the way.
fn passes_everything(weak: Weak) {
    explore(4, move || {
        let start = u32::MAX - 1;
        let words = Words {
            agent: vec![PLACE.tail],
            peer: vec![PLACE.head],
            peer_entries: ENTRIES.into(),
            ..Words::default()
        };
        let mem = LoomMemory::new(words, Entries::Exclusive, weak);
        mem.of(Side::Peer).store(PLACE.head, start);
        let mut rx = Consumer::start(&mem, PLACE, start);
        let writer = thread::spawn({
            let mem = mem.of(Side::Peer);
            move || {
                let mut tx = Producer::resume(&mem, PLACE);
                let mut sent = 0;
                for _ in 0..4 {
                    let tail = tx.tail(&mem);
                    let message = ToPeer::Ping { sequence: sent + 1 };
                    sent += u32::from(tx.push(&mem, tail, &message).is_ok());
                }
                sent
            }
        });
        let mut seen = 0;
        let mut read = |rx: &mut Consumer| {
            while let Some(message) = rx.pop::<_, ToPeer>(&mem) {
                seen += 1;
                assert_eq!(message, Ok(ToPeer::Ping { sequence: seen }), "not what was sent");
            }
            seen
        };
        read(&mut rx);
        let sent = writer.join().expect("writer ends");
        assert_eq!(read(&mut rx), sent, "a message was lost");
    });
}

#[test]
fn a_ring_passes_whole_messages_in_order_and_never_overwrites() {
    passes_everything(Weak::NONE);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_head_stored_relaxed_is_caught() {
    passes_everything(Weak::stores(&[PLACE.head]));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_head_loaded_relaxed_is_caught() {
    passes_everything(Weak::loads(&[PLACE.head]));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_tail_stored_relaxed_is_caught() {
    passes_everything(Weak::stores(&[PLACE.tail]));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_tail_loaded_relaxed_is_caught() {
    passes_everything(Weak::loads(&[PLACE.tail]));
}
