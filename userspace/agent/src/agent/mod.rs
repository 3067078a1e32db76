//! The facade: starts the data plane and its lanes, takes jobs in, gives answers out.

mod assemble;
mod config;
mod error;
mod frame;
mod ports;
mod turns;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use tandem_channels::Table;
use tandem_link::board::{Board, FaultPort, LinePort, RemoteCore};
use tandem_link::crash::Record;
use tandem_link::message::Nanos;
use tandem_link::slot::Owned;
use tandem_policy::{EngineSet, Store};

use crate::api::Silicon;
use crate::counters::{Counters, Flow, Snapshot, StageName};
use crate::dataplane::{Command, Report, Shared, SlotAudit, Trigger};
use crate::job::{Answer, StageRecord, Submission, UnknownCode, Want};
use crate::judge::{Policy, VerdictRecord};
use crate::lanes::EnginePort;
use crate::slots::IngestView;
use crate::ticket::{self, Ticket};
pub use assemble::{Engines, Machinery};
pub use config::AgentConfig;
pub use error::{StartError, SubmitError};
pub use frame::{FrameSlot, IngestedFrame};
use ports::Ports;

/// The agent. Share it in an [`Arc`]; every method may be called from any thread.
pub struct Agent {
    ports: Arc<dyn Ports>,
    shared: Arc<Shared>,
    counters: Arc<Counters>,
    policy: ArcSwap<Policy>,
    view: Arc<IngestView>,
    take_frame: Box<dyn Fn() -> Option<Owned> + Send + Sync>,
    frame_capacity: usize,
    config: AgentConfig,
    engine_name: &'static str,
    /// In the order of the routing policies' catalog.
    engines: Vec<Arc<EnginePort>>,
    threads: Mutex<Threads>,
}

#[derive(Default)]
struct Threads {
    data_plane: Option<JoinHandle<SlotAudit>>,
    lanes: Vec<JoinHandle<()>>,
    close: Vec<Box<dyn Fn() + Send>>,
    audit: Option<SlotAudit>,
}

impl Agent {
    /// Starts all threads on a board, with loaded engines of the policy's model.
    ///
    /// # Errors
    /// [`StartError`]; no thread is left running.
    pub fn start<B: Board>(
        board: Arc<B>,
        config: AgentConfig,
        policy: Policy,
        engines: impl Into<Engines>,
    ) -> Result<Self, StartError> {
        let (agent, machinery) = Self::assemble(board, config, policy, engines)?;
        agent.spawn(machinery)?;
        Ok(agent)
    }

    /// The board's one clock.
    pub fn now(&self) -> Nanos {
        self.ports.now()
    }

    /// Control of the R5F's core, for its state; to restart it use [`Agent::restart_core`].
    pub fn core(&self) -> &dyn RemoteCore {
        self.ports.core()
    }

    /// Raw defmt bytes that the firmware logged since the last call; returns bytes lost before.
    pub fn drain_log(&self, sink: &mut Vec<u8>) -> u32 {
        self.ports.drain_log(sink)
    }

    /// The firmware's crash records, oldest first, and how many are damaged.
    pub fn crashes(&self) -> (Vec<Record>, u32) {
        self.ports.crashes()
    }

    /// Fault injection, on a virtual board.
    pub fn faults(&self) -> Option<&dyn FaultPort> {
        self.ports.faults()
    }

    /// The line of parts, on a virtual board.
    pub fn line(&self) -> Option<&dyn LinePort> {
        self.ports.line()
    }

    /// Bytes of a frame slot.
    pub fn frame_capacity(&self) -> usize {
        self.frame_capacity
    }

    /// The ways that bytes take.
    pub fn channels(&self) -> &Arc<Table> {
        &self.shared.channels
    }

