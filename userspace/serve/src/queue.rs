//! What waits for a model's instances: bounded, by priority, then in order of arrival.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};

/// Why a queue took no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// As many as may wait are waiting.
    Full,
    /// The model is being unloaded.
    Closed,
}

/// A bounded queue between the control plane and plain threads. Pushing never blocks.
#[derive(Debug)]
pub struct Queue<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    bound: usize,
}

#[derive(Debug)]
struct State<T> {
    /// By priority level (1 is the highest), then by number of arrival.
    waiting: BTreeMap<(u64, u64), T>,
    arrivals: u64,
    closed: bool,
}

impl<T> Queue<T> {
    /// An empty queue for at most `bound`.
    pub fn new(bound: usize) -> Self {
        let state = State { waiting: BTreeMap::new(), arrivals: 0, closed: false };
        Self { state: Mutex::new(state), arrived: Condvar::new(), bound }
    }

    /// Puts one in, or says at once why not. Where all places are taken, those that nobody waits for
    /// any more are given away.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn push(
        &self,
        priority: u64,
        item: T,
        is_wanted: impl Fn(&T) -> bool,
    ) -> Result<(), Refusal> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refusal::Closed);
        }
        if state.waiting.len() >= self.bound {
            state.waiting.retain(|_, item| is_wanted(item));
        }
        if state.waiting.len() >= self.bound {
            return Err(Refusal::Full);
        }
        state.arrivals += 1;
        let key = (priority, state.arrivals);
        state.waiting.insert(key, item);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for the next; `None` once the queue is closed and empty.
    pub fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some((_, item)) = state.waiting.pop_first() {
                return Some(item);
            }
            if state.closed {
                return None;
            }
            state = self.arrived.wait(state).unwrap_or_else(|poison| poison.into_inner());
        }
    }

    /// Takes no more; what waits is still handed out.
    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // The map is whole between its own calls, whatever panicked.
        self.state.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::{Queue, Refusal};

    #[test]
    fn priority_goes_first_and_arrival_second() {
        let queue = Queue::new(4);
        for (priority, name) in [(2, "a"), (1, "b"), (2, "c"), (1, "d")] {
            queue.push(priority, name, |_| true).unwrap();
        }
        assert_eq!(queue.push(1, "e", |_| true), Err(Refusal::Full));
        queue.push(1, "e", |item| *item != "b").unwrap();
        queue.close();
        assert_eq!(queue.push(1, "f", |_| false), Err(Refusal::Closed));
        let order: Vec<&str> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, ["d", "e", "a", "c"]);
    }
}
