//! What the parts of one session share. All of them run in one future, so cells suffice; no
//! borrow is held across an await.

use core::{
    cell::{Cell, RefCell},
    future::poll_fn,
    task::Poll,
};

use tandem_drivers::kernel::{GateDriver, Post, Pre};
use tandem_link::{
    message::{FromPeer, Nanos},
    peer::LinkPeer,
};

use crate::{
    config::PipelineConfig,
    edf::{DEPTH, Queue},
    kind::{Job, LaneKind},
    known::Known,
    lane::{Chains, RESET_TIME},
    outbox::{Flushed, Outbox},
    platform::Platform,
};

/// What a lane has of jobs that it has not begun.
// What is small comes first: its offsets then fit an instruction.
#[repr(C)]
pub struct Jobs<K: LaneKind> {
    /// Parameters that came before.
    pub known: Known,
    /// Those that wait.
    pub queue: Queue<Job<K>>,
}

/// One lane, as the others see it.
#[repr(C)]
pub struct LaneShare<K: LaneKind> {
    /// The running job, recovery included, ends before this time; [`Nanos::MAX`] while idle.
    pub busy_until: Cell<Nanos>,
    /// It has a job, or may have got one since it was last looked at.
    pub stirs: Cell<bool>,
    /// Advances whenever the lane is polled.
    pub turns: Cell<u32>,
    /// Jobs that wait, and what they have in common with earlier ones.
    pub jobs: RefCell<Jobs<K>>,
    /// Chains of the two channels. A session's hardware borrows them.
    pub chains: [RefCell<Chains>; 2],
}

impl<K: LaneKind> LaneShare<K> {
    const fn new() -> Self {
        Self {
            jobs: RefCell::new(Jobs {
                queue: Queue::new([const { Job::EMPTY }; DEPTH]),
                known: Known::new(),
            }),
            chains: [const { RefCell::new(Chains::new(0, 0)) }; 2],
            busy_until: Cell::new(0),
            stirs: Cell::new(false),
            turns: Cell::new(0),
        }
    }

    /// A session begins.
    fn forget(&self) {
        let mut jobs = self.jobs.borrow_mut();
        jobs.queue.forget();
        jobs.known.forget();
        self.busy_until.set(Nanos::MAX);
        self.stirs.set(false);
        self.turns.set(0);
    }

    /// The lane was polled.
    pub fn turn(&self) {
        self.turns.set(self.turns.get().wrapping_add(1));
    }
}

/// Memory for what waits in a session. It is large, so it lies where the caller has room: a future
/// that held it would be moved with it.
pub struct Store {
    pub(crate) pre: LaneShare<Pre>,
    pub(crate) post: LaneShare<Post>,
    outbox: RefCell<Outbox>,
}

impl Store {
    /// Nothing waits.
    // All of its bytes are 0, so that an image has none of them.
    #[must_use]
    pub const fn new() -> Self {
        Self { pre: LaneShare::new(), post: LaneShare::new(), outbox: RefCell::new(Outbox::new()) }
    }

    /// A session begins, and has nothing of the one before.
    fn forget(&self) {
        self.pre.forget();
        self.post.forget();
        self.outbox.borrow_mut().forget();
    }
}

impl Default for Store {
    fn default() -> Self {
        Self::new()
    }
}

/// One session's shared state.
pub struct Context<'a, P: Platform> {
    pub platform: &'a P,
    pub config: &'a PipelineConfig,
    /// The clock at the beginning of this turn.
    pub now: Cell<Nanos>,
    /// The lines' levels then.
    pub lines: Cell<u32>,
    pub link: RefCell<LinkPeer<&'a P::Memory>>,
    pub gate: RefCell<GateDriver<&'a P::Bus>>,
    pub pre: &'a LaneShare<Pre>,
    pub post: &'a LaneShare<Post>,
    /// Delay and pulse as the agent last set them in this session.
    pub gate_settings: Cell<Option<(Nanos, Nanos)>>,
    /// Loads of the programmable logic that this session saw.
    pub logic_resets: Cell<u8>,
    /// Messages that wait for room.
    outbox: &'a RefCell<Outbox>,
    /// How many.
    waiting: Cell<usize>,
    /// Most time that a lane takes beyond its job's limit: for a reset, and until that is seen.
    pub slack: Nanos,
    /// The link is damaged or the agent is another one: the session ends at the next turn.
    pub broken: Cell<bool>,
}

impl<'a, P: Platform> Context<'a, P> {
    pub fn new(
        platform: &'a P,
        config: &'a PipelineConfig,
        link: LinkPeer<&'a P::Memory>,
        gate: GateDriver<&'a P::Bus>,
        store: &'a Store,
    ) -> Self {
        store.forget();
        Self {
            platform,
            config,
            now: Cell::new(0),
            lines: Cell::new(0),
            link: RefCell::new(link),
            gate: RefCell::new(gate),
            pre: &store.pre,
            post: &store.post,
            gate_settings: Cell::new(None),
            logic_resets: Cell::new(0),
            outbox: &store.outbox,
            waiting: Cell::new(0),
            slack: RESET_TIME + 2 * config.poll_period,
            broken: Cell::new(false),
        }
    }

    /// Messages that wait for room in the ring to the agent.
    #[inline(always)]
    pub fn waiting(&self) -> usize {
        self.waiting.get()
    }

    /// Sends a message to the agent, behind those that wait for room.
    #[inline(never)]
    pub fn tell(&self, message: FromPeer) {
        if self.waiting() == 0 && self.link.borrow_mut().send(&message).is_ok() {
            return self.platform.ring_agent();
        }
        let mut outbox = self.outbox.borrow_mut();
        outbox.push(message);
        self.waiting.set(outbox.len());
        drop(outbox);
        self.flush();
    }

    /// Sends what waits; what does not fit is tried again soon.
    #[inline(always)]
    pub fn flush(&self) {
        if self.waiting() != 0 {
            self.send_waiting();
        }
    }

    #[inline(never)]
    fn send_waiting(&self) {
        let mut outbox = self.outbox.borrow_mut();
        match outbox.flush(&mut self.link.borrow_mut()) {
            Flushed::Nothing => {}
            Flushed::Sent => self.platform.ring_agent(),
            Flushed::Broken => self.broken.set(true),
        }
        self.waiting.set(outbox.len());
        if outbox.len() != 0 {
            self.wake_in(self.config.poll_period);
        }
    }

    /// The clock, for what seldom needs it: where it is inlined it takes its constants with it.
    #[inline(never)]
    pub fn clock(&self) -> Nanos {
        self.platform.now()
    }

    /// Asks for a poll after `delay`.
    #[inline(never)]
    pub fn wake_in(&self, delay: Nanos) {
        self.platform.wake_at(self.clock().saturating_add(delay));
    }
}

/// Looks at each poll until `look` finds something; `None` at `deadline`.
pub async fn until<P: Platform, T>(
    platform: &P,
    deadline: Nanos,
    mut look: impl FnMut() -> Option<T>,
) -> Option<T> {
    poll_fn(|_| {
        if let Some(found) = look() {
            return Poll::Ready(Some(found));
        }
        if platform.now() >= deadline {
            return Poll::Ready(None);
        }
        platform.wake_at(deadline);
        Poll::Pending
    })
    .await
}
