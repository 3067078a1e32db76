//! An agent that is just enough to use a board: it sends jobs one by one and checks every byte.

use std::{fs::File, os::unix::fs::FileExt};
use tandem_link::{
    Geometry, SlotClass,
    board::{Board, CoreState},
    master::{EpochChange, LinkMaster},
    message::{FromPeer, JobStatus, Nanos, ToPeer},
    slot::{Granted, Owned},
};
use tandem_model::{
    post::{Head, HeadKind, PostParams, PostScratch, postprocess, read_result},
    pre::{Frame, Layout, PixelFormat, PreParams, Rect, Tables, preprocess},
};

/// What does not happen within this time of the board's clock never will.
const PATIENCE: Nanos = 20_000_000_000;
/// How often the core is looked at while nothing arrives.
const LOOK: Nanos = 1_000_000;

/// The core ended while something was expected of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Crashed;

pub struct Station<B: Board> {
    pub board: B,
    pub link: LinkMaster<B::Memory>,
    payload: File,
    granted: Vec<Granted>,
    next: u32,
    epoch: Option<EpochChange>,
    inbox: Vec<FromPeer>,
}

impl<B: Board> Station<B> {
    pub fn new(board: B) -> Self {
        let slots = board.slots();
        let geometry = Geometry::with_slots(slots.len() as u32);
        let link = LinkMaster::new(board.memory(), geometry, &slots, 1).expect("a zeroed block");
        let payload = board.payload_fd().try_clone_to_owned().expect("a memory file").into();
        Self { board, link, payload, granted: vec![], next: 0, epoch: None, inbox: vec![] }
    }

    /// Takes what has arrived; true if that was anything.
    fn receive(&mut self) -> bool {
        let epoch = self.link.poll_epoch();
        let before = self.inbox.len();
        while let Some(message) = self.link.receive() {
            self.inbox.push(message.expect("a message that decodes"));
        }
        let new_epoch = epoch.is_some();
        self.epoch = epoch.or(self.epoch.take());
        if new_epoch {
            self.board.ring_peer();
        }
        new_epoch || self.inbox.len() > before
    }

    /// Serves the link until `done` finds what it wants.
    pub fn until<T>(&mut self, mut done: impl FnMut(&mut Self) -> Option<T>) -> Result<T, Crashed> {
        let limit = self.board.now() + PATIENCE;
        loop {
            self.receive();
            if let Some(found) = done(self) {
                return Ok(found);
            }
            if self.board.core().state() == CoreState::Crashed {
                return Err(Crashed);
            }
            let now = self.board.now();
            assert!(now < limit, "nothing came; inbox {:?}", self.inbox);
            self.board.wait(limit.min(now + LOOK));
        }
    }

    /// Waits for the message that `pick` wants and takes it.
    pub fn message<T>(&mut self, pick: impl Fn(&FromPeer) -> Option<T>) -> Result<T, Crashed> {
        self.until(|this| {
            let at = this.inbox.iter().position(|message| pick(message).is_some())?;
            pick(&this.inbox.remove(at))
        })
    }

    pub fn send(&mut self, message: &ToPeer) {
        self.link.send(message).expect("room in the ring");
        self.board.ring_peer();
    }

    /// Waits for the firmware to join, or to join anew.
    pub fn join(&mut self) -> Result<EpochChange, Crashed> {
        // A core that boots before the block is formatted looks again when it is rung.
        self.board.ring_peer();
        self.until(|this| this.epoch.take())
    }

    pub fn ping(&mut self) -> Result<(), Crashed> {
        self.next += 1;
        let sequence = self.next;
        self.send(&ToPeer::Ping { sequence });
        self.message(|message| (*message == FromPeer::Pong { sequence }).then_some(()))
    }

    fn take(&self, class: SlotClass) -> Owned {
        self.link.slots().take(class).expect("a free slot")
    }

    fn write(&self, slot: &Owned, bytes: &[u8]) {
        let offset = self.board.payload_offset(slot.addr());
        self.payload.write_all_at(bytes, offset).expect("a slot in the file");
    }

    fn read(&self, slot: &Owned, len: usize) -> Vec<u8> {
        self.memory_at(slot.addr(), len)
    }

    /// Payload memory, whoever owns it: a probe on the bus.
    pub fn memory_at(&self, addr: u32, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let offset = self.board.payload_offset(addr);
        self.payload.read_exact_at(&mut bytes, offset).expect("a slot in the file");
        bytes
    }

    /// Events that arrived and nobody asked for.
    pub fn events(&self) -> usize {
        self.inbox.iter().filter(|message| matches!(message, FromPeer::Event(_))).count()
    }

    /// Waits for the end of job `id` and takes its slots back.
    fn finish(&mut self, id: u32) -> Result<(JobStatus, usize, Owned), Crashed> {
        let (status, written) = self.message(|message| match message {
            FromPeer::Done { id: done, status, written, .. } if *done == id => {
                Some((*status, *written as usize))
            }
            _ => None,
        })?;
        let output = self.granted.pop().expect("an output slot");
        let output = output.try_reclaim(self.link.slots()).expect("returned before the answer");
        let input = self.granted.pop().expect("an input slot");
        drop(input.try_reclaim(self.link.slots()).expect("returned before the answer"));
        Ok((status, written, output))
    }

