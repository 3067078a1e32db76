//! Stages: which silicon runs the next one, and what becomes of a run.

use std::time::{Duration, Instant};

use tandem_channels::Bytes;
use tandem_link::board::Board;
use tandem_link::master::Refused;
use tandem_link::message::{JobStatus, Nanos};
use tandem_link::slot::Owned;
use tandem_link::{LinkError, SlotClass};

use super::DataPlane;
use super::main_lanes::Place;
use crate::api::Silicon;
use crate::counters::{Flow, Incident, StageName};
use crate::job::{Hold, JOBS, Job, StageRecord, State, UnknownCode, Want};
use crate::lanes::{
    CpuReply, CpuRequest, CpuWork, EngineFailure, EngineReply, EngineRequest, FailureKind,
};

/// A job's time is at most this to an engine, so that adding it to a clock cannot overflow.
const LONGEST: Duration = Duration::from_secs(3600);

/// Where a stage goes now.
enum Site {
    Pl,
    /// For this reason, if the job is not marked with one yet.
    Cpu(Option<Incident>),
    Wait,
}

impl<B: Board> DataPlane<B> {
    /// Starts what can be started, earliest deadline first.
    pub(super) fn schedule(&mut self) {
        let mut order: [(Nanos, usize); JOBS] = std::array::from_fn(|i| {
            let client = self.jobs[i].client.as_ref();
            (client.map_or(Nanos::MAX, |client| client.deadline), i)
        });
        order.sort_unstable();
        for (_, i) in order {
            match self.jobs[i].state {
                State::Ingested(_) => self.start_pre(i),
                State::Prepared(_) => self.start_main(i),
                State::Inferred(_) => self.start_post(i),
                _ => {}
            }
        }
    }

    /// The programmable logic while the peer is well and has not failed this stage. It is given
    /// `pl_depth` runs at once; a run whose slots it never gave back counts as one, and when there
    /// are only such it is not waited for.
    fn site(&self, i: usize, input: &Hold, output: SlotClass) -> Site {
        if self.jobs[i].to_cpu || !self.jobs[i].logic || matches!(input, Hold::Theirs(_)) {
            return Site::Cpu(None);
        }
        if !self.health.is_up() {
            return Site::Cpu(Some(self.health.reason()));
        }
        let withheld = self.quarantine.count(output);
        if withheld >= self.pl_depth {
            return Site::Cpu(Some(Incident::SlotsWithheld));
        }
        let under_way = self.jobs.iter().filter(|job| match job.state {
            State::PrePl(..) => output == SlotClass::Tensor,
            State::PostPl(..) => output == SlotClass::Result,
            _ => false,
        });
        if under_way.count() + withheld < self.pl_depth { Site::Pl } else { Site::Wait }
    }

    fn start_pre(&mut self, i: usize) {
        let State::Ingested(frame) = self.jobs[i].take_state() else { return };
        let site = self.site(i, &frame, SlotClass::Tensor);
        if matches!(site, Site::Wait) {
            self.jobs[i].state = State::Ingested(frame);
            return;
        }
        let Some(tensor) = self.slots.take(SlotClass::Tensor) else {
            self.jobs[i].state = State::Ingested(frame);
            return;
        };
        let Some(client) = &self.jobs[i].client else { return };
        let (params, deadline) = (client.pre.clone(), client.deadline);
        let (frame, tensor) = match (site, frame) {
            (Site::Pl, Hold::Ours(frame)) => {
                let id = self.new_id();
                match self.master.submit_pre(id, deadline, frame, tensor, params.clone()) {
                    Ok((frame, tensor)) => {
                        let state = State::PrePl(Hold::Theirs(frame), Hold::Theirs(tensor));
                        return self.sent_job(i, id, state);
                    }
                    Err(Refused { error, input, output }) => {
                        self.refused(i, error);
                        (Hold::Ours(input), output)
                    }
                }
            }
            (Site::Cpu(Some(reason)), frame) => {
                self.mark(i, reason);
                (frame, tensor)
            }
            (_, frame) => (frame, tensor),
        };
        self.stand_in(i, CpuWork::Pre { frame, tensor, params }, State::PreCpu);
    }

