//! The CPU lane: stands in for the programmable logic with the same integers, bit for bit: `pre`
//! by SIMD that equals the model, `post` by the model itself.

use std::sync::Arc;

use tandem_link::slot::Owned;
use tandem_model::post::{self, PostParams, PostScratch};
use tandem_model::pre::{PreParams, Tables};

use super::{Channel, Lane, Waker, wait};
use crate::job::Hold;
use crate::slots::{CpuLaneView, MapError, Pool};

/// What the lane does, with the slots that it does it on.
#[allow(clippy::large_enum_variant)] // lives in a queue entry of one size
#[derive(Debug)]
pub enum CpuWork {
    /// The `pre` kernel's work.
    Pre {
        /// Input; a dead peer may still hold it.
        frame: Hold,
        /// Output.
        tensor: Owned,
        /// What to do.
        params: PreParams,
    },
    /// The `post` kernel's work.
    Post {
        /// Input; a dead peer may still hold it.
        heads: Hold,
        /// Output.
        result: Owned,
        /// What to do.
        params: PostParams,
    },
    /// Copy a tensor out, for people to look at.
    Copy {
        /// Input.
        tensor: Owned,
        /// How much of it.
        bytes: usize,
        /// Output; has room already.
        into: Vec<u8>,
    },
}

/// Do this.
#[derive(Debug)]
pub struct CpuRequest {
    /// Entry of the job table.
    pub job: usize,
    /// What.
    pub work: CpuWork,
}

/// It is done.
#[derive(Debug)]
pub struct CpuReply {
    /// Entry of the job table.
    pub job: usize,
    /// The request's work with its slots.
    pub work: CpuWork,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// Queues of the CPU lane.
pub type CpuChannel = Channel<CpuRequest, CpuReply>;

/// The lane.
pub struct CpuLane {
    view: CpuLaneView,
    pre_scratch: tandem_simd::Scratch,
    scratch: Box<PostScratch>,
    channel: Arc<CpuChannel>,
    wake: Waker,
}

impl CpuLane {
    /// Makes the lane and maps what it needs.
    ///
    /// # Errors
    /// [`MapError`].
    pub fn new(pool: &Pool, channel: Arc<CpuChannel>, wake: Waker) -> Result<Self, MapError> {
        let (pre_scratch, scratch) = (tandem_simd::Scratch::new(), Box::default());
        Ok(Self { view: CpuLaneView::new(pool)?, pre_scratch, scratch, channel, wake })
    }

    fn run(&mut self, work: &mut CpuWork) -> Result<(), String> {
        let Self { view, pre_scratch, scratch, .. } = self;
        match work {
            CpuWork::Pre { frame, tensor, params } => {
                let frame = match frame {
                    Hold::Ours(owned) => view.frame(owned),
                    Hold::Theirs(granted) => view.granted_frame(granted),
                };
                let frame = frame.map_err(|e| e.to_string())?;
                let tensor = view.tensor_mut(tensor).map_err(|e| e.to_string())?;
                tandem_simd::preprocess(params, &Tables::NONE, frame, tensor, pre_scratch)
                    .map_err(|e| e.to_string())
            }
            CpuWork::Post { heads, result, params } => {
                let heads = match heads {
                    Hold::Ours(owned) => view.heads(owned),
                    Hold::Theirs(granted) => view.granted_heads(granted),
                };
                let heads = heads.map_err(|e| e.to_string())?;
                let result = view.result_mut(result).map_err(|e| e.to_string())?;
                let run = post::postprocess(params, heads, result, scratch);
                run.map(|_| ()).map_err(|e| e.to_string())
            }
            CpuWork::Copy { tensor, bytes, into } => {
                let tensor = view.tensor(tensor).map_err(|e| e.to_string())?;
                into.clear();
                into.extend_from_slice(tensor.get(..*bytes).ok_or("tensor slot too small")?);
                Ok(())
            }
        }
    }
}

impl Lane for CpuLane {
    fn poll(&mut self) -> bool {
        let Some(CpuRequest { job, mut work }) = self.channel.requests.pop() else { return false };
        let failure = self.run(&mut work).err();
        self.channel.answer(CpuReply { job, work, failure });
        (self.wake)();
        true
    }

    fn wait(&self) -> bool {
        wait(&self.channel)
    }
}
