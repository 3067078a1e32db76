//! The data plane: a non-blocking core that moves jobs from stage to stage.
//!
//! It sees slot tokens, records and messages, never payload bytes: its own mapping of the payload
//! slots has no rights ([`PayloadGuard`]). In steady state a turn neither allocates nor blocks.
//! [`DataPlane::poll`] does everything that can be done now and says when to come back at the
//! latest; [`DataPlane::run`] is the loop around it for a thread.

mod finish;
mod main_lanes;
mod peer;
mod quarantine;
mod shared;
mod stages;

use std::sync::Arc;

use tandem_link::board::Board;
use tandem_link::master::{LinkMaster, fresh_epoch};
use tandem_link::message::{JobId, Nanos};
use tandem_link::slot::SlotTable;
use tandem_link::{Geometry, SlotClass};
use tandem_policy::{EngineSet, Facts, Store};

use crate::agent::{AgentConfig, StartError};
use crate::counters::{Counters, Flow, Incident};
use crate::health::{Health, Restarter};
use crate::job::{Answer, Client, Hold, JOBS, Job, State, Submission, UnknownCode, Want};
use crate::lanes::CpuChannel;
use crate::routing::Routed;
use crate::slots::{PayloadGuard, Pool, RecordView};
use crate::ticket::Sender;
pub use main_lanes::MainLanes;
use peer::{Cancels, Pings};
use quarantine::Quarantine;
pub use shared::{ClassAudit, Command, PeerReport, PeerState, Report, Shared, SlotAudit, Trigger};

/// The queues to the lanes.
#[derive(Debug)]
pub struct Lanes {
    /// To the engine lanes.
    pub main: MainLanes,
    /// To the CPU lane.
    pub cpu: Arc<CpuChannel>,
    /// To the supervisor.
    pub restarter: Arc<Restarter>,
}

/// See the module.
pub struct DataPlane<B: Board> {
    board: Arc<B>,
    master: LinkMaster<B::Memory>,
    slots: SlotTable<B::Memory>,
    records: RecordView,
    guard: PayloadGuard,
    shared: Arc<Shared>,
    counters: Arc<Counters>,
    lanes: Lanes,
    health: Health,
    jobs: [Job; JOBS],
    quarantine: Quarantine,
    pings: Pings,
    cancels: Cancels,
    /// Gate settings to repeat after each epoch, and whether they are still to be sent.
    gate: Option<(Nanos, Nanos)>,
    gate_pending: bool,
    pl_depth: usize,
    /// Routing policies.
    routing: Option<Arc<Store>>,
    /// Jobs admitted so far.
    admitted: u64,
    stop_within: Nanos,
    stop_by: Option<Nanos>,
    /// Who waits for the end of the peer's jobs, and until when.
    hold: Option<(Nanos, Sender<bool>)>,
    next_id: JobId,
    /// Images whose ingest began by then are in doubt.
    doubt_until: Option<Nanos>,
    /// Undecodable messages from the peer so far.
    garbled: u64,
    /// The ring to the peer was full at the last send: one incident per such spell.
    ring_full: bool,
    /// Something was sent in this turn.
    doorbell: bool,
}

impl<B: Board> DataPlane<B> {
    /// Formats the link and maps what the data plane may see.
    ///
    /// # Errors
    /// [`StartError::Map`], [`StartError::Link`].
    pub fn new(
        board: Arc<B>,
        pool: &Pool,
        config: &AgentConfig,
        shared: Arc<Shared>,
        lanes: Lanes,
    ) -> Result<Self, StartError> {
        let init = board.slots();
        let geometry = Geometry::with_slots(init.len() as u32);
        let memory = board.memory();
        let now = board.now();
        // The low bits of the clock tell agents on one block apart.
        let epoch = fresh_epoch(&memory, now as u32 | 1);
        let master = LinkMaster::new(memory, geometry, &init, epoch)?;
        let counters = shared.counters.clone();
        let health = Health::new(config.health, now, counters.clone(), lanes.restarter.clone());
        Ok(Self {
            slots: master.slots().clone(),
            records: RecordView::new(pool)?,
            guard: PayloadGuard::new(pool)?,
            quarantine: Quarantine::with_capacity(init.len()),
            pings: Pings::default(),
            cancels: Cancels::default(),
            gate: config.gate,
            gate_pending: config.gate.is_some(),
            pl_depth: config.pl_depth.max(1),
            routing: config.routing.clone(),
            admitted: 0,
            stop_within: config.stop_within,
            stop_by: None,
            hold: None,
            jobs: std::array::from_fn(|_| Job::default()),
            next_id: 1,
            doubt_until: None,
            garbled: 0,
            ring_full: false,
            doorbell: false,
            board,
            master,
            shared,
            counters,
            lanes,
            health,
        })
    }