    /// One `pre` job whose tensor must be the model's.
    pub fn pre(&mut self, seed: u32) -> Result<(), Crashed> {
        let (status, written, tensor) = self.pre_job(seed)?;
        let want = self.model_tensor(seed);
        assert_eq!((status, written), (JobStatus::Ok, want.len()));
        assert!(self.read(&tensor, written) == want, "the tensor is not the model's");
        Ok(())
    }

    /// Sends one `pre` job.
    pub fn submit_pre(&mut self, seed: u32) -> u32 {
        let params = pre_params();
        let (frame, tensor) = (self.take(SlotClass::Frame), self.take(SlotClass::Tensor));
        self.write(&frame, &noise(seed, params.frame_bytes()));
        self.write(&tensor, &vec![0xA5; params.tensor_bytes()]);
        self.next += 1;
        let (id, deadline) = (self.next, self.board.now() + PATIENCE);
        let granted = self.link.submit_pre(id, deadline, frame, tensor, params).expect("room");
        self.granted.extend([granted.0, granted.1]);
        self.board.ring_peer();
        id
    }

    /// One `pre` job, however it ends.
    pub fn pre_job(&mut self, seed: u32) -> Result<(JobStatus, usize, Owned), Crashed> {
        let id = self.submit_pre(seed);
        self.finish(id)
    }

    pub fn model_tensor(&self, seed: u32) -> Vec<u8> {
        let params = pre_params();
        let mut tensor = vec![0; params.tensor_bytes()];
        let frame = noise(seed, params.frame_bytes());
        preprocess(&params, &Tables::NONE, &frame, &mut tensor).expect("good parameters");
        tensor
    }

    /// One `post` job whose result must be the model's; returns how many detections it had.
    pub fn post(&mut self, seed: u32) -> Result<usize, Crashed> {
        let params = post_params();
        let input = logits(seed, params.heads_bytes());
        let (heads, result) = (self.take(SlotClass::Heads), self.take(SlotClass::Result));
        self.write(&heads, &input);
        self.next += 1;
        let (id, deadline) = (self.next, self.board.now() + PATIENCE);
        let mut want = vec![0; params.result_bytes()];
        let header = postprocess(&params, &input, &mut want, &mut PostScratch::new())
            .expect("good parameters");
        let granted = self.link.submit_post(id, deadline, heads, result, params).expect("room");
        self.granted.extend([granted.0, granted.1]);
        self.board.ring_peer();
        let (status, written, result) = self.finish(id)?;
        assert_eq!(status, JobStatus::Ok);
        let got = self.read(&result, written);
        assert!(got == want[..written], "the result is not the model's");
        let (got, _) = read_result(&got).expect("a whole result");
        assert_eq!(got, header);
        Ok(got.count as usize)
    }

    /// Restarts the core, waits for its new epoch and takes every slot back.
    pub fn recover(&mut self) {
        let _stopped_already = self.board.core().stop();
        // A life that died right after its announcement is not the one to wait for.
        self.receive();
        self.epoch = None;
        let before = self.link.peer_epoch();
        self.board.core().restart().expect("a core that can be restarted");
        let change = self.join().expect("the new life joins");
        assert_eq!(change.previous, before);
        assert!(change.current > before, "{change:?}");
        self.inbox.clear();
        for granted in std::mem::take(&mut self.granted) {
            drop(self.link.slots().reclaim_after_epoch(granted).expect("an earlier life's"));
        }
        self.assert_all_free();
    }

    pub fn assert_all_free(&self) {
        for class in SlotClass::ALL {
            let slots = self.link.slots();
            assert_eq!(slots.free(class), slots.total(class), "{class:?}");
        }
    }
}

/// A frame with a stride, a crop and margins: every kind of descriptor is short.
fn pre_params() -> PreParams {
    let frame = Frame { format: PixelFormat::Rgb8, width: 40, height: 24, stride: 128 };
    let crop = Rect { x: 4, y: 2, w: 32, h: 20 };
    PreParams::letterbox(frame, crop, 24, 24, [114; 3], Layout::Planar).expect("good parameters")
}

fn post_params() -> PostParams {
    let head = |grid: u16, stride, offset| Head {
        kind: HeadKind::YoloV5,
        grid_w: grid,
        grid_h: grid,
        stride,
        anchor_count: 2,
        anchors: [(10, 14), (23, 27), (1, 1)],
        offset,
        ..Head::UNUSED
    };
    let unused = head(1, 1, 0);
    PostParams {
        head_count: 2,
        // 2 anchors of 8 numbers in 16 cells, then in 4.
        heads: [head(4, 8, 0), head(2, 16, 1024), unused, unused],
        classes: 3,
        score_threshold: 1 << 15,
        iou_threshold: 1 << 15,
        class_agnostic: false,
        top_k: 0,
        max_detections: 16,
        width: 32,
        height: 32,
    }
}

/// Bytes that look like nothing.
fn noise(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(|_| byte()).collect()
}

/// Logits from -4 to 4.
fn logits(seed: u32, len: usize) -> Vec<u8> {
    let logit = |byte: u8| (f32::from(byte) - 127.5) / 32.0;
    noise(seed, len / 4).into_iter().flat_map(|byte| logit(byte).to_le_bytes()).collect()
}
