//! The march against a memory with planted faults: each kind, at every place, is found.

use std::cell::{Cell, RefCell};
use tandem_drivers::bus::Bus;
use tandem_drivers::march::{BadWord, March};

const BASE: u32 = 0xFFFC_0000;
/// Small enough to try every pair of cells, more than two so that there is a between.
const WORDS: u32 = 5;
const BITS: u32 = 32;

/// A cell: its word and its bit.
type Cell2 = (u32, u32);

#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// Always so.
    Stuck(Cell2, bool),
    /// Never becomes so.
    Transition(Cell2, bool),
    /// When the first becomes so, the second turns over.
    Inverts(Cell2, bool, Cell2),
    /// When the first becomes so, the second takes the value.
    Forces(Cell2, bool, Cell2, bool),
    /// While the first is so, the second reads as the value.
    Holds(Cell2, bool, Cell2, bool),
    /// The first word's address reaches the second.
    Aliased(u32, u32),
    /// The first word's address reaches the second as well; a read sees the AND of both.
    Both(u32, u32),
    /// The word's address reaches nothing, and reads as the value.
    Nowhere(u32, u32),
}

struct Memory {
    words: RefCell<Vec<u32>>,
    fault: Fault,
    accesses: Cell<u32>,
}

impl Memory {
    fn new(fault: Fault) -> Self {
        // What a memory holds after power-up is anything.
        let noise = |i: u32| (i + 1).wrapping_mul(0x9E37_79B1);
        Self { words: RefCell::new((0..WORDS).map(noise).collect()), fault, accesses: Cell::new(0) }
    }

    fn index(at: u32) -> u32 {
        assert!(at >= BASE && at.is_multiple_of(4), "{at:#x}");
        let index = (at - BASE) / 4;
        assert!(index < WORDS, "{at:#x} is not of the memory");
        index
    }

    fn store(&self, index: u32, mut value: u32) {
        let mut words = self.words.borrow_mut();
        let old = words[index as usize];
        let set = |word: &mut u32, bit: u32, high: bool| {
            *word = if high { *word | 1 << bit } else { *word & !(1 << bit) };
        };
        let became = |(word, bit): Cell2, high: bool, value: u32| {
            let is = |of: u32| (of >> bit & 1 == 1) == high;
            word == index && is(value) && !is(old)
        };
        match self.fault {
            Fault::Stuck((word, bit), high) if word == index => set(&mut value, bit, high),
            Fault::Transition(cell, high) if became(cell, high, value) => {
                set(&mut value, cell.1, !high);
            }
            _ => {}
        }
        words[index as usize] = value;
        match self.fault {
            Fault::Inverts(cell, high, (word, bit)) if became(cell, high, value) => {
                words[word as usize] ^= 1 << bit;
            }
            Fault::Forces(cell, high, (word, bit), to) if became(cell, high, value) => {
                set(&mut words[word as usize], bit, to);
            }
            _ => {}
        }
    }

    fn load(&self, index: u32) -> u32 {
        let words = self.words.borrow();
        let value = words[index as usize];
        match self.fault {
            Fault::Stuck((word, bit), high) if word == index => {
                if high {
                    value | 1 << bit
                } else {
                    value & !(1 << bit)
                }
            }
            Fault::Holds((of, by), high, (word, bit), to)
                if word == index && (words[of as usize] >> by & 1 == 1) == high =>
            {
                if to {
                    value | 1 << bit
                } else {
                    value & !(1 << bit)
                }
            }
            _ => value,
        }
    }
}

impl Bus for Memory {
    fn read32(&self, at: u32) -> u32 {
        self.accesses.set(self.accesses.get() + 1);
        let index = Self::index(at);
        match self.fault {
            Fault::Aliased(word, to) if word == index => self.load(to),
            Fault::Both(word, to) if word == index => self.load(word) & self.load(to),
            Fault::Nowhere(word, reads) if word == index => reads,
            _ => self.load(index),
        }
    }
    fn write32(&self, at: u32, value: u32) {
        self.accesses.set(self.accesses.get() + 1);
        let index = Self::index(at);
        match self.fault {
            Fault::Aliased(word, to) if word == index => self.store(to, value),
            Fault::Both(word, to) if word == index => {
                self.store(word, value);
                self.store(to, value);
            }
            Fault::Nowhere(word, _) if word == index => {}
            _ => self.store(index, value),
        }
    }
    fn bus_addr(&self, cpu_addr: u32) -> u32 {
        cpu_addr
    }
    fn dma_wmb(&self) {}
    fn dma_rmb(&self) {}
}

/// A whole march, in pieces of `budget` words.
fn march(memory: &Memory, budget: u32) -> Result<(), BadWord> {
    let mut march = March::new(BASE, WORDS);
    while !march.step(memory, budget)? {}
    Ok(())
}

#[track_caller]
fn found(fault: Fault) -> BadWord {
    march(&Memory::new(fault), u32::MAX).expect_err(&format!("{fault:?} was not found"))
}

fn cells() -> impl Iterator<Item = Cell2> {
    (0..WORDS).flat_map(|word| (0..BITS).map(move |bit| (word, bit)))
}

fn pairs() -> impl Iterator<Item = (Cell2, Cell2)> {
    cells()
        .flat_map(|one| cells().map(move |other| (one, other)))
        .filter(|(one, other)| one != other)
}

const LEVELS: [bool; 2] = [false, true];

#[test]
fn a_good_memory_passes_in_pieces_of_any_size_and_ends_as_zeros() {
    for budget in [1, 2, 7, u32::MAX] {
        let memory = Memory::new(Fault::None);
        assert_eq!(march(&memory, budget), Ok(()));
        assert!(memory.words.borrow().iter().all(|word| *word == 0));
        // 10 operations of March C-, whose last read begins the last element; then five a pattern, and zeros.
        assert_eq!(memory.accesses.get(), WORDS * (10 + 5 * 5 + 2));
    }
    let mut march = March::new(BASE, WORDS);
    let memory = Memory::new(Fault::None);
    assert_eq!(march.step(&memory, 3), Ok(false));
    assert_eq!(memory.accesses.get(), 3, "no more than was allowed");
    assert_eq!(March::new(BASE, 0).step(&memory, 1), Ok(true), "nothing is sound");
}

#[test]
fn a_stuck_bit_and_one_that_cannot_turn_are_found_at_their_place() {
    for cell in cells() {
        for high in LEVELS {
            for fault in [Fault::Stuck(cell, high), Fault::Transition(cell, high)] {
                let bad = BadWord { at: BASE + 4 * cell.0, wrong: 1 << cell.1 };
                assert_eq!(found(fault), bad, "{fault:?}");
            }
        }
    }
}

#[test]
fn a_cell_that_disturbs_another_is_found_whichever_two_they_are() {
    for (one, other) in pairs() {
        for high in LEVELS {
            let bad = found(Fault::Inverts(one, high, other));
            assert_eq!(bad.at, BASE + 4 * other.0, "the one that is disturbed");
            for value in LEVELS {
                assert_eq!(found(Fault::Forces(one, high, other, value)).at, BASE + 4 * other.0);
                assert_eq!(found(Fault::Holds(one, high, other, value)).at, BASE + 4 * other.0);
            }
        }
    }
}

#[test]
fn wrong_address_lines_are_found() {
    for one in 0..WORDS {
        for reads in [0, u32::MAX] {
            found(Fault::Nowhere(one, reads));
        }
        for other in (0..WORDS).filter(|other| *other != one) {
            found(Fault::Aliased(one, other));
            found(Fault::Both(one, other));
        }
    }
}