    /// The slot table's handle.
    pub fn slots(&self) -> &SlotTable<B::Memory> {
        &self.slots
    }

    /// The mapping without rights, for the test that checks it.
    pub fn guard(&self) -> &PayloadGuard {
        &self.guard
    }

    /// Turns until [`Shared::stop`]; returns where the slots were at the end.
    pub fn run(mut self, pin: Option<usize>) -> SlotAudit {
        if let Some(id) = pin {
            // Not being pinned costs speed only.
            core_affinity::set_for_current(core_affinity::CoreId { id });
        }
        loop {
            let next = self.poll(self.board.now());
            if self.is_finished() {
                return self.audit();
            }
            self.board.wait(next);
        }
    }

    /// Does everything that can be done at `now`; returns when to call again at the latest. A
    /// doorbell, a submission, or a lane's reply is a reason to call earlier.
    pub fn poll(&mut self, now: Nanos) -> Nanos {
        self.poll_epoch(now);
        self.receive(now);
        self.collect(now);
        self.tick(now);
        self.take_commands(now);
        self.take_submissions(now);
        self.expire(now);
        self.reclaim();
        self.settle_hold(now);
        self.schedule();
        self.send_pending(now);
        if std::mem::take(&mut self.doorbell) {
            self.board.ring_peer();
        }
        self.next_wake(now)
    }

    /// Shut down, with nothing left to do.
    pub fn is_finished(&self) -> bool {
        let Some(stop_by) = self.stop_by else { return false };
        let idle = self.jobs.iter().all(Job::is_free) && self.shared.submissions.is_empty();
        idle && (self.quarantine.is_empty() || self.board.now() >= stop_by)
    }

    /// Jobs may go to the peer.
    pub fn is_up(&self) -> bool {
        self.health.is_up()
    }

    /// Somebody whom the last turn saw waits for an answer, or for the end.
    ///
    /// A request that came since is not asked for: time would pass before the next turn takes it,
    /// and how much would depend on when it came.
    pub fn is_waited_for(&self) -> bool {
        let waits = |job: &Job| job.client.is_some();
        self.jobs.iter().any(waits)
            || self.pings.next_timeout() != Nanos::MAX
            || self.stop_by.is_some()
            || self.hold.is_some()
    }

    fn take_submissions(&mut self, now: Nanos) {
        if self.shared.is_stopping() && self.stop_by.is_none() {
            self.stop_by = Some(now.saturating_add(self.stop_within));
        }
        for i in 0..JOBS {
            if !self.jobs[i].is_free() {
                continue;
            }
            let Some(submission) = self.shared.submissions.pop() else { return };
            self.counters.flow(Flow::Submitted);
            let Submission { frame, pre, want, deadline, ingest_began, submitted, answer, reply } =
                *submission;
            let (logic, engines, mut answer) =
                self.route(answer, deadline.saturating_sub(ingest_began));
            let within = deadline.saturating_sub(now);
            let frame_bytes = pre.frame_bytes() as u64;
            let channels = &self.shared.channels;
            let short = (want == Want::Verdict && within > 0)
                .then(|| channels.shortfall(frame_bytes, logic, |i| engines.has(i), within));
            let short = short.flatten();
            answer.shortfall = short.map(|short| (channels.clone(), short));
            let client = Client { pre, want, deadline, ingest_began, answer, reply };
            self.jobs[i] = Job {
                state: State::Ingested(Hold::Ours(frame)),
                client: Some(client),
                stage_began: submitted,
                logic,
                engines,
                in_doubt: self.doubt_until.is_some_and(|until| ingest_began <= until),
                ..Job::default()
            };
            if short.is_some() {
                self.counters.incident(Incident::LinkTooSlow);
                self.abandon(i, UnknownCode::LinkTooSlow);
            }
        }
    }

    /// Asks the routing policy in force where a job goes: whether the programmable logic has a part
    /// in it, and which engines may run its model. The answer keeps the policy.
    fn route(&mut self, mut answer: Box<Answer>, within: Nanos) -> (bool, EngineSet, Box<Answer>) {
        self.admitted += 1;
        let Some(policy) = self.routing.as_ref().and_then(|store| store.current()) else {
            return (true, EngineSet::ALL, answer);
        };
        let busy = self.jobs.iter().filter(|job| !job.is_free()).count();
        let facts = Facts {
            job: answer.options.id.unwrap_or(self.admitted),
            model: &answer.policy.model,
            stream: &answer.options.stream,
            priority: answer.options.priority,
            deadline_ms: (within / 1_000_000).try_into().unwrap_or(u32::MAX),
            logic_up: self.health.is_up(),
            ready: self.lanes.main.ready(),
            load: busy as f64 / JOBS as f64,
        };
        let decision = policy.decide(&facts);
        answer.routed = Some(Routed { policy, decision });
        (decision.route.kind.uses_logic(), decision.route.engines, answer)
    }

