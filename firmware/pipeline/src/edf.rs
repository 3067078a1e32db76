//! Earliest deadline first.

use tandem_link::message::Nanos;

/// Most jobs that wait in one lane. A job holds two of at most 64 slots, so an agent that grants
/// what it names cannot have more.
pub const DEPTH: usize = 32;

/// Places that are taken, a bit each.
type Places = u32;
const _: () = assert!(Places::BITS as usize == DEPTH);

/// What orders an item: its deadline, and for equal ones which came first.
type Rank = (Nanos, u32);

/// A bounded queue that gives the earliest deadline first. Its items are written and read where they
/// lie, for they are large and most jobs use little of them.
// What is small comes first: its offsets then fit an instruction.
#[repr(C)]
pub struct Queue<T> {
    waiting: Places,
    next: u32,
    ranks: [Rank; DEPTH],
    items: [T; DEPTH],
}

impl<T> Queue<T> {
    /// A queue without a waiting item; `items` are what its places hold meanwhile.
    pub const fn new(items: [T; DEPTH]) -> Self {
        Self { ranks: [(0, 0); DEPTH], items, waiting: 0, next: 0 }
    }

    /// Nothing waits.
    pub fn forget(&mut self) {
        self.waiting = 0;
    }

    /// A place for an item, as it was left; it waits from now on. None if [`DEPTH`] wait already.
    #[inline(always)]
    pub fn push(&mut self, deadline: Nanos) -> Option<&mut T> {
        let place = self.waiting.trailing_ones() as usize;
        let item = self.items.get_mut(place)?;
        self.waiting |= 1 << place;
        self.ranks[place] = (deadline, self.next);
        self.next = self.next.wrapping_add(1);
        Some(item)
    }

    /// The item with the earliest deadline, which waits no longer. It stays as it is until the next
    /// [`Queue::push`].
    #[inline(always)]
    pub fn pop(&mut self) -> Option<&mut T> {
        let mut first = self.waiting.trailing_zeros() as usize;
        if first >= DEPTH {
            return None;
        }
        let mut left = self.waiting & self.waiting.wrapping_sub(1);
        while left != 0 {
            let place = left.trailing_zeros() as usize;
            left &= left - 1;
            if before(self.ranks[place], self.ranks[first]) {
                first = place;
            }
        }
        self.waiting &= !(1 << first);
        Some(&mut self.items[first])
    }
}

/// Arrivals are counted modulo 2^32, and those that wait are never half of that apart.
fn before(this: Rank, other: Rank) -> bool {
    this.0 < other.0 || this.0 == other.0 && (this.1.wrapping_sub(other.1) as i32) < 0
}