    fn start_post(&mut self, i: usize) {
        let State::Inferred(heads) = self.jobs[i].take_state() else { return };
        let site = self.site(i, &heads, SlotClass::Result);
        if matches!(site, Site::Wait) {
            self.jobs[i].state = State::Inferred(heads);
            return;
        }
        let Some(result) = self.slots.take(SlotClass::Result) else {
            self.jobs[i].state = State::Inferred(heads);
            return;
        };
        let Some(client) = &self.jobs[i].client else { return };
        let (params, deadline) = (client.answer.policy.post.clone(), client.deadline);
        let (heads, result) = match (site, heads) {
            (Site::Pl, Hold::Ours(heads)) => {
                let id = self.new_id();
                match self.master.submit_post(id, deadline, heads, result, params.clone()) {
                    Ok((heads, result)) => {
                        let state = State::PostPl(Hold::Theirs(heads), Hold::Theirs(result));
                        return self.sent_job(i, id, state);
                    }
                    Err(Refused { error, input, output }) => {
                        self.refused(i, error);
                        (Hold::Ours(input), output)
                    }
                }
            }
            (Site::Cpu(Some(reason)), heads) => {
                self.mark(i, reason);
                (heads, result)
            }
            (_, heads) => (heads, result),
        };
        self.stand_in(i, CpuWork::Post { heads, result, params }, State::PostCpu);
    }

    /// To the copy, or to an engine, if one has room.
    fn start_main(&mut self, i: usize) {
        let State::Prepared(tensor) = self.jobs[i].take_state() else { return };
        let Some(client) = &mut self.jobs[i].client else { return };
        let tensor_bytes = client.pre.tensor_bytes();
        if client.want == Want::Tensor {
            let into = std::mem::take(&mut client.answer.tensor);
            let work = CpuWork::Copy { tensor, bytes: tensor_bytes, into };
            return self.ask_cpu(i, work, State::Copying);
        }
        let (heads_bytes, deadline) = (client.answer.policy.heads_bytes, client.deadline);
        let allowed = self.jobs[i].engines;
        let place = self.lanes.main.place(self.jobs[i].to_cpu, allowed);
        let heads = place.and_then(|_| self.slots.take(SlotClass::Heads));
        let (Some(place), Some(heads)) = (place, heads) else {
            self.jobs[i].state = State::Prepared(tensor);
            return;
        };
        let left = deadline.saturating_sub(self.board.now());
        let by = Instant::now() + Duration::from_nanos(left).min(LONGEST);
        let request = EngineRequest { job: i, tensor, heads, tensor_bytes, heads_bytes, by };
        if let Err(request) = self.lanes.main.ask(place, request) {
            self.jobs[i].state = State::Prepared(request.tensor);
            return;
        }
        self.jobs[i].state = State::Main;
        if place == Place::Spare && self.lanes.main.has_spare(allowed) {
            self.counters.flow(Flow::Fallbacks);
            if !self.jobs[i].to_cpu {
                self.mark(i, Incident::WorkerLost);
            }
        }
    }

