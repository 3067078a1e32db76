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
    edf::Queue,
    kind::{Job, LaneKind},
    outbox::{Flushed, Outbox},
    platform::Platform,
};

/// One lane, as the others see it.
pub struct LaneShare<K: LaneKind> {
    /// Jobs that wait.
    pub queue: RefCell<Queue<Job<K>>>,
    /// The running job, recovery included, ends before this time; [`Nanos::MAX`] while idle.
    pub busy_until: Cell<Nanos>,
    /// Advances whenever the lane is polled.
    pub turns: Cell<u32>,
}

impl<K: LaneKind> LaneShare<K> {
    fn new() -> Self {
        Self {
            queue: RefCell::new(Queue::new()),
            busy_until: Cell::new(Nanos::MAX),
            turns: Cell::new(0),
        }
    }

    /// The lane was polled.
    pub fn turn(&self) {
        self.turns.set(self.turns.get().wrapping_add(1));
    }
}

/// One session's shared state.
pub struct Context<'a, P: Platform> {
    pub platform: &'a P,
    pub config: &'a PipelineConfig,
    pub link: RefCell<LinkPeer<&'a P::Memory>>,
    pub gate: RefCell<GateDriver<&'a P::Bus>>,
    pub pre: LaneShare<Pre>,
    pub post: LaneShare<Post>,
    /// Delay and pulse as the agent last set them in this session.
    pub gate_settings: Cell<Option<(Nanos, Nanos)>>,
    /// Loads of the programmable logic that this session saw.
    pub logic_resets: Cell<u8>,
    pub outbox: RefCell<Outbox>,
    /// The link is damaged or the agent is another one: the session ends at the next turn.
    pub broken: Cell<bool>,
}

impl<'a, P: Platform> Context<'a, P> {
    pub fn new(
        platform: &'a P,
        config: &'a PipelineConfig,
        link: LinkPeer<&'a P::Memory>,
        gate: GateDriver<&'a P::Bus>,
    ) -> Self {
        Self {
            platform,
            config,
            link: RefCell::new(link),
            gate: RefCell::new(gate),
            pre: LaneShare::new(),
            post: LaneShare::new(),
            gate_settings: Cell::new(None),
            logic_resets: Cell::new(0),
            outbox: RefCell::new(Outbox::new()),
            broken: Cell::new(false),
        }
    }

    /// Queues a message to the agent and sends what fits.
    pub fn tell(&self, message: FromPeer) {
        self.outbox.borrow_mut().push(message);
        self.flush();
    }

    /// Sends what waits; what does not fit is tried again soon.
    pub fn flush(&self) {
        let mut outbox = self.outbox.borrow_mut();
        match outbox.flush(&mut self.link.borrow_mut()) {
            Flushed::Nothing => {}
            Flushed::Sent => self.platform.ring_agent(),
            Flushed::Broken => self.broken.set(true),
        }
        if outbox.len() > 0 {
            self.wake_in(self.config.poll_period);
        }
    }

    /// Asks for a poll after `delay`.
    pub fn wake_in(&self, delay: Nanos) {
        self.platform.wake_at(self.platform.now().saturating_add(delay));
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
