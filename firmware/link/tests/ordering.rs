//! Every interleaving and every reordering that the memory model allows, by loom.

use std::sync::Arc as StdArc;

use loom::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};
use tandem_link::{
    SharedMemory,
    message::ToPeer,
    ring::{Consumer, Place, Producer},
    seqlock,
};

/// Message words are relaxed, so the test fails if an index does not order them.
#[derive(Clone)]
struct LoomMemory {
    words: StdArc<Vec<(u32, Arc<AtomicU32>)>>,
}

impl LoomMemory {
    fn new(offsets: &[u32]) -> Self {
        let word = |offset: &u32| (*offset, Arc::new(AtomicU32::new(0)));
        Self { words: StdArc::new(offsets.iter().map(word).collect()) }
    }

    fn word(&self, offset: u32) -> &AtomicU32 {
        &self.words.iter().find(|(at, _)| *at == offset).expect("word is part of the test").1
    }
}

impl SharedMemory for LoomMemory {
    fn size(&self) -> u32 {
        u32::MAX
    }
    fn load(&self, offset: u32) -> u32 {
        self.word(offset).load(Ordering::Acquire)
    }
    fn store(&self, offset: u32, value: u32) {
        self.word(offset).store(value, Ordering::Release);
    }
    fn load_plain(&self, offset: u32) -> u32 {
        self.word(offset).load(Ordering::Relaxed)
    }
    fn store_plain(&self, offset: u32, value: u32) {
        self.word(offset).store(value, Ordering::Relaxed);
    }
}

#[test]
fn ring_passes_whole_messages_in_order_and_never_overwrites() {
    loom::model(|| {
        const PLACE: Place = Place { head: 0, tail: 64, entries: 256, count: 2 };
        let mem = LoomMemory::new(&[0, 64, 256, 260, 512, 516]);
        let mut tx = Producer::resume(&mem, PLACE);
        let mut rx = Consumer::start(&mem, PLACE, 0);
        let writer = thread::spawn({
            let mem = mem.clone();
            move || {
                let mut sent = 0;
                // Three tries on a ring of two: the third only fits after a read.
                for _ in 0..3 {
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
                assert_eq!(message, Ok(ToPeer::Ping { sequence: seen }));
            }
            seen
        };
        read(&mut rx);
        let sent = writer.join().expect("writer ends");
        assert_eq!(read(&mut rx), sent);
    });
}

#[test]
fn sequence_lock_never_gives_halves_of_two_values() {
    loom::model(|| {
        let mem = LoomMemory::new(&[0, 4, 8]);
        let writer = thread::spawn({
            let mem = mem.clone();
            move || {
                seqlock::write(&mem, 0, 0x0000_0001_0000_0001);
                seqlock::write(&mem, 0, 0x0000_0002_0000_0002);
            }
        });
        // One try, as `read` does it; the retry loop adds nothing but states to explore.
        let before = mem.load(0);
        let (low, high) = (mem.load(4), mem.load(8));
        if before & 1 == 0 && mem.load(0) == before {
            assert_eq!(low, high, "halves of two values");
        }
        writer.join().expect("writer ends");
        assert_eq!(seqlock::read(&mem, 0), Some(0x0000_0002_0000_0002));
    });
}
