//! A value that is delivered once, to sync or async code.
//!
//! The sending half lives on the data plane: sending neither allocates nor waits (the lock is held
//! for a move on either side). Everything is allocated when the pair is made.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The sender went away without a value: the data plane has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data plane stopped before it answered")]
pub struct Gone;

#[derive(Debug)]
enum State<T> {
    Waiting(Option<Waker>),
    Sent(T),
    Gone,
    Taken,
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
}

impl<T> Shared<T> {
    /// A poisoned lock only means that a waker panicked; the state is whole at every point.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, value: State<T>) {
        let before = std::mem::replace(&mut *self.lock(), value);
        self.arrived.notify_all();
        if let State::Waiting(Some(waker)) = before {
            waker.wake();
        }
    }
}

/// Makes a pair.
pub fn pair<T>() -> (Sender<T>, Ticket<T>) {
    let state = Mutex::new(State::Waiting(None));
    let shared = Arc::new(Shared { state, arrived: Condvar::new() });
    (Sender { shared: Some(shared.clone()) }, Ticket { shared })
}

/// The sending half. Dropped without a value, the ticket sees [`Gone`].
#[derive(Debug)]
pub struct Sender<T> {
    shared: Option<Arc<Shared<T>>>,
}

impl<T> Sender<T> {
    /// Delivers the value.
    pub fn send(mut self, value: T) {
        if let Some(shared) = self.shared.take() {
            shared.put(State::Sent(value));
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.put(State::Gone);
        }
    }
}

/// The receiving half: a future, or a bounded blocking wait.
#[derive(Debug)]
#[must_use = "an answer that nobody waits for is lost"]
pub struct Ticket<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Ticket<T> {
    /// The value if it is there; the ticket otherwise.
    ///
    /// # Errors
    /// The ticket itself, to try again.
    pub fn try_take(self) -> Result<Result<T, Gone>, Self> {
        let taken = take(&mut self.shared.lock());
        taken.ok_or(self)
    }

    /// Blocks until the value is there; `None` when `limit` passed first.
    pub fn wait(self, limit: Duration) -> Option<Result<T, Gone>> {
        let guard = self.shared.lock();
        let waiting = |state: &mut State<T>| matches!(state, State::Waiting(_));
        let (mut guard, _) = self
            .shared
            .arrived
            .wait_timeout_while(guard, limit, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        take(&mut guard)
    }
}

/// Takes the value out of a state that has one.
fn take<T>(state: &mut State<T>) -> Option<Result<T, Gone>> {
    if let State::Waiting(_) = state {
        return None;
    }
    match std::mem::replace(state, State::Taken) {
        State::Sent(value) => Some(Ok(value)),
        State::Waiting(_) | State::Gone | State::Taken => Some(Err(Gone)),
    }
}

impl<T> Future for Ticket<T> {
    type Output = Result<T, Gone>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.shared.lock();
        if let State::Waiting(waker) = &mut *state {
            match waker {
                Some(old) if old.will_wake(context.waker()) => {}
                _ => *waker = Some(context.waker().clone()),
            }
            return Poll::Pending;
        }
        Poll::Ready(take(&mut state).unwrap_or(Err(Gone)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_arrives_across_threads() {
        let (sender, ticket) = pair();
        let thread = std::thread::spawn(move || sender.send(7));
        assert_eq!(ticket.wait(Duration::from_secs(20)), Some(Ok(7)));
        thread.join().unwrap();
    }

    #[test]
    fn async_code_is_woken() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (sender, ticket) = pair();
        let thread = std::thread::spawn(move || sender.send("x"));
        assert_eq!(runtime.block_on(ticket), Ok("x"));
        thread.join().unwrap();
    }

    #[test]
    fn a_dropped_sender_is_told() {
        let (sender, ticket) = pair::<u8>();
        drop(sender);
        assert_eq!(ticket.wait(Duration::from_secs(20)), Some(Err(Gone)));
        let (_sender, ticket) = pair::<u8>();
        assert!(ticket.try_take().is_err());
    }
}
