//! A kernel that computes for a while: registers answer meanwhile, and a reset ends it.

mod common;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use common::*;
use tandem_model::pre::{Frame, Layout, PreParams, Tables, preprocess};
use tandem_regs::pre::offset;
use tandem_sim::axi_dma::DmaConfig;
use tandem_sim::kernels::{Core, Gather, Identity, ParamFile, PostCore, PreCore, Status};
use tandem_sim::{Kernels, Sim};

/// The model behind a number of looks.
struct Slow {
    inner: PreCore,
    left: u32,
    looks: Arc<AtomicU32>,
    abandoned: Arc<AtomicU32>,
}

const LOOKS: u32 = 5;

impl Core for Slow {
    fn identity(&self) -> Identity {
        self.inner.identity()
    }
    fn param_mask(&self, at: u32) -> u32 {
        self.inner.param_mask(at)
    }
    fn configure(&mut self, params: &ParamFile) -> Result<(), Status> {
        self.left = LOOKS;
        self.inner.configure(params)
    }
    fn input(&mut self) -> &mut Gather {
        self.inner.input()
    }
    fn run(&mut self) -> Poll<Result<(), Status>> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.left -= 1;
        if self.left == 0 { self.inner.run() } else { Poll::Pending }
    }
    fn abandon(&mut self) {
        self.abandoned.fetch_add(1, Ordering::Relaxed);
    }
    fn packet(&self, index: usize) -> Option<Range<usize>> {
        self.inner.packet(index)
    }
    fn output(&self) -> &[u8] {
        self.inner.output()
    }
}

fn slow_board() -> (Sim, Arc<AtomicU32>, Arc<AtomicU32>) {
    let (looks, abandoned) = (Arc::default(), Arc::default());
    let core = Slow {
        inner: PreCore::default(),
        left: 0,
        looks: Arc::clone(&looks),
        abandoned: Arc::clone(&abandoned),
    };
    let kernels = Kernels { pre: Box::new(core), post: Box::<PostCore>::default() };
    (Sim::with_kernels(MAP, ddr(), DmaConfig::default(), kernels), looks, abandoned)
}

fn start(sim: &mut Sim) -> PreParams {
    let frame = Frame::rgb8(33, 20);
    let params = PreParams::letterbox(frame, frame.full(), 16, 16, [9; 3], Layout::Planar);
    let params = params.expect("good parameters");
    sim.ddr().write(INPUT, &noise(params.frame_bytes(), 3)).unwrap();
    write_pre(sim, &params);
    arm_pre(sim, &params);
    sim.write32(MAP.pre + offset::START, 1);
    params
}

#[test]
fn a_kernel_that_computes_is_asked_once_a_look_and_ends_with_the_models_tensor() {
    let (mut sim, looks, abandoned) = slow_board();
    let params = start(&mut sim);
    for look in 1..LOOKS {
        sim.advance(sim.now() + 1000);
        assert_eq!(looks.load(Ordering::Relaxed), look);
        assert_eq!(sim.read32(MAP.pre + offset::DONE), 0, "registers answer meanwhile");
        assert!(sim.next_event().is_some_and(|at| at <= sim.now()), "it wants to be asked again");
    }
    sim.advance(sim.now() + 1000);
    assert_eq!(sim.read32(MAP.pre + offset::DONE), 1);
    assert_eq!(looks.load(Ordering::Relaxed), LOOKS);
    let mut expected = vec![0; params.tensor_bytes()];
    preprocess(&params, &Tables::NONE, &noise(params.frame_bytes(), 3), &mut expected).unwrap();
    let mut tensor = vec![0; expected.len()];
    sim.ddr().read(OUTPUT, &mut tensor).unwrap();
    assert!(tensor == expected);
    assert_eq!(abandoned.load(Ordering::Relaxed), 0);
    assert_eq!(sim.next_event(), None);
}

#[test]
fn a_reset_ends_what_computes() {
    for load in [false, true] {
        let (mut sim, _, abandoned) = slow_board();
        start(&mut sim);
        sim.advance(1000);
        assert_eq!(abandoned.load(Ordering::Relaxed), 0);
        if load {
            sim.reset_pl(2000);
        } else {
            sim.write32(MAP.pre + offset::CTRL, 2);
        }
        assert_eq!(abandoned.load(Ordering::Relaxed), 1);
        sim.advance(10_000);
        assert_eq!(sim.read32(MAP.pre + offset::DONE), 0);
    }
}
