//! What waits for a model's instances: bounded, by priority, then in order of arrival; taken one at a
//! time or in batches.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Why a queue took no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// As many as may wait are waiting.
    Full,
    /// The model is being unloaded.
    Closed,
}

/// What can be taken in batches.
pub trait Waiting {
    /// Whether somebody waits for it still.
    fn is_wanted(&self) -> bool;
    /// When it was put into the queue.
    fn since(&self) -> Instant;
    /// How much of a batch it is.
    fn size(&self) -> usize;
    /// Whether it can run in the batch that `first` begins.
    fn joins(&self, first: &Self) -> bool;
}

/// How batches are made, as Triton's dynamic batcher makes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Largest batch.
    pub most: usize,
    /// Sizes that are sent as soon as they are there, the largest of them first.
    pub preferred: Vec<usize>,
    /// Another size waits so long from the arrival of its oldest.
    pub delay: Duration,
}

/// A bounded queue between the control plane and plain threads. Pushing never blocks.
#[derive(Debug)]
pub struct Queue<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    bound: usize,
}

/// Priority level (1 is the highest), then number of arrival.
type Place = (u64, u64);

#[derive(Debug)]
struct State<T> {
    waiting: BTreeMap<Place, T>,
    arrivals: u64,
    closed: bool,
}

/// What an instance does next.
enum Next {
    Take(Vec<Place>),
    WaitUntil(Instant),
    Wait,
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

    /// How many wait.
    pub fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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

impl<T: Waiting> Queue<T> {
    /// Waits for the next batch, in the order of [`Queue::pop`]; `None` once the queue is closed and
    /// empty.
    pub fn pop_batch(&self, rule: &Batching) -> Option<Vec<T>> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            state = match state.next(rule, now) {
                Next::Take(places) => {
                    let batch = places.iter().filter_map(|at| state.waiting.remove(at)).collect();
                    // Whoever was woken for the rest may be this thread, which is busy now.
                    if !state.waiting.is_empty() {
                        self.arrived.notify_one();
                    }
                    return Some(batch);
                }
                Next::WaitUntil(until) => {
                    let wait = self.arrived.wait_timeout(state, until - now);
                    wait.unwrap_or_else(|poison| poison.into_inner()).0
                }
                Next::Wait if state.closed => return None,
                Next::Wait => self.arrived.wait(state).unwrap_or_else(|poison| poison.into_inner()),
            };
        }
    }
}

impl<T: Waiting> State<T> {
    fn next(&mut self, rule: &Batching, now: Instant) -> Next {
        while self.waiting.first_key_value().is_some_and(|(_, first)| !first.is_wanted()) {
            self.waiting.pop_first();
        }
        let Some((_, first)) = self.waiting.first_key_value() else { return Next::Wait };
        let mut places = Vec::new();
        let (mut size, mut full, mut oldest) = (0, false, first.since());
        let mut preferred = None;
        for (place, item) in self.waiting.iter().filter(|(_, item)| item.is_wanted()) {
            // The first goes whatever its size is: it was compared with the model's.
            if !places.is_empty() && (size + item.size() > rule.most || !item.joins(first)) {
                full = true;
                break;
            }
            places.push(*place);
            size += item.size();
            oldest = oldest.min(item.since());
            if rule.preferred.contains(&size) {
                preferred = Some(places.len());
            }
        }
        if let Some(count) = preferred {
            places.truncate(count);
            return Next::Take(places);
        }
        match oldest.checked_add(rule.delay) {
            Some(until) if !full && !self.closed && size < rule.most && until > now => {
                Next::WaitUntil(until)
            }
            _ => Next::Take(places),
        }
    }
}

#[cfg(test)]
mod tests;
