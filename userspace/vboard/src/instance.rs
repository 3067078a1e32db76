//! One life of the firmware: the pipeline's future in embassy's raw executor.
//!
//! The executor wants `'static` tasks, because on a microcontroller they live in statics. Here a
//! life ends, so an [`Instance`] owns the memory and frees it in the right order.

use crate::{
    life::{Killed, Life},
    logger::{self, Sink},
    machine::Machine,
    pipeline,
};
use embassy_executor::raw;
use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};
use tandem_link::message::Nanos;

/// What the executor calls when a task wants to run; `context` is the instance's `pended` flag.
#[unsafe(export_name = "__pender")]
fn pender(context: *mut ()) {
    // SAFETY: every executor of this crate is made with a pointer to an `AtomicBool` that is freed
    // after the executor, and only an executor calls this.
    unsafe { &*context.cast::<AtomicBool>() }.store(true, Ordering::Release);
}

/// How a life ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A kill point or a reset.
    Killed,
    /// The firmware panicked, with this message.
    Panicked(String),
    /// The pipeline returned, with this reason.
    Returned(String),
}

/// The future and what goes with it, at an address of its own.
struct Body {
    future: Pin<Box<dyn Future<Output = String>>>,
    waker: Option<Waker>,
    returned: Option<String>,
}

/// The executor's task: forwards to the body. It has nothing to drop, because the executor does
/// not drop a task that did not finish.
struct Task(NonNull<Body>);

impl Future for Task {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // SAFETY: `Instance` owns the body, frees it after the last poll, and touches it only
        // between two polls.
        let body = unsafe { &mut *self.0.as_ptr() };
        body.waker.get_or_insert_with(|| context.waker().clone());
        match body.future.as_mut().poll(context) {
            Poll::Ready(reason) => {
                body.returned = Some(reason);
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// What one turn of the idle loop came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The pipeline was polled and may want to be again.
    Polled,
    /// Nothing to do before this time or a bell.
    Idle(Nanos),
    /// The life is over.
    Ended(End),
}

/// One life of the firmware.
pub(crate) struct Instance {
    machine: Arc<Machine>,
    life: Arc<Life>,
    sink: Arc<Sink>,
    body: NonNull<Body>,
    storage: NonNull<raw::TaskStorage<Task>>,
    executor: NonNull<raw::Executor>,
    pended: NonNull<AtomicBool>,
}

fn to_heap<T>(value: T) -> NonNull<T> {
    NonNull::from(Box::leak(Box::new(value)))
}

impl Instance {
    /// Takes the core out of reset; the pipeline boots at the first turn.
    pub(crate) fn new(machine: &Arc<Machine>, life: &Arc<Life>) -> Self {
        let sink = Sink::new(machine.words(machine.board.regions.log), Arc::clone(&machine.clock));
        let future = pipeline::boot(Arc::clone(machine), Arc::clone(life));
        let body = to_heap(Body { future, waker: None, returned: None });
        let pended = to_heap(AtomicBool::new(false));
        let executor = to_heap(raw::Executor::new(pended.as_ptr().cast()));
        let storage = to_heap(raw::TaskStorage::new());
        let this = Self {
            machine: Arc::clone(machine),
            life: Arc::clone(life),
            sink: Arc::new(sink),
            body,
            storage,
            executor,
            pended,
        };
        // SAFETY: both were made above and are freed by `drop` only, when nothing of this life
        // runs any more.
        let (storage, executor) = unsafe { (this.storage.as_ref(), this.executor.as_ref()) };
        if let Ok(token) = storage.spawn(|| Task(body)) {
            executor.spawner().spawn(token);
        }
        this
    }

    /// One turn: gives the programmable logic its time, then polls the pipeline if a bell, an
    /// interrupt line or its own time says so. An interrupt line that stays high makes every turn
    /// a poll: the core cannot sleep while one is pending.
    pub(crate) fn turn(&mut self) -> Turn {
        let levels = self.machine.advance();
        let rung = self.machine.firmware_bell.take();
        let due = self.life.take_due(self.machine.clock.now());
        if rung || due || levels.lines != 0 {
            self.wake();
        }
        // SAFETY: freed by `drop` only.
        if !unsafe { self.pended.as_ref() }.swap(false, Ordering::Acquire) {
            return Turn::Idle(levels.next.min(self.life.due()));
        }
        match self.poll() {
            None => Turn::Polled,
            Some(end) => {
                self.life.end();
                Turn::Ended(end)
            }
        }
    }

    fn wake(&self) {
        // SAFETY: no poll is under way, so nothing else refers to the body.
        if let Some(waker) = unsafe { &self.body.as_ref().waker } {
            waker.wake_by_ref();
        }
    }

    fn poll(&mut self) -> Option<End> {
        let executor = self.executor;
        // SAFETY: the executor is freed by `drop` only, and this is never entered twice: it takes
        // `&mut self`, and the pipeline cannot reach its own instance.
        let poll = || unsafe { executor.as_ref().poll() };
        // Unwinding leaves the executor's queue empty and the pipeline's future unusable; neither
        // is polled again.
        match logger::with_sink(&self.sink, || catch_unwind(AssertUnwindSafe(poll))) {
            // SAFETY: the poll is over, so nothing else refers to the body.
            Ok(()) => unsafe { self.body.as_mut() }.returned.take().map(End::Returned),
            Err(payload) if payload.is::<Killed>() => Some(End::Killed),
            Err(payload) => Some(End::Panicked(message(payload.as_ref()))),
        }
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.life.end();
        // SAFETY: all four were made by `to_heap` and are freed here only. Wakers point to the
        // storage, and clones of them live in the body alone (the pipeline hands none out): it goes
        // first, and may still wake. The executor goes next: its queue walks the tasks left in it.
        // Then nothing points to the storage or the flag any more.
        unsafe {
            drop(Box::from_raw(self.body.as_ptr()));
            drop(Box::from_raw(self.executor.as_ptr()));
            drop(Box::from_raw(self.storage.as_ptr()));
            drop(Box::from_raw(self.pended.as_ptr()));
        }
    }
}
