//! The engine lane: runs the main model from a tensor slot into a heads slot.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tandem_engine::{Engine, EngineError};
use tandem_link::slot::Owned;

use super::{Channel, Lane, Waker, wait};
use crate::counters::{Counters, Flow};
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
    pub failure: Option<String>,
}

/// Queues of the engine lane.
pub type EngineChannel = Channel<EngineRequest, EngineReply>;

/// One engine. Several lanes may share a channel.
pub struct EngineLane {
    engine: Box<dyn Engine>,
    view: EngineView,
    channel: Arc<EngineChannel>,
    counters: Arc<Counters>,
    wake: Waker,
}

impl EngineLane {
    /// Makes the lane and maps what it needs.
    ///
    /// # Errors
    /// [`MapError`].
    pub fn new(
        engine: Box<dyn Engine>,
        pool: &Pool,
        channel: Arc<EngineChannel>,
        counters: Arc<Counters>,
        wake: Waker,
    ) -> Result<Self, MapError> {
        Ok(Self { engine, view: EngineView::new(pool)?, channel, counters, wake })
    }

    fn run(&mut self, request: &mut EngineRequest) -> Result<(), String> {
        let EngineRequest { tensor, heads, tensor_bytes, heads_bytes, .. } = request;
        let say = |error: &dyn std::fmt::Display| error.to_string();
        let tensor = self.view.tensor(tensor).map_err(|e| say(&e))?;
        let heads = self.view.heads_mut(heads).map_err(|e| say(&e))?;
        let tensor = tensor.get(..*tensor_bytes).ok_or("tensor slot too small")?;
        let heads = heads.get_mut(..*heads_bytes).ok_or("heads slot too small")?;
        let copies = self.engine.capabilities();
        if !copies.reads_in_place {
            self.counters.flow_by(Flow::EngineTensorCopied, *tensor_bytes as u64);
        }
        if !copies.writes_in_place {
            self.counters.flow_by(Flow::EngineHeadsCopied, *heads_bytes as u64);
        }
        // A runtime that panics must not take the slots and the lane with it.
        let run = catch_unwind(AssertUnwindSafe(|| self.engine.run(tensor, heads)));
        run.unwrap_or_else(|_| Err(EngineError::Run("the runtime panicked".into())))
            .map_err(|e| say(&e))
    }
}

impl Lane for EngineLane {
    fn poll(&mut self) -> bool {
        let Some(mut request) = self.channel.requests.pop() else { return false };
        let failure = self.run(&mut request).err();
        let EngineRequest { job, tensor, heads, .. } = request;
        self.channel.answer(EngineReply { job, tensor, heads, failure });
        (self.wake)();
        true
    }

    fn wait(&self) -> bool {
        wait(&self.channel)
    }
}
