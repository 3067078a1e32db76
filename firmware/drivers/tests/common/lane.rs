//! `SimBus`, and one lane driven as the firmware drives it.

use std::cell::RefCell;

use tandem_drivers::bus::Bus;
use tandem_drivers::dma::{AxiDma, ChainCache, DmaError, Job, Plan, Progress, polls};
use tandem_drivers::kernel::{Kernel, KernelKind, Outcome, Pre, PreKernel};
use tandem_model::pre::{PreParams, Tables, preprocess};
use tandem_sim::axi_dma::DmaConfig;
use tandem_sim::ddr::Ddr;
use tandem_sim::{Sim, SimMap};

use crate::common::WIDE;

pub const DDR: u32 = 0x4000_0000;
pub const DESCRIPTORS: u32 = DDR + 0x10_0000;
pub const INPUT: u32 = DDR + 0x100_0000;
pub const OUTPUT: u32 = DDR + 0x200_0000;
pub const MAP: SimMap = SimMap {
    dma_pre: 0xA000_0000,
    dma_post: 0xA001_0000,
    pre: 0xA002_0000,
    post: 0xA003_0000,
    gate: 0xA004_0000,
};

pub struct SimBus(pub RefCell<Sim>);

impl SimBus {
    pub fn new(dma: DmaConfig) -> Self {
        let ddr = Ddr::create(DDR, 0x400_0000).expect("memory");
        Self(RefCell::new(Sim::with_dma(MAP, ddr, dma)))
    }

    pub fn advance(&self) {
        let mut sim = self.0.borrow_mut();
        let now = sim.now() + 1000;
        sim.advance(now);
    }

    pub fn put(&self, addr: u32, bytes: &[u8]) {
        self.0.borrow().ddr().write(addr, bytes).expect("in memory");
    }

    pub fn get(&self, addr: u32, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.borrow().ddr().read(addr, &mut bytes).expect("in memory");
        bytes
    }
}

impl Bus for SimBus {
    fn read32(&self, addr: u32) -> u32 {
        self.0.borrow_mut().read32(addr)
    }
    fn write32(&self, addr: u32, value: u32) {
        self.0.borrow_mut().write32(addr, value);
    }
    fn bus_addr(&self, cpu_addr: u32) -> u32 {
        cpu_addr
    }
    fn dma_wmb(&self) {}
    fn dma_rmb(&self) {}
}

/// Why a job failed.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    Dma(DmaError),
    Kernel(Outcome),
    Hung,
}

/// One lane, driven as the firmware drives it.
pub struct Lane<'a, K> {
    pub bus: &'a SimBus,
    pub dma: AxiDma<&'a SimBus>,
    pub kernel: Kernel<&'a SimBus, K>,
    pub inputs: ChainCache<4>,
    pub outputs: ChainCache<4>,
    pub number: u32,
}

impl<'a, K: KernelKind> Lane<'a, K> {
    pub fn new(bus: &'a SimBus, dma: u32, mut kernel: Kernel<&'a SimBus, K>) -> Self {
        kernel.identify().expect("the model has the driver's map");
        let mut lane = Self {
            bus,
            dma: AxiDma::new(bus, dma),
            kernel,
            inputs: ChainCache::new(DESCRIPTORS, 0x4_0000),
            outputs: ChainCache::new(DESCRIPTORS + 0x4_0000, 0x4_0000),
            number: 0,
        };
        lane.reset();
        lane
    }

    pub fn reset(&mut self) {
        self.dma.reset(polls(10)).expect("reset");
        self.kernel.hold_reset().expect("reset");
        self.kernel.release_reset(true);
        self.inputs.forget();
        self.outputs.forget();
        self.number = 0;
    }

    pub fn run(&mut self, params: &K::Params, input: Plan, output: Plan) -> Result<u32, Failure> {
        self.number += 1;
        self.kernel.configure(params).expect("supported");
        let job = Job {
            input: self.inputs.prepare(self.bus, input, WIDE).expect("chain"),
            output: self.outputs.prepare(self.bus, output, WIDE).expect("chain"),
        };
        self.dma.submit(&job, polls(10)).map_err(|fault| Failure::Dma(fault.error))?;
        self.kernel.start(self.number);
        let result = self.wait(&job);
        if result.is_err() {
            self.reset();
        }
        result
    }

    fn wait(&mut self, job: &Job) -> Result<u32, Failure> {
        for _ in 0..4 {
            self.bus.advance();
            let progress = self.dma.poll(job).map_err(|fault| Failure::Dma(fault.error))?;
            let done = self.kernel.done() == self.number;
            if done && self.kernel.outcome() == Outcome::Ok && progress == Progress::Ended {
                let end = self.dma.finish(job).map_err(|fault| Failure::Dma(fault.error))?;
                self.kernel.acknowledge(self.number);
                assert_eq!(self.bus.0.borrow().irq_lines(), 0, "everything is acknowledged");
                return Ok(end.written);
            }
        }
        let done = self.kernel.done() == self.number;
        let outcome = self.kernel.outcome();
        Err(match self.dma.diagnose(job, done && outcome == Outcome::Ok) {
            Some(fault) => Failure::Dma(fault.error),
            None if done => Failure::Kernel(outcome),
            None => Failure::Hung,
        })
    }
}

impl Lane<'_, Pre> {
    pub fn run_pre(&mut self, params: &PreParams) -> Result<u32, Failure> {
        let input = Plan::pre_input(params, INPUT).expect("plan");
        self.run(params, input, Plan::pre_output(params, OUTPUT).expect("plan"))
    }
}

pub fn pre_lane(bus: &SimBus) -> Lane<'_, Pre> {
    Lane::new(bus, MAP.dma_pre, PreKernel::new(bus, MAP.pre))
}

/// Bytes that differ everywhere.
pub fn noise(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

pub fn expected(params: &PreParams, frame: &[u8]) -> Vec<u8> {
    let mut tensor = vec![0; params.tensor_bytes()];
    preprocess(params, &Tables::NONE, frame, &mut tensor).expect("valid");
    tensor
}
