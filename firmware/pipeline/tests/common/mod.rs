//! A whole board on one thread with a virtual clock: pipeline, device models, and an agent's end.
#![allow(dead_code)] // each test program uses its part

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use tandem_drivers::bus::Bus;
use tandem_link::{
    Geometry, SlotClass, SlotInit,
    master::LinkMaster,
    memory::HostMemory,
    message::{FromPeer, JobId, JobStatus, Nanos, Stamps, ToPeer},
    slot::{Granted, Owned},
};
use tandem_model::{
    post::{Head, HeadKind, MAX_HEADS, PostParams, PostScratch, postprocess},
    pre::{Frame, Layout, PreParams, Tables, preprocess},
};
use tandem_pipeline::{BootError, Pipeline, PipelineConfig, Store, platform::Platform};
use tandem_sim::{Sim, SimMap, axi_dma::DmaConfig, ddr::Ddr};

pub const MS: Nanos = 1_000_000;
pub const FOREVER: Nanos = 1_000_000 * MS;
pub const DDR: u32 = 0x4000_0000;
const DDR_BYTES: u32 = 0x0400_0000;
const POOL: u32 = 0x4100_0000;

/// Nobody reads the logs here.
#[defmt::global_logger]
struct NoLogger;

// SAFETY: nothing is shared or written, so calls may nest and race as they like.
unsafe impl defmt::Logger for NoLogger {
    fn acquire() {}
    unsafe fn flush() {}
    unsafe fn release() {}
    unsafe fn write(_: &[u8]) {}
}

pub const CONFIG: PipelineConfig = PipelineConfig {
    dma_pre: 0xA000_0000,
    dma_post: 0xA001_0000,
    pre: 0xA002_0000,
    post: 0xA003_0000,
    gate: 0xA004_0000,
    descriptors: 0x4010_0000,
    descriptor_bytes: 0x10_0000,
    pool: POOL,
    epoch: 1,
    ..PipelineConfig::DEFAULT
};

/// The machine below the pipeline.
pub struct Machine {
    pub sim: RefCell<Sim>,
    pub now: Cell<Nanos>,
    wake: Cell<Nanos>,
    /// Accesses to registers of the programmable logic.
    pub accesses: Cell<u64>,
    pub doorbells: Cell<u32>,
    memory: HostMemory,
}

impl Bus for Machine {
    fn read32(&self, addr: u32) -> u32 {
        self.accesses.set(self.accesses.get() + u64::from(addr >= CONFIG.dma_pre));
        self.sim.borrow_mut().read32(addr)
    }
    fn write32(&self, addr: u32, value: u32) {
        self.accesses.set(self.accesses.get() + u64::from(addr >= CONFIG.dma_pre));
        self.sim.borrow_mut().write32(addr, value);
    }
    fn bus_addr(&self, cpu_addr: u32) -> u32 {
        cpu_addr
    }
    fn dma_wmb(&self) {}
    fn dma_rmb(&self) {}
}

impl Platform for Machine {
    type Bus = Self;
    type Memory = HostMemory;
    fn bus(&self) -> &Self {
        self
    }
    fn memory(&self) -> &HostMemory {
        &self.memory
    }
    fn now(&self) -> Nanos {
        self.now.get()
    }
    fn wake_at(&self, at: Nanos) {
        self.wake.set(self.wake.get().min(at));
    }
    fn irq_lines(&self) -> u32 {
        self.sim.borrow().irq_lines()
    }
    fn ring_agent(&self) {
        self.doorbells.set(self.doorbells.get() + 1);
    }
}

type Firmware = Pin<Box<dyn Future<Output = Result<Infallible, BootError>>>>;

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    pub id: JobId,
    pub status: JobStatus,
    pub stamps: Stamps,
    pub written: u32,
}

/// Machine, firmware and agent.
pub struct World {
    pub machine: &'static Machine,
    firmware: Option<Firmware>,
    pub boot_error: Option<BootError>,
    pub agent: LinkMaster<HostMemory>,
    pub inbox: VecDeque<FromPeer>,
    pub grants: Vec<(JobId, Granted, Granted)>,
    next_id: JobId,
}

pub fn geometry() -> Geometry {
    Geometry::with_slots(slots().len() as u32)
}

pub fn slots() -> Vec<SlotInit> {
    let mut addr = POOL;
    let mut slots = Vec::new();
    for (class, count, capacity) in [
        (SlotClass::Frame, 6, 0x4_0000),
        (SlotClass::Tensor, 6, 0x2_0000),
        (SlotClass::Heads, 6, 0x2_0000),
        (SlotClass::Result, 6, 0x1_0000),
    ] {
        for _ in 0..count {
            slots.push(SlotInit { class, addr, capacity });
            addr += capacity;
        }
    }
    slots
}

impl World {
    /// Power-up; the firmware runs and the agent waits for it.
    pub fn new() -> Self {
        Self::with(CONFIG)
    }