    /// Name of the engine that runs the main model.
    pub fn engine_name(&self) -> &'static str {
        self.engine_name
    }

    /// Routing policies, where the agent was given a store of them.
    pub fn routing(&self) -> Option<&Arc<Store>> {
        self.config.routing.as_ref()
    }

    /// Engines that would take a run now.
    pub fn engines_ready(&self) -> EngineSet {
        let ready = self.engines.iter().enumerate().filter(|(_, port)| port.is_ready());
        ready.fold(EngineSet::default(), |set, (i, _)| set.with(i))
    }

    /// A frame slot, if one is free.
    pub fn try_reserve_frame(&self) -> Option<FrameSlot> {
        let owned = Some((self.take_frame)()?);
        Some(FrameSlot { owned, view: self.view.clone(), shared: self.shared.clone() })
    }

    /// A frame slot, as soon as one is free. `None` once the agent shuts down. Bound it by the
    /// caller's own timeout.
    pub async fn reserve_frame(&self) -> Option<FrameSlot> {
        /// A notification names no class and may go to a waiter that gave up: look again by time.
        const LOOK_AGAIN: Duration = Duration::from_millis(5);
        loop {
            if self.shared.is_stopping() {
                return None;
            }
            if let Some(slot) = self.try_reserve_frame() {
                return Some(slot);
            }
            let _ = tokio::time::timeout(LOOK_AGAIN, self.shared.frame_freed.notified()).await;
        }
    }

    /// Takes a job in; it is answered exactly once.
    ///
    /// # Errors
    /// [`SubmitError`]: it was not taken in.
    pub fn submit(&self, frame: IngestedFrame) -> Result<Ticket<Box<Answer>>, SubmitError> {
        self.enqueue(frame, Want::Verdict)
    }

    /// Runs a frame as far as the tensor that the model would be given. The answer has it in
    /// [`Answer::tensor`]; its verdict is without meaning.
    ///
    /// # Errors
    /// As [`Agent::submit`].
    pub fn tensor(&self, frame: IngestedFrame) -> Result<Ticket<Box<Answer>>, SubmitError> {
        self.enqueue(frame, Want::Tensor)
    }

    fn enqueue(
        &self,
        mut ingested: IngestedFrame,
        want: Want,
    ) -> Result<Ticket<Box<Answer>>, SubmitError> {
        if self.shared.is_stopping() {
            return Err(SubmitError::Stopping);
        }
        let frame = ingested.frame;
        let policy = ingested.policy.take().unwrap_or_else(|| self.policy.load_full());
        let pre = policy.pre_params(frame)?;
        let owned = ingested.slot.owned.take().ok_or(SubmitError::Busy)?;
        let (need, have) = (pre.frame_bytes(), owned.capacity() as usize);
        if need > have {
            return Err(SubmitError::TooLarge { need, have });
        }
        let submitted = self.now();
        let began = ingested.began.min(submitted);
        let ingest = submitted - began;
        let (sender, ticket) = ticket::pair();
        let limit = usize::from(policy.post.max_detections);
        let mut stages = [None; StageName::ALL.len()];
        stages[StageName::Ingest as usize] =
            Some(StageRecord { silicon: Silicon::Cpu, ns: ingest });
        let answer = Box::new(Answer {
            name: std::mem::take(&mut ingested.name),
            size: [frame.width, frame.height],
            record: VerdictRecord::UNKNOWN,
            deadline_met: false,
            code: Some(UnknownCode::Stopped),
            detail: None,
            shortfall: None,
            detections: Vec::with_capacity(if want == Want::Verdict { limit } else { 0 }),
            cut: 0,
            stages,
            degraded: Default::default(),
            policy,
            options: std::mem::take(&mut ingested.options),
            routed: None,
            tag: ingested.tag,
            tensor: Vec::with_capacity(if want == Want::Tensor { pre.tensor_bytes() } else { 0 }),
        });
        let default = began.saturating_add(self.config.deadline);
        let submission = Box::new(Submission {
            frame: owned,
            pre,
            want,
            deadline: ingested.deadline.unwrap_or(default),
            ingest_began: began,
            submitted,
            answer,
            reply: sender,
        });
        self.shared.submissions.push(submission).map_err(|_| SubmitError::Busy)?;
        self.counters.stage(StageName::Ingest, Silicon::Cpu, ingest);
        self.counters.flow_by(Flow::IngestBytesIn, ingested.bytes_in);
        self.counters.flow_by(Flow::IngestBytesOut, need as u64);
        self.ports.wake();
        Ok(ticket)
    }

    /// From the start of ingest to the verdict, for jobs that bring no deadline.
    pub fn default_deadline(&self) -> Nanos {
        self.config.deadline
    }

    /// The policy that new jobs run under.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// New jobs run under this policy; those under way keep theirs. Returns the one before.
    ///
    /// # Errors
    /// [`StartError::Model`] if it is not a policy of the model that the engines run; nothing is
    /// changed.
    pub fn swap_policy(&self, policy: Arc<Policy>) -> Result<Arc<Policy>, StartError> {
        let present = self.policy.load();
        if !policy.same_model(&present) {
            let [policy, engine] = [&policy.model, &present.model].map(|name| name.to_string());
            return Err(StartError::Model { policy, engine });
        }
        Ok(self.policy.swap(policy))
    }

    /// Next part that passed the trigger, if one waits.
    pub fn try_next_trigger(&self) -> Option<Trigger> {
        self.shared.triggers.pop()
    }

    /// Next part that passes the trigger. `None` once the agent shuts down.
    pub async fn next_trigger(&self) -> Option<Trigger> {
        loop {
            let notified = self.shared.triggered.notified();
            if let Some(trigger) = self.try_next_trigger() {
                return Some(trigger);
            }
            if self.shared.is_stopping() {
                return None;
            }
            notified.await;
        }
    }

    /// A copy of all counters.
    pub fn stats(&self) -> Snapshot {
        self.counters.snapshot()
    }

    /// The counters themselves, for whoever counts beside the data plane (ingest).
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    fn command(&self, command: Command) -> bool {
        let queued = self.shared.commands.push(command).is_ok();
        self.ports.wake();
        queued
    }

    /// Round trip through the rings to the R5F and back, in nanoseconds. The ticket is
    /// [`ticket::Gone`] if the peer does not answer in a second.
    pub fn ping(&self) -> Ticket<Nanos> {
        let (sender, ticket) = ticket::pair();
        self.command(Command::Ping(sender));
        ticket
    }

    /// Where the slots are, how the peer does.
    pub fn report(&self) -> Ticket<Report> {
        let (sender, ticket) = ticket::pair();
        self.command(Command::Report(sender));
        ticket
    }

    /// Where the slots are. After [`Agent::shutdown`] the final state. Blocks for the data plane's
    /// next turn, ten seconds at most; `None` if it took none. In async code use
    /// [`Agent::report`].
    pub fn audit_slots(&self) -> Option<SlotAudit> {
        let last = self.threads.lock().unwrap_or_else(PoisonError::into_inner).audit;
        last.or_else(|| {
            let report = self.report().wait(Duration::from_secs(10))?.ok()?;
            Some(report.slots)
        })
    }

    /// Sets the gate, now and after each restart of the peer. `false` if the queue is full.
    pub fn configure_gate(&self, delay: Nanos, pulse: Nanos) -> bool {
        self.command(Command::ConfigureGate { delay, pulse })
    }

    /// Restarts the R5F's core. What it has at work goes to the CPU. `false` if the queue is full.
    pub fn restart_core(&self) -> bool {
        self.command(Command::Restart)
    }

    /// No new jobs to the R5F, and no restarts by itself, until [`Agent::release`]. The ticket's value
    /// comes when the R5F has no job any more (`true`), or after `within`, when the CPU does what it had
    /// (`false`): then a DMA may still be under way.
    pub fn hold(&self, within: Duration) -> Ticket<bool> {
        let (ended, ticket) = ticket::pair();
        let within = Nanos::try_from(within.as_nanos()).unwrap_or(Nanos::MAX);
        self.command(Command::Hold { within, ended });
        ticket
    }

    /// Ends a hold: jobs go to the R5F as soon as it has joined. `false` if the queue is full.
    pub fn release(&self) -> bool {
        self.command(Command::Release)
    }

    /// [`Agent::shutdown`] has begun.
    pub fn is_stopping(&self) -> bool {
        self.shared.is_stopping()
    }

    /// How long a heartbeat may stand still.
    pub fn frozen_after(&self) -> Duration {
        Duration::from_nanos(self.config.health.frozen_after)
    }

    /// How long a firmware may take to announce itself.
    pub fn announce_within(&self) -> Duration {
        Duration::from_nanos(self.config.health.announce_within)
    }

    /// Ends all threads. Jobs under way end first, within [`AgentConfig::stop_within`]. Blocks;
    /// returns where the slots were at the end. Further calls return the same.
    pub fn shutdown(&self) -> Option<SlotAudit> {
        self.shared.stop();
        self.ports.wake();
        self.shared.triggered.notify_waiters();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(data_plane) = threads.data_plane.take() {
            threads.audit = data_plane.join().ok();
        }
        for close in threads.close.drain(..) {
            close();
        }
        for lane in threads.lanes.drain(..) {
            // A lane that panicked has said so on stderr; there is nothing left to do about it.
            let _ = lane.join();
        }
        threads.audit
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent").field("engine", &self.engine_name).finish_non_exhaustive()
    }
}
