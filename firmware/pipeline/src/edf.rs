//! Earliest deadline first.

use core::cmp::Ordering;

use heapless::binary_heap::{BinaryHeap, Min};
use tandem_link::message::Nanos;

/// Most jobs that wait in one lane. A job holds two of at most 64 slots, so an agent that grants
/// what it names cannot have more.
pub const DEPTH: usize = 32;

struct Entry<T> {
    deadline: Nanos,
    /// Orders equal deadlines: first come, first served.
    sequence: u64,
    item: T,
}

impl<T> Entry<T> {
    fn key(&self) -> (Nanos, u64) {
        (self.deadline, self.sequence)
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// A bounded queue that gives the earliest deadline first.
pub struct Queue<T> {
    heap: BinaryHeap<Entry<T>, Min, DEPTH>,
    next: u64,
}

impl<T> Queue<T> {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { heap: BinaryHeap::new(), next: 0 }
    }

    /// Adds an item.
    ///
    /// # Errors
    /// The item, if [`DEPTH`] wait already.
    pub fn push(&mut self, deadline: Nanos, item: T) -> Result<(), T> {
        let sequence = self.next;
        self.next += 1;
        self.heap.push(Entry { deadline, sequence, item }).map_err(|entry| entry.item)
    }

    /// Takes the item with the earliest deadline.
    pub fn pop(&mut self) -> Option<T> {
        self.heap.pop().map(|entry| entry.item)
    }

    /// Items that wait.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}
