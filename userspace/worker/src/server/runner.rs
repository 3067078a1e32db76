//! The engine's thread: the earliest deadline first.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Instant;

use crossbeam_queue::ArrayQueue;
use tandem_engine::{Engine, EngineError};
use tandem_link::message::JobId;

use super::connection::Connection;
use super::slots::Slot;
use super::{Event, Shared};
use crate::protocol::{Status, note};

/// A job with its slot.
pub(super) struct Job {
    pub id: JobId,
    /// The answer is of no use after it.
    pub deadline: Instant,
    pub slot: Slot,
    pub client: Arc<Connection>,
}

/// A job that ended.
pub(super) struct Finished {
    pub id: JobId,
    pub status: Status,
    pub engine_ns: u64,
    pub slot: Slot,
}

/// The way to the engine's thread.
pub(super) struct Runner {
    inbox: Arc<ArrayQueue<Job>>,
    thread: OnceLock<Thread>,
    stop: AtomicBool,
}

/// What the engine's thread does.
pub(super) struct Work {
    inbox: Arc<ArrayQueue<Job>>,
    waiting: Vec<Job>,
    engine: Box<dyn Engine>,
}

/// Both halves, for as many jobs as there are slots.
pub(super) fn of(slots: usize, engine: Box<dyn Engine>) -> (Runner, Work) {
    let inbox = Arc::new(ArrayQueue::new(slots));
    let runner =
        Runner { inbox: inbox.clone(), thread: OnceLock::new(), stop: AtomicBool::new(false) };
    (runner, Work { inbox, waiting: Vec::with_capacity(slots), engine })
}

impl Runner {
    pub(super) fn is_run_by(&self, thread: Thread) {
        let _ = self.thread.set(thread);
    }

    /// Queues a job. There is room: a job has a slot, and there is room for every slot.
    pub(super) fn submit(&self, job: Job) {
        let refused = self.inbox.push(job).is_err();
        debug_assert!(!refused, "more jobs than slots");
        self.wake();
    }

    /// Ends the thread when no job is left.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

impl Work {
    pub(super) fn describe(&self) -> String {
        self.engine.describe()
    }

    pub(super) fn run(mut self, shared: &Shared) {
        loop {
            while let Some(job) = self.inbox.pop() {
                self.waiting.push(job);
            }
            let next = self.waiting.iter().enumerate().min_by_key(|(_, job)| job.deadline);
            match next.map(|(index, _)| index) {
                Some(index) => {
                    let job = self.waiting.swap_remove(index);
                    self.work(shared, job);
                }
                None if shared.runner.stop.load(Ordering::Acquire) => return,
                None => std::thread::park(),
            }
        }
    }

    fn work(&mut self, shared: &Shared, job: Job) {
        let Job { id, deadline, mut slot, client } = job;
        if client.is_over() {
            shared.counters.count(Event::Reclaimed);
            return;
        }
        let began = Instant::now();
        let status = if began >= deadline { Status::Expired } else { self.infer(&mut slot) };
        let engine_ns = match status {
            Status::Expired => 0,
            _ => u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX),
        };
        shared.counters.count(match &status {
            _ if client.is_over() => Event::Reclaimed,
            Status::Ok => Event::Done,
            Status::Expired => Event::Expired,
            Status::Failed(_) => Event::Failed,
        });
        client.finished(Finished { id, status, engine_ns, slot });
    }

    fn infer(&mut self, slot: &mut Slot) -> Status {
        let memory = &mut **slot;
        let (tensor, heads) = (memory.tensor.bytes(), memory.heads.bytes_mut());
        // A runtime that panics must not take the worker with it.
        let run = catch_unwind(AssertUnwindSafe(|| self.engine.run(tensor, heads)));
        match run.unwrap_or_else(|_| Err(EngineError::Run("the runtime panicked".into()))) {
            Ok(()) => Status::Ok,
            Err(error) => Status::Failed(note(&error.to_string())),
        }
    }
}
