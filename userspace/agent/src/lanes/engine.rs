//! The engine lanes: each runs the main model from a tensor slot into a heads slot.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tandem_channels::{Bytes, Channel as Measured, Table};
use tandem_engine::{Engine, EngineError};
use tandem_link::slot::Owned;

use super::{Channel, Lane, Waker};
use crate::counters::{Counters, Flow, Incident};
use crate::slots::{EngineView, MapError, Pool};

/// Run the model.
#[derive(Debug)]
pub struct EngineRequest {
    /// Entry of the job table.
    pub job: usize,
    /// Input.
    pub tensor: Owned,
    /// Output.
    pub heads: Owned,
    /// Bytes of the tensor.
    pub tensor_bytes: usize,
    /// Bytes of the heads.
    pub heads_bytes: usize,
    /// The job's deadline, on this process's clock.
    pub by: Instant,
}

/// It ran.
#[derive(Debug)]
pub struct EngineReply {
    /// Entry of the job table.
    pub job: usize,
    /// Input slot, back.
    pub tensor: Owned,
    /// Output slot, back.
    pub heads: Owned,
    /// Why it failed, if it did.
    pub failure: Option<EngineFailure>,
}

/// Why a run failed.
#[derive(Debug)]
pub struct EngineFailure {
    /// What kind of fault it is.
    pub kind: FailureKind,
    /// In words.
    pub text: String,
}

/// Kinds of failed runs, by who counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The runtime failed on this job: nobody has counted that.
    Failed,
    /// The engine's process is gone: the lane has counted [`Incident::WorkerLost`].
    Lost,
    /// The job's time was over.
    Late,
}

impl From<EngineError> for EngineFailure {
    fn from(error: EngineError) -> Self {
        let kind = match error {
            EngineError::Lost { .. } => FailureKind::Lost,
            EngineError::Late => FailureKind::Late,
            _ => FailureKind::Failed,
        };
        Self { kind, text: error.to_string() }
    }
}

/// One engine as the data plane sees it.
#[derive(Debug)]
pub struct EnginePort {
    /// Queues of its lane.
    pub channel: Channel<EngineRequest, EngineReply>,
    ready: AtomicBool,
}

impl EnginePort {
    /// The engine is there; an engine in another process may not be.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }
}

/// Where a lane's engine stands in the table of channels.
#[derive(Clone, Debug)]
pub struct Way {
    /// The table.
    pub channels: Arc<Table>,
    /// Among the engines.
    pub position: usize,
}

impl Way {
    fn channel(&self) -> Option<&Measured> {
        self.channels.engine(self.position)
    }
}

/// One engine's lane.
pub struct EngineLane {
    engine: Box<dyn Engine>,
    view: EngineView,
    port: Arc<EnginePort>,
    counters: Arc<Counters>,
    way: Way,
    wake: Waker,
    losses: u64,
    /// When the engine wants to be looked after.
    tend_at: Option<Instant>,
}

impl EngineLane {
    /// Makes the lane and maps what it needs.
    ///
    /// # Errors
    /// [`MapError`].
    pub fn new(
        engine: Box<dyn Engine>,
        pool: &Pool,
        counters: Arc<Counters>,
        way: Way,
        wake: Waker,
    ) -> Result<Self, MapError> {
        let tend_at = engine.presence().remote.then(Instant::now);
        let ready = AtomicBool::new(engine.presence().ready);
        let port = Arc::new(EnginePort { channel: Channel::default(), ready });
        let view = EngineView::new(pool)?;
        Ok(Self { engine, view, port, counters, way, wake, losses: 0, tend_at })
    }

    /// What the data plane needs of it.
    pub fn port(&self) -> &Arc<EnginePort> {
        &self.port
    }

    fn run(&mut self, request: &mut EngineRequest) -> Result<(), EngineError> {
        let EngineRequest { tensor, heads, tensor_bytes, heads_bytes, by, .. } = request;
        let slot = |error: &dyn std::fmt::Display| EngineError::Run(error.to_string());
        let tensor = self.view.tensor(tensor).map_err(|e| slot(&e))?;
        let heads = self.view.heads_mut(heads).map_err(|e| slot(&e))?;
        let tensor = tensor.get(..*tensor_bytes).ok_or_else(|| slot(&"tensor slot too small"))?;
        let heads = heads.get_mut(..*heads_bytes).ok_or_else(|| slot(&"heads slot too small"))?;
        let (copies, sizes) = (self.engine.capabilities(), [*tensor_bytes, *heads_bytes]);
        let [sent, received] = sizes.map(|bytes| bytes as u64);
        if !copies.reads_in_place {
            self.counters.flow_by(Flow::EngineTensorCopied, sent);
        }
        if !copies.writes_in_place {
            self.counters.flow_by(Flow::EngineHeadsCopied, received);
        }
        // A runtime that panics must not take the slots and the lane with it.
        let began = Instant::now();
        let run = catch_unwind(AssertUnwindSafe(|| self.engine.run_by(tensor, heads, *by)));
        run.unwrap_or_else(|_| Err(EngineError::Run("the runtime panicked".into())))?;
        let took = began.elapsed();
        if self.engine.presence().remote {
            self.counters.flow_by(Flow::WorkerBytesOut, sent);
            self.counters.flow_by(Flow::WorkerBytesIn, received);
        }
        self.carried(Bytes { out: sent, back: received }, took);
        Ok(())
    }

    /// A run that took so long came through. To an engine in this process nothing travels.
    fn carried(&self, bytes: Bytes, took: Duration) {
        let Some(channel) = self.way.channel() else { return };
        let on_the_way = self.engine.away().map_or(Duration::ZERO, |away| {
            channel.round_trip(away.round_trip_ns);
            took.saturating_sub(Duration::from_nanos(away.engine_ns))
        });
        channel.carried(bytes, on_the_way.as_nanos().try_into().unwrap_or(u64::MAX));
    }

    /// Counts losses, each once, and tells the data plane whether the engine is there. Before the
    /// reply of a run: the data plane must not send the job here again.
    fn look(&mut self) {
        let presence = self.engine.presence();
        for _ in self.losses..presence.losses {
            self.counters.incident(Incident::WorkerLost);
        }
        self.losses = presence.losses;
        if self.port.ready.swap(presence.ready, Ordering::Relaxed) != presence.ready {
            (self.wake)();
        }
    }

    /// Looks after an engine in another process, if it is time.
    fn tend(&mut self) {
        let now = Instant::now();
        if self.tend_at.is_some_and(|at| now >= at) {
            self.tend_at = self.engine.tend().map(|wait| Instant::now() + wait);
            self.look();
        }
    }
}

impl Lane for EngineLane {
    fn poll(&mut self) -> bool {
        let Some(mut request) = self.port.channel.requests.pop() else {
            self.tend();
            return false;
        };
        let failure = self.run(&mut request).err().map(EngineFailure::from);
        if let (Some(_), Some(channel)) = (&failure, self.way.channel()) {
            channel.failed();
        }
        self.look();
        if self.tend_at.is_some() {
            // What a run found out about the engine may change when it is to be looked after.
            self.tend_at = Some(Instant::now());
        }
        let EngineRequest { job, tensor, heads, .. } = request;
        self.port.channel.answer(EngineReply { job, tensor, heads, failure });
        (self.wake)();
        true
    }

    fn wait(&self) -> bool {
        let now = Instant::now();
        let longest = self.tend_at.map_or(Duration::MAX, |at| at.saturating_duration_since(now));
        self.port.channel.wait_for(longest)
    }
}
