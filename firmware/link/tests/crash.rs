//! Crash records: whole or not at all, the newest eight, whatever happens to the page.

use std::cell::Cell;

use proptest::prelude::*;
use tandem_link::SharedMemory;
use tandem_link::crash::{
    Crash, Faults, LOG_BYTES, RECORDS, Reason, Registers, SIZE, STRIDE, records, write,
};
use tandem_link::memory::HostMemory;

fn page() -> HostMemory {
    HostMemory::new(SIZE)
}

fn crash(seed: u32) -> Crash {
    let word = |index: u32| seed.wrapping_mul(0x9E37_79B9) ^ index;
    Crash {
        reason: Reason::from_code(1 + seed % 8).expect("eight reasons"),
        time: u64::from(word(1)) << 20,
        detail: word(2),
        registers: Registers { r: std::array::from_fn(|i| word(10 + i as u32)), cpsr: word(3) },
        faults: Faults {
            data_status: word(4),
            data_address: word(5),
            fetch_status: word(6),
            fetch_address: word(7),
        },
    }
}

/// Memory whose power goes after some stores.
struct Cut<'a> {
    mem: &'a HostMemory,
    left: Cell<u32>,
}

impl SharedMemory for Cut<'_> {
    fn size(&self) -> u32 {
        self.mem.size()
    }
    fn load(&self, offset: u32) -> u32 {
        self.mem.load(offset)
    }
    fn store(&self, offset: u32, value: u32) {
        if let Some(left) = self.left.get().checked_sub(1) {
            self.left.set(left);
            self.mem.store(offset, value);
        }
    }
}

#[test]
fn an_empty_page_and_a_small_one_hold_nothing() {
    assert_eq!(records(&page()), (Vec::new(), 0));
    let small = HostMemory::new(SIZE - 4);
    assert_eq!(write(&small, &crash(1), std::iter::empty()), None);
    assert_eq!(records(&small), (Vec::new(), 0));
    let noise = HostMemory::filled(SIZE, |word| word.wrapping_mul(0x0101_4F53));
    assert_eq!(records(&noise).0, Vec::new());
}

#[test]
fn the_newest_eight_stay_in_order() {
    let mem = page();
    for number in 1..=20 {
        let log = format!("life {number}");
        assert_eq!(write(&mem, &crash(number), log.bytes()), Some(number));
        let (found, damaged) = records(&mem);
        let numbers: Vec<_> = found.iter().map(|record| record.sequence).collect();
        let oldest = number.saturating_sub(RECORDS - 1).max(1);
        assert_eq!((numbers, damaged), ((oldest..=number).collect(), 0));
        let newest = found.last().expect("just written");
        assert_eq!((newest.crash, &newest.log[..]), (crash(number), log.as_bytes()));
    }
}

#[test]
fn a_cut_at_any_store_costs_at_most_the_oldest_record() {
    let stores = (LOG_BYTES / 4) as u32 + 31;
    for left in 0..=stores {
        let mem = page();
        for number in 1..=RECORDS {
            write(&mem, &crash(number), [7; 10].into_iter());
        }
        let before = records(&mem).0;
        let cut = Cut { mem: &mem, left: Cell::new(left) };
        write(&cut, &crash(99), [9; 400].into_iter());
        let (found, damaged) = records(&mem);
        assert_eq!(damaged, 0, "cut after {left}");
        if left == 0 {
            assert_eq!(found, before);
            continue;
        }
        assert_eq!(found[..7], before[1..], "cut after {left}");
        let whole = cut.left.get() > 0 || left == stores;
        assert_eq!(found.len() == 8, whole, "cut after {left} of {stores}");
        // The next life writes over what was cut.
        let next = write(&mem, &crash(5), std::iter::empty());
        assert_eq!(next, Some(if whole { 10 } else { 9 }));
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(seed: u32, log in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mem = page();
        prop_assert_eq!(write(&mem, &crash(seed), log.iter().copied()), Some(1));
        let (found, damaged) = records(&mem);
        prop_assert_eq!((found.len(), damaged), (1, 0));
        prop_assert_eq!(found[0].crash, crash(seed));
        prop_assert_eq!(&found[0].log[..], &log[..log.len().min(LOG_BYTES)]);
    }

    #[test]
    fn a_flipped_bit_is_no_record(number in 1..=RECORDS, word in 0..STRIDE / 4, bit in 0..32u32) {
        let mem = page();
        for number in 1..=RECORDS {
            write(&mem, &crash(number), [number as u8; LOG_BYTES].into_iter());
        }
        let before = records(&mem).0;
        let at = number % RECORDS * STRIDE + 4 * word;
        mem.store(at, mem.load(at) ^ 1 << bit);
        let (found, damaged) = records(&mem);
        // Behind the CRC there is nothing.
        let inside = word <= 29 + (LOG_BYTES / 4) as u32;
        let kept = before.iter().filter(|record| !inside || record.sequence != number);
        prop_assert_eq!(found, kept.cloned().collect::<Vec<_>>());
        prop_assert_eq!(damaged, u32::from(inside && word != 0));
    }
}