    pub fn with(config: PipelineConfig) -> Self {
        Self::build(config, DmaConfig::default())
    }

    pub fn with_dma(dma: DmaConfig) -> Self {
        Self::build(CONFIG, dma)
    }

    fn build(config: PipelineConfig, dma: DmaConfig) -> Self {
        let map = SimMap {
            dma_pre: CONFIG.dma_pre,
            dma_post: CONFIG.dma_post,
            pre: CONFIG.pre,
            post: CONFIG.post,
            gate: CONFIG.gate,
        };
        let ddr = Ddr::create(DDR, DDR_BYTES).expect("memory");
        let memory = HostMemory::new(geometry().bytes());
        let agent = LinkMaster::new(memory.clone(), geometry(), &slots(), 1).expect("formats");
        let machine = Box::leak(Box::new(Machine {
            sim: RefCell::new(Sim::with_dma(map, ddr, dma)),
            now: Cell::new(1000),
            wake: Cell::new(Nanos::MAX),
            accesses: Cell::new(0),
            doorbells: Cell::new(0),
            memory,
        }));
        let mut world = Self {
            machine,
            firmware: None,
            boot_error: None,
            agent,
            inbox: VecDeque::new(),
            grants: Vec::new(),
            next_id: 1,
        };
        world.start_core(config);
        world
    }

    /// A booted and linked board.
    pub fn linked() -> Self {
        let mut world = Self::new();
        world.link_up();
        world
    }

    pub fn link_up(&mut self) {
        let before = self.agent.peer_epoch();
        self.run_until(|world| world.agent.peer_epoch() != before);
        self.turn(0);
    }

    /// The core dies; the programmable logic goes on.
    pub fn stop_core(&mut self) {
        self.firmware = None;
        self.machine.wake.set(Nanos::MAX);
    }

    pub fn start_core(&mut self, config: PipelineConfig) {
        let machine = self.machine;
        self.firmware = Some(Box::pin(async move {
            let store = Store::new();
            Pipeline::new(machine, config, &store).run().await
        }));
    }

    /// Another agent takes over.
    pub fn restart_agent(&mut self, epoch: u32) {
        self.grants.clear();
        self.inbox.clear();
        let memory = self.machine.memory.clone();
        self.agent = LinkMaster::new(memory, geometry(), &slots(), epoch).expect("formats");
    }

