//! The best K candidates, by score and then by index.

use super::{Detection, MAX_CANDIDATES, PostError};
use core::cmp::Reverse;

/// Candidates so far. Until the limit is reached they lie in the order of their arrival; from then
/// on as a binary heap with the worst first, so that a better one replaces that.
pub(super) struct Selection<'a> {
    candidates: &'a mut [Detection; MAX_CANDIDATES],
    limit: usize,
    count: usize,
    surplus: u32,
    refuse: bool,
}

impl<'a> Selection<'a> {
    /// Of the best `top_k` candidates; 0: of all, where one above [`MAX_CANDIDATES`] is an error.
    pub(super) fn new(candidates: &'a mut [Detection; MAX_CANDIDATES], top_k: u16) -> Self {
        let limit = if top_k == 0 { MAX_CANDIDATES } else { usize::from(top_k) };
        Self { candidates, limit, count: 0, surplus: 0, refuse: top_k == 0 }
    }

    /// Takes a candidate; drops the worst if that makes one too many.
    pub(super) fn push(&mut self, candidate: Detection) -> Result<(), PostError> {
        if self.count < self.limit {
            self.candidates[self.count] = candidate;
            self.count += 1;
            if self.count == self.limit && !self.refuse {
                (0..self.limit / 2).rev().for_each(|at| self.sink(at));
            }
            return Ok(());
        }
        if self.refuse {
            return Err(PostError::TooManyCandidates);
        }
        self.surplus += 1;
        if rank(&candidate) < rank(&self.candidates[0]) {
            self.candidates[0] = candidate;
            self.sink(0);
        }
        Ok(())
    }

    /// Number of candidates kept, and of those left out. They lie at the front, in any order.
    pub(super) fn finish(self) -> (usize, u32) {
        (self.count, self.surplus)
    }

    /// Restores the heap below `at`.
    fn sink(&mut self, mut at: usize) {
        let heap = &mut self.candidates[..self.limit];
        loop {
            let left = 2 * at + 1;
            let Some(worse) = (left..heap.len().min(left + 2)).max_by_key(|i| rank(&heap[*i]))
            else {
                return;
            };
            if rank(&heap[worse]) < rank(&heap[at]) {
                return;
            }
            heap.swap(at, worse);
            at = worse;
        }
    }
}

/// The better, the lower; no two candidates have the same.
fn rank(candidate: &Detection) -> (Reverse<u16>, u32) {
    (Reverse(candidate.score), candidate.index)
}
