//! A peer that does the kernels' work by the model, or whatever its script says instead.

use std::collections::VecDeque;
use std::sync::Arc;

use tandem_link::SharedMemory;
use tandem_link::board::Board;
use tandem_link::layout::{self, Geometry};
use tandem_link::memory::HostMemory;
use tandem_link::message::{
    Event, FromPeer, JobId, JobStatus, Lane, SlotRef, Stamps, ToPeer, Work,
};
use tandem_link::peer::LinkPeer;
use tandem_model::post::{PostScratch, postprocess};
use tandem_model::pre::{Tables, preprocess};

use super::board::FakeBoard;

/// What the peer does with its next job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The work, well.
    Work,
    /// The work, with a lost interrupt.
    LoseInterrupt,
    /// Half the work, and an error.
    Fail(JobStatus),
    /// Keeps the slots and says nothing.
    Sit,
    /// The work; gives the slots back and says nothing.
    NoWord,
    /// The work; the answer is garbled on its way.
    Garble,
    /// Says that it is done and keeps the slots.
    Withhold,
    /// Says that it wrote another length.
    Miscount,
    /// Leaves a result that cannot be.
    Corrupt,
}

/// See the module.
pub struct FakePeer {
    board: Arc<FakeBoard>,
    link: Option<LinkPeer<HostMemory>>,
    /// Acts for the jobs to come; [`Act::Work`] when empty.
    pub script: VecDeque<Act>,
    /// Executes nothing, and does not beat.
    pub frozen: bool,
    /// Beats, but takes no messages.
    pub deaf: bool,
    /// Jobs it sat on.
    pub sat: Vec<(JobId, Work)>,
    /// Everything else that it was told.
    pub told: Vec<ToPeer>,
    scratch: Box<PostScratch>,
}

impl FakePeer {
    pub fn new(board: Arc<FakeBoard>) -> Self {
        Self {
            board,
            link: None,
            script: VecDeque::new(),
            frozen: false,
            deaf: false,
            sat: Vec::new(),
            told: Vec::new(),
            scratch: Box::default(),
        }
    }

    /// A new life.
    pub fn start(&mut self) {
        self.board.core.running.store(true, std::sync::atomic::Ordering::Relaxed);
        self.board.core.crashed.store(false, std::sync::atomic::Ordering::Relaxed);
        self.frozen = false;
        self.deaf = false;
        self.sat.clear();
        let mut link = LinkPeer::attach(self.board.memory()).unwrap();
        link.announce(0);
        self.link = Some(link);
    }

    /// Alive and attached.
    pub fn is_linked(&self) -> bool {
        self.link.is_some()
    }

    /// Dies.
    pub fn crash(&mut self) {
        self.board.core.crashed.store(true, std::sync::atomic::Ordering::Relaxed);
        self.link = None;
    }

    pub fn poll(&mut self) {
        if self.frozen {
            return;
        }
        let now = self.board.now();
        let Some(link) = &mut self.link else { return };
        link.heartbeat(now);
        if self.deaf {
            return;
        }
        while let Some(message) = self.link.as_mut().and_then(LinkPeer::receive) {
            match message.unwrap() {
                ToPeer::Job { id, work, .. } => {
                    let act = self.script.pop_front().unwrap_or(Act::Work);
                    self.act(act, id, work);
                }
                ToPeer::Ping { sequence } => self.say(&FromPeer::Pong { sequence }),
                other => self.told.push(other),
            }
        }
        self.board.wake();
    }

    /// Does now what it sat on.
    pub fn get_up(&mut self) {
        for (id, work) in std::mem::take(&mut self.sat) {
            self.act(Act::Work, id, work);
        }
    }

    pub fn say(&mut self, message: &FromPeer) {
        self.link.as_mut().unwrap().send(message).unwrap();
    }

    fn done(&mut self, id: JobId, status: JobStatus, written: u32) {
        self.say(&FromPeer::Done { id, status, stamps: Stamps::default(), written });
    }

    fn act(&mut self, act: Act, id: JobId, work: Work) {
        let (input, output) = match &work {
            Work::Pre(job) => (job.frame, job.tensor),
            Work::Post(job) => (job.heads, job.result),
        };
        match act {
            Act::Sit => return self.sat.push((id, work)),
            Act::Fail(status) => {
                let at = self.link.as_ref().unwrap().slot(output).unwrap().addr;
                self.board.write(at, &[0xA5; 40]);
                self.release(input, output);
                return self.done(id, status, 40);
            }
            _ => {}
        }
        let lane = if matches!(work, Work::Pre(_)) { Lane::Pre } else { Lane::Post };
        let written = self.work(&work);
        match act {
            Act::Withhold => return self.done(id, JobStatus::Ok, written),
            Act::Corrupt => {
                let at = self.link.as_ref().unwrap().slot(output).unwrap().addr;
                self.board.write(at, &u32::MAX.to_le_bytes());
            }
            _ => {}
        }
        self.release(input, output);
        match act {
            Act::NoWord => {}
            Act::Garble => {
                self.done(id, JobStatus::Ok, written);
                self.garble();
            }
            Act::LoseInterrupt => {
                self.say(&FromPeer::Event(Event::LostInterrupt(lane)));
                self.done(id, JobStatus::Ok, written);
            }
            Act::Miscount => self.done(id, JobStatus::Ok, written - 1),
            _ => self.done(id, JobStatus::Ok, written),
        }
    }

    fn release(&mut self, input: SlotRef, output: SlotRef) {
        let link = self.link.as_mut().unwrap();
        link.release(input).unwrap();
        link.release(output).unwrap();
    }

    /// Destroys the entry that was sent last.
    fn garble(&self) {
        let memory = self.board.memory();
        let slots = self.board.slots().len() as u32;
        let geometry = Geometry::with_slots(slots);
        let last = memory.load(layout::peer::FROM_PEER_HEAD).wrapping_sub(1);
        let entry = last % geometry.ring_entries * layout::ENTRY_BYTES;
        memory.store(geometry.from_peer() + entry, 0xFFFF);
    }

    fn work(&mut self, work: &Work) -> u32 {
        let link = self.link.as_ref().unwrap();
        let addr = |slot| link.slot(slot).unwrap().addr;
        match work {
            Work::Pre(job) => {
                let frame = self.board.read(addr(job.frame), job.params.frame_bytes());
                let mut tensor = vec![0; job.params.tensor_bytes()];
                preprocess(&job.params, &Tables::NONE, &frame, &mut tensor).unwrap();
                self.board.write(addr(job.tensor), &tensor);
                tensor.len() as u32
            }
            Work::Post(job) => {
                let heads = self.board.read(addr(job.heads), job.params.heads_bytes());
                let mut result = vec![0; job.params.result_bytes()];
                let header =
                    postprocess(&job.params, &heads, &mut result, &mut self.scratch).unwrap();
                self.board.write(addr(job.result), &result);
                header.result_bytes() as u32
            }
        }
    }
}
