//! What is particular to the jobs of one lane.

use heapless::Vec;
use serde::de::DeserializeOwned;
use tandem_drivers::{
    dma::{Plan, PlanError},
    kernel::{KernelKind, Post, Pre},
};
use tandem_link::{
    SlotClass,
    job::JobHead,
    message::{Lane, Nanos},
};
use tandem_model::{post::PostParams, pre::PreParams};

use crate::{known::Member, link::Ended, platform::irq};

/// A job of a lane, as it waits.
pub struct Job<K: KernelKind> {
    /// What its answer needs: id, slots (the first is read by the kernel, the second written), arrival.
    pub ended: Ended,
    /// Absolute.
    pub deadline: Nanos,
    /// What the kernel does, if that is remembered.
    pub set: Option<Member>,
    /// What the kernel does, if that is not remembered, or only since this job: at most one.
    pub params: Vec<K::Params, 1>,
}

impl<K: KernelKind> Job<K> {
    /// No job.
    pub const EMPTY: Self = Self { ended: Ended::NONE, deadline: 0, set: None, params: Vec::new() };

    /// Becomes the job of a message, with a set of parameters that is remembered, if any.
    #[inline(always)]
    pub fn fill(&mut self, head: &JobHead, received: Nanos, set: Option<Member>) {
        self.ended = Ended::of(head, received);
        self.deadline = head.deadline;
        self.set = set;
        self.params.clear();
    }
}

/// A kernel as the end of a lane.
pub trait LaneKind: KernelKind<Params: DeserializeOwned> {
    /// Which lane.
    const LANE: Lane;
    /// For logs.
    const NAME: &'static str;
    /// Interrupt lines of the lane's DMA.
    const LINES: u32;
    /// The line that announces the end of a job.
    const END: u32;
    /// Class of the input slot.
    const INPUT: SlotClass;
    /// Class of the output slot.
    const OUTPUT: SlotClass;

    /// Bytes that a job needs in its input and in its output slot.
    ///
    /// # Errors
    /// The parameters do not hold together.
    fn needs(params: &Self::Params) -> Result<(usize, usize), PlanError>;

    /// Which bytes move, from the input slot's address and to the output slot's.
    ///
    /// # Errors
    /// The DMA cannot do it.
    fn plans(params: &Self::Params, input: u32, output: u32) -> Result<(Plan, Plan), PlanError>;
}

impl LaneKind for Pre {
    const LANE: Lane = Lane::Pre;
    const NAME: &'static str = "pre";
    const LINES: u32 = irq::PRE_MM2S | irq::PRE_S2MM;
    const END: u32 = irq::PRE_S2MM;
    const INPUT: SlotClass = SlotClass::Frame;
    const OUTPUT: SlotClass = SlotClass::Tensor;

    fn needs(params: &PreParams) -> Result<(usize, usize), PlanError> {
        params.validate()?;
        Ok((params.frame_bytes(), params.tensor_bytes()))
    }

    fn plans(params: &PreParams, input: u32, output: u32) -> Result<(Plan, Plan), PlanError> {
        Ok((Plan::pre_input(params, input)?, Plan::pre_output(params, output)?))
    }
}

impl LaneKind for Post {
    const LANE: Lane = Lane::Post;
    const NAME: &'static str = "post";
    const LINES: u32 = irq::POST_MM2S | irq::POST_S2MM;
    const END: u32 = irq::POST_S2MM;
    const INPUT: SlotClass = SlotClass::Heads;
    const OUTPUT: SlotClass = SlotClass::Result;

    fn needs(params: &PostParams) -> Result<(usize, usize), PlanError> {
        params.validate()?;
        Ok((params.heads_bytes(), params.result_bytes()))
    }

    fn plans(params: &PostParams, input: u32, output: u32) -> Result<(Plan, Plan), PlanError> {
        Ok((Plan::post_input(params, input)?, Plan::post_output(params, output)?))
    }
}