    fn new_id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        id
    }

    fn sent_job(&mut self, i: usize, id: u32, state: State) {
        self.sent();
        let garbled_before = self.garbled;
        let job = &mut self.jobs[i];
        job.state = state;
        job.id = id;
        job.unanswered = false;
        job.garbled_before = garbled_before;
    }

    /// The link did not take a job.
    fn refused(&mut self, i: usize, error: LinkError) {
        match error {
            LinkError::Full => {
                self.full();
                self.mark(i, Incident::RingFull);
            }
            LinkError::NotLinked => self.mark(i, self.health.reason()),
            _ => self.degrade(i, Incident::BadMessage),
        }
        self.jobs[i].to_cpu = true;
    }

    /// A stage goes to the CPU lane: in place of the programmable logic, or because its route says
    /// so.
    fn stand_in(&mut self, i: usize, work: CpuWork, state: State) {
        if self.jobs[i].logic {
            self.counters.flow(Flow::Fallbacks);
        }
        self.ask_cpu(i, work, state);
    }

    fn ask_cpu(&mut self, i: usize, work: CpuWork, state: State) {
        self.jobs[i].state = state;
        if let Err(CpuRequest { work, .. }) = self.lanes.cpu.ask(CpuRequest { job: i, work }) {
            // The queue has room for every job, so this is a defect; the job still ends.
            let failure = Some("the CPU lane's queue is full".to_owned());
            self.cpu_replied(CpuReply { job: i, work, failure }, self.board.now());
        }
    }

    /// A run in the programmable logic ended, one way or another.
    pub(super) fn pl_ended(&mut self, i: usize, now: Nanos, status: JobStatus, written: u32) {
        let (input, output, pre) = match self.jobs[i].take_state() {
            State::PrePl(frame, tensor) => (frame, tensor, true),
            State::PostPl(heads, result) => (heads, result, false),
            other => {
                self.jobs[i].state = other;
                return;
            }
        };
        let (input, output) = (input.reclaim(&self.slots), output.reclaim(&self.slots));
        self.measure(i, now, status, written, pre);
        let expected = self.jobs[i].client.as_ref().map(|client| client.pre.tensor_bytes());
        let short = pre && expected.is_some_and(|expected| expected != written as usize);
        let fault = Incident::of_status(status).or_else(|| {
            let withheld = !matches!((&input, &output), (Hold::Ours(_), Hold::Ours(_)));
            let mismatch = short.then_some(Incident::StreamMismatch);
            withheld.then_some(Incident::SlotsWithheld).or(mismatch)
        });
        match (fault, input, output, pre) {
            (None, input, Hold::Ours(tensor), true) => {
                self.release(input, SlotClass::Frame);
                self.prepared(i, now, tensor, Silicon::Pl);
            }
            (None, input, Hold::Ours(result), false) => {
                self.judged(i, now, input, result, Some(written));
            }
            (fault, input, output, pre) => {
                // Late is counted once per job: its deadline may have passed as well.
                match fault {
                    Some(Incident::Late) => self.late(i),
                    // Counted by the event: one load may end a job on each lane.
                    Some(Incident::LogicReset) => self.mark(i, Incident::LogicReset),
                    Some(fault) => self.degrade(i, fault),
                    None => {}
                }
                let state = if pre { State::PrePl } else { State::PostPl };
                self.jobs[i].state = state(input, output);
                self.fall_back(i);
            }
        }
    }

    /// Counts a run on its lane's channel: the bytes, and the time from when the stage began.
    fn measure(&self, i: usize, now: Nanos, status: JobStatus, written: u32, pre: bool) {
        let Job { client: Some(client), stage_began, .. } = &self.jobs[i] else { return };
        let channels = &self.shared.channels;
        let (channel, out) = match pre {
            true => (channels.pre(), client.pre.frame_bytes()),
            false => (channels.post(), client.answer.policy.heads_bytes),
        };
        match status {
            JobStatus::Ok => {
                let bytes = Bytes { out: out as u64, back: u64::from(written) };
                channel.carried(bytes, now.saturating_sub(*stage_began));
            }
            _ => channel.failed(),
        }
    }

    /// Takes a run back from the programmable logic and sends its stage to the CPU lane.
    pub(super) fn fall_back(&mut self, i: usize) {
        self.jobs[i].to_cpu = true;
        match self.jobs[i].take_state() {
            State::PrePl(frame, tensor) => {
                self.release(tensor, SlotClass::Tensor);
                self.jobs[i].state = State::Ingested(frame.reclaim_after_epoch(&self.slots));
            }
            State::PostPl(heads, result) => {
                self.release(result, SlotClass::Result);
                self.jobs[i].state = State::Inferred(heads.reclaim_after_epoch(&self.slots));
            }
            other => self.jobs[i].state = other,
        }
    }

    /// Notes how long a stage took and begins the next.
    pub(super) fn stage_done(&mut self, i: usize, now: Nanos, stage: StageName, silicon: Silicon) {
        let job = &mut self.jobs[i];
        let ns = now.saturating_sub(job.stage_began);
        job.stage_began = now;
        job.to_cpu = false;
        if let Some(client) = &mut job.client {
            client.answer.stages[stage as usize] = Some(StageRecord { silicon, ns });
        }
        self.counters.stage(stage, silicon, ns);
    }

    fn prepared(&mut self, i: usize, now: Nanos, tensor: Owned, silicon: Silicon) {
        self.stage_done(i, now, StageName::Pre, silicon);
        self.jobs[i].state = State::Prepared(tensor);
    }

    /// Takes the lanes' replies.
    pub(super) fn collect(&mut self, now: Nanos) {
        while let Some(reply) = self.lanes.main.reply() {
            self.engine_replied(reply, now);
        }
        while let Some(reply) = self.lanes.cpu.reply() {
            self.cpu_replied(reply, now);
        }
    }

    fn engine_replied(&mut self, reply: EngineReply, now: Nanos) {
        let EngineReply { job: i, tensor, heads, failure } = reply;
        self.jobs[i].state = State::Free;
        let Some(client) = &mut self.jobs[i].client else { return };
        let silicon = client.answer.policy.silicon;
        if let Some(failure) = failure {
            return self.engine_failed(i, tensor, failure);
        }
        drop(tensor);
        self.stage_done(i, now, StageName::Main, silicon);
        self.jobs[i].state = State::Inferred(Hold::Ours(heads));
    }

    /// An engine did not give heads. Once, another one may try while there is one.
    fn engine_failed(&mut self, i: usize, tensor: Owned, failure: EngineFailure) {
        let allowed = self.jobs[i].engines;
        let (incident, again) = match failure.kind {
            FailureKind::Late => return self.answer(i, Err(UnknownCode::Late)),
            FailureKind::Failed => (Incident::EngineFailed, self.lanes.main.has_spare(allowed)),
            FailureKind::Lost => (Incident::WorkerLost, self.lanes.main.has_other(allowed)),
        };
        match failure.kind {
            // The lane has counted it.
            FailureKind::Lost => self.mark(i, incident),
            _ => self.counters.incident(incident),
        }
        if again && !std::mem::replace(&mut self.jobs[i].to_cpu, true) {
            self.mark(i, incident);
            self.jobs[i].state = State::Prepared(tensor);
            return;
        }
        if let Some(client) = &mut self.jobs[i].client {
            client.answer.detail = Some(failure.text);
        }
        self.answer(i, Err(UnknownCode::EngineFailed));
    }

    fn cpu_replied(&mut self, reply: CpuReply, now: Nanos) {
        let CpuReply { job: i, work, failure } = reply;
        self.jobs[i].state = State::Free;
        let waits = self.jobs[i].client.is_some();
        if waits && failure.is_none() {
            match work {
                CpuWork::Pre { frame, tensor, .. } => {
                    self.release(frame, SlotClass::Frame);
                    self.prepared(i, now, tensor, Silicon::Cpu);
                }
                CpuWork::Post { heads, result, .. } => {
                    self.judged(i, now, heads, result, None);
                }
                CpuWork::Copy { into, .. } => self.dumped(i, into),
            }
            return;
        }
        match work {
            CpuWork::Pre { frame, .. } => self.release(frame, SlotClass::Frame),
            CpuWork::Post { heads, .. } => self.release(heads, SlotClass::Heads),
            CpuWork::Copy { .. } => {}
        }
        if failure.is_some() {
            self.cpu_refused(i, failure);
        }
    }

    /// Nothing is left that could run the stage. What the programmable logic refused before is the
    /// same fault, and counted.
    fn cpu_refused(&mut self, i: usize, failure: Option<String>) {
        let Some(client) = &mut self.jobs[i].client else { return };
        client.answer.detail = failure;
        let degraded = client.answer.degraded;
        let seen = [Incident::KernelRefused, Incident::BadJob].map(|of| degraded.contains(of));
        if seen == [false; 2] {
            self.counters.incident(Incident::CpuRefused);
        }
        self.answer(i, Err(UnknownCode::Refused));
    }
}
