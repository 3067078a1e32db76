//! Lanes: where the work of a stage is done on this processor.
//!
//! A lane takes requests from a bounded queue and gives replies into another; the slots' tokens
//! travel with them, so while a lane works nobody else can touch its slots. A lane can be polled
//! by hand (tests, one thread) or run on a thread of its own.

mod bell;
mod cpu;
mod engine;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_queue::ArrayQueue;

use crate::job::JOBS;
pub use bell::Bell;
pub use cpu::{CpuChannel, CpuLane, CpuReply, CpuRequest, CpuWork};
pub use engine::{
    EngineFailure, EngineLane, EnginePort, EngineReply, EngineRequest, FailureKind, Way,
};

/// Called after a reply was queued; wakes the data plane.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// The two queues of a lane.
#[derive(Debug)]
pub struct Channel<Request, Reply> {
    requests: ArrayQueue<Request>,
    replies: ArrayQueue<Reply>,
    bell: Bell,
    closed: AtomicBool,
}

impl<Request, Reply> Default for Channel<Request, Reply> {
    fn default() -> Self {
        // A job has one request with a lane at most, so neither queue can be full.
        Self {
            requests: ArrayQueue::new(JOBS),
            replies: ArrayQueue::new(JOBS),
            bell: Bell::default(),
            closed: AtomicBool::new(false),
        }
    }
}

impl<Request, Reply> Channel<Request, Reply> {
    /// Queues a request.
    ///
    /// # Errors
    /// The request, if the queue is full.
    pub fn ask(&self, request: Request) -> Result<(), Request> {
        self.requests.push(request)?;
        self.bell.ring();
        Ok(())
    }

    /// Takes a reply.
    pub fn reply(&self) -> Option<Reply> {
        self.replies.pop()
    }

    /// Ends the lane's thread once its queue is empty.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.bell.ring_all();
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Waits for a request, for the end, or for `longest`; `false` at the end.
    fn wait_for(&self, longest: Duration) -> bool {
        if self.requests.is_empty() {
            if self.is_closed() {
                return false;
            }
            self.bell.wait_for(longest);
        }
        true
    }

    /// Queues a reply. There is room: replies are at most requests, and those at most [`JOBS`].
    fn answer(&self, reply: Reply) {
        let refused = self.replies.push(reply).is_err();
        debug_assert!(!refused, "a lane answered more than it was asked");
    }
}

/// A lane as its thread sees it.
pub trait Lane: Send + 'static {
    /// Does one request; `false` if there was none.
    fn poll(&mut self) -> bool;
    /// Waits for a request or the end; `false` at the end.
    fn wait(&self) -> bool;
}

/// Runs a lane until its channel is closed.
pub fn run(mut lane: impl Lane) {
    loop {
        if !lane.poll() && !lane.wait() {
            return;
        }
    }
}

/// The waiting half of [`Lane::wait`], the same for every lane.
fn wait<Request, Reply>(channel: &Channel<Request, Reply>) -> bool {
    channel.wait_for(Duration::MAX)
}