    /// Answers what missed its deadline, and at the end of a shutdown all that is left.
    fn expire(&mut self, now: Nanos) {
        let stopped = self.stop_by.is_some_and(|by| now >= by);
        for i in 0..JOBS {
            let Some(client) = &self.jobs[i].client else { continue };
            if now >= client.deadline {
                self.abandon(i, UnknownCode::Late);
            } else if stopped {
                self.abandon(i, UnknownCode::Stopped);
            }
        }
    }

    /// Answers a job before its end. What the peer has of it is quarantined; what a lane has comes
    /// back by the lane's reply.
    fn abandon(&mut self, i: usize, code: UnknownCode) {
        self.answer(i, Err(code));
        match self.jobs[i].take_state() {
            State::Ingested(frame) => self.release(frame, SlotClass::Frame),
            State::Inferred(heads) => self.release(heads, SlotClass::Heads),
            State::PrePl(frame, tensor) => {
                self.release(frame, SlotClass::Frame);
                self.release(tensor, SlotClass::Tensor);
            }
            State::PostPl(heads, result) => {
                self.release(heads, SlotClass::Heads);
                self.release(result, SlotClass::Result);
            }
            State::Free | State::Prepared(_) => {}
            lane @ (State::PreCpu | State::Copying | State::Main | State::PostCpu) => {
                self.jobs[i].state = lane;
            }
        }
    }

    /// Gives a slot up: back to the table, or into quarantine while the peer has it.
    fn release(&mut self, hold: Hold, class: SlotClass) {
        match hold.reclaim_after_epoch(&self.slots) {
            Hold::Ours(owned) => {
                drop(owned);
                if class == SlotClass::Frame {
                    self.shared.frame_freed.notify_one();
                }
            }
            Hold::Theirs(granted) => self.quarantine.push(granted, class),
        }
    }

    /// Takes back what the peer returned of the quarantined slots.
    fn reclaim(&mut self) {
        let frames = self.quarantine.reclaim(&self.slots);
        for _ in 0..frames {
            self.shared.frame_freed.notify_one();
        }
    }

    /// Counts a fault once and marks the job with it.
    fn degrade(&mut self, i: usize, incident: Incident) {
        self.counters.incident(incident);
        self.mark(i, incident);
    }

    /// Marks a job with a fault that was counted already.
    fn mark(&mut self, i: usize, incident: Incident) {
        if let Some(client) = &mut self.jobs[i].client {
            client.answer.degraded.insert(incident);
        }
    }

    fn next_wake(&self, now: Nanos) -> Nanos {
        /// What waits for room in a ring is tried again this soon.
        const RETRY: Nanos = 1_000_000;
        let deadlines = self.jobs.iter().filter_map(|job| Some(job.client.as_ref()?.deadline));
        let mut next = deadlines.fold(self.health.next_tick(), Nanos::min);
        next = next.min(self.pings.next_timeout()).min(self.stop_by.unwrap_or(Nanos::MAX));
        next = next.min(self.hold.as_ref().map_or(Nanos::MAX, |(by, _)| *by));
        if self.cancels.any() || (self.gate_pending && self.health.is_up()) {
            next = next.min(now.saturating_add(RETRY));
        }
        next
    }

    /// Where every slot is.
    pub fn audit(&self) -> SlotAudit {
        let class = |class: SlotClass| {
            let total = self.slots.total(class) as u32;
            let free = self.slots.free(class) as u32;
            let granted = self.granted(class);
            let quarantined = self.quarantine.count(class) as u32;
            let in_use = total.saturating_sub(free + granted + quarantined);
            ClassAudit { total, free, in_use, granted, quarantined }
        };
        SlotAudit {
            frame: class(SlotClass::Frame),
            tensor: class(SlotClass::Tensor),
            heads: class(SlotClass::Heads),
            result: class(SlotClass::Result),
        }
    }

    /// Slots of a class that the peer has for a job.
    fn granted(&self, class: SlotClass) -> u32 {
        let theirs = |job: &Job| match (&job.state, class) {
            (State::Ingested(hold) | State::PrePl(hold, _), SlotClass::Frame)
            | (State::PrePl(_, hold), SlotClass::Tensor)
            | (State::Inferred(hold) | State::PostPl(hold, _), SlotClass::Heads)
            | (State::PostPl(_, hold), SlotClass::Result) => matches!(hold, Hold::Theirs(_)),
            _ => false,
        };
        self.jobs.iter().filter(|job| theirs(job)).count() as u32
    }

    fn report(&self) -> Report {
        Report {
            peer: PeerReport {
                state: self.health.state(),
                epoch: self.master.peer_epoch(),
                heartbeat: self.master.peer_heartbeat(),
            },
            slots: self.audit(),
            jobs: self.jobs.iter().filter(|job| job.client.is_some()).count() as u32,
        }
    }
}