    /// Polls the firmware once and lets data move. If that changed nothing that anyone waits for,
    /// goes to the next time at which anything happens, but by `most` at most.
    pub fn turn(&mut self, most: Nanos) {
        let machine = self.machine;
        if machine.wake.get() <= machine.now.get() {
            machine.wake.set(Nanos::MAX);
        }
        let before = machine.irq_lines();
        if let Some(firmware) = &mut self.firmware
            && let Poll::Ready(Err(error)) =
                firmware.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            self.boot_error = Some(error);
            self.firmware = None;
        }
        machine.sim.borrow_mut().advance(machine.now.get());
        let mut heard = self.agent.poll_epoch().is_some();
        while let Some(message) = self.agent.receive() {
            self.inbox.push_back(message.expect("the ring is whole"));
            heard = true;
        }
        let rose = machine.irq_lines() & !before != 0;
        if !rose && !heard {
            let now = machine.now.get();
            let event = machine.sim.borrow().next_event().unwrap_or(Nanos::MAX);
            let next = machine.wake.get().min(event).min(now.saturating_add(most));
            machine.now.set(next.max(now));
            machine.sim.borrow_mut().advance(machine.now.get());
        }
    }

    /// Turns until `reached`; panics after a virtual second or many turns.
    pub fn run_until(&mut self, mut reached: impl FnMut(&Self) -> bool) {
        let end = self.machine.now.get() + 1000 * MS;
        for _ in 0..200_000 {
            if reached(self) {
                return;
            }
            assert!(self.machine.now.get() < end, "not reached in a second");
            self.turn(MS);
        }
        panic!("not reached in many turns: the firmware spins");
    }

    pub fn run_for(&mut self, time: Nanos) {
        let end = self.machine.now.get() + time;
        while self.machine.now.get() < end {
            self.turn(end - self.machine.now.get());
        }
        self.turn(0);
    }

    pub fn now(&self) -> Nanos {
        self.machine.now.get()
    }

    pub fn take(&self, class: SlotClass) -> Owned {
        self.agent.slots().take(class).expect("a slot is free")
    }

    pub fn write(&self, addr: u32, bytes: &[u8]) {
        self.machine.sim.borrow().ddr().write(addr, bytes).expect("inside the memory");
    }

    pub fn read(&self, addr: u32, bytes: usize) -> Vec<u8> {
        let mut out = vec![0; bytes];
        self.machine.sim.borrow().ddr().read(addr, &mut out).expect("inside the memory");
        out
    }

    pub fn id(&mut self) -> JobId {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Sends a `pre` job on a fresh random frame; its expected tensor and where it will be.
    pub fn send_pre(&mut self, params: &PreParams, deadline: Nanos) -> (JobId, u32, Vec<u8>) {
        let (frame, tensor) = (self.take(SlotClass::Frame), self.take(SlotClass::Tensor));
        let id = self.id();
        let bytes = noise(id, params.frame_bytes());
        let mut expected = vec![0; params.tensor_bytes()];
        preprocess(params, &Tables::NONE, &bytes, &mut expected).expect("parameters are good");
        self.write(frame.addr(), &bytes);
        self.write(tensor.addr(), &vec![0xEE; expected.len()]);
        let addr = tensor.addr();
        let (a, b) =
            self.agent.submit_pre(id, deadline, frame, tensor, params.clone()).expect("sent");
        self.grants.push((id, a, b));
        (id, addr, expected)
    }

    /// Sends a `post` job on fresh random heads; its expected result and where it will be.
    pub fn send_post(&mut self, params: &PostParams, deadline: Nanos) -> (JobId, u32, Vec<u8>) {
        let (heads, result) = (self.take(SlotClass::Heads), self.take(SlotClass::Result));
        let id = self.id();
        let bytes = logits(id, params.heads_bytes());
        let mut expected = vec![0; params.result_bytes()];
        let header =
            postprocess(params, &bytes, &mut expected, &mut PostScratch::new()).expect("good");
        expected.truncate(header.result_bytes());
        self.write(heads.addr(), &bytes);
        let addr = result.addr();
        let (a, b) =
            self.agent.submit_post(id, deadline, heads, result, params.clone()).expect("sent");
        self.grants.push((id, a, b));
        (id, addr, expected)
    }

    /// Waits for the end of a job, which must give its slots back.
    pub fn done(&mut self, id: JobId) -> Done {
        let is = |message: &FromPeer| matches!(message, FromPeer::Done { id: of, .. } if *of == id);
        self.run_until(|world| world.inbox.iter().any(is));
        let at = self.inbox.iter().position(is).expect("just seen");
        let Some(FromPeer::Done { id, status, stamps, written }) = self.inbox.remove(at) else {
            unreachable!()
        };
        let at = self.grants.iter().position(|(of, ..)| *of == id).expect("granted");
        let (_, a, b) = self.grants.remove(at);
        for granted in [a, b] {
            granted.try_reclaim(self.agent.slots()).expect("returned before it was told");
        }
        Done { id, status, stamps, written }
    }

    /// Runs a `pre` job and checks its tensor.
    pub fn pre_works(&mut self, params: &PreParams) {
        let (id, addr, expected) = self.send_pre(params, FOREVER);
        let done = self.done(id);
        assert_eq!((done.status, done.written), (JobStatus::Ok, expected.len() as u32));
        assert!(self.read(addr, expected.len()) == expected, "tensor differs from the model");
    }

    /// Runs a `post` job and checks its result.
    pub fn post_works(&mut self, params: &PostParams) {
        let (id, addr, expected) = self.send_post(params, FOREVER);
        let done = self.done(id);
        assert_eq!((done.status, done.written), (JobStatus::Ok, expected.len() as u32));
        assert!(self.read(addr, expected.len()) == expected, "result differs from the model");
    }

    pub fn send(&mut self, message: &ToPeer) {
        self.agent.send(message).expect("room");
    }
}

/// Bytes without a pattern.
pub fn noise(seed: u32, bytes: usize) -> Vec<u8> {
    let mut state = (u64::from(seed) << 1) | 1;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    (0..bytes).map(|_| next() as u8).collect()
}

/// Raw heads of which some pass a threshold.
pub fn logits(seed: u32, bytes: usize) -> Vec<u8> {
    let number = |byte: &u8| (f32::from(*byte) / 32.0 - 5.0).to_le_bytes();
    noise(seed, bytes.div_ceil(4)).iter().flat_map(number).take(bytes).collect()
}

pub fn small_pre() -> PreParams {
    let frame = Frame::rgb8(96, 64);
    PreParams::letterbox(frame, frame.full(), 64, 64, [114; 3], Layout::Planar).expect("good")
}

pub fn small_post() -> PostParams {
    let mut heads = [Head {
        kind: HeadKind::YoloV5,
        grid_w: 8,
        grid_h: 8,
        stride: 8,
        anchor_count: 3,
        anchors: [(10, 13), (16, 30), (33, 23)],
        offset: 0,
        ..Head::UNUSED
    }; MAX_HEADS];
    heads[1] = Head { grid_w: 4, grid_h: 4, stride: 16, offset: 0x2000, ..heads[0] };
    PostParams {
        head_count: 2,
        heads,
        classes: 4,
        score_threshold: 20_000,
        iou_threshold: 30_000,
        class_agnostic: false,
        top_k: 0,
        max_detections: 100,
        width: 64,
        height: 64,
    }
}
