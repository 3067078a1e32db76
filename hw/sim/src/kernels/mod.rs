//! `pre`, `post`, `ctc` and `mask` behind AXI4-Lite registers, between the two streams of their DMA.
//!
//! [`Kernel`] is what they have in common: identity, job counter, acknowledge, reset. A [`Core`]
//! is what differs: parameters, and the function of `tandem_model` that does the work.

mod ctc;
mod gather;
mod mask;
mod post;
mod pre;
mod work;

use std::task::Poll;

use tandem_regs::pre::{KERNEL_CTRL, offset};

pub use ctc::CtcCore;
pub use gather::{Gather, Order};
pub use mask::MaskCore;
pub use post::PostCore;
pub use pre::PreCore;
pub use work::{AnyCore, Core, Identity, PARAMS, ParamFile, Status};

use crate::axi_dma::{AxiDma, Channel, Pumped, Sink};
use crate::fabric::{BusError, Fabric};
use work::halves;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Refused,
    Input,
    Running,
    Output { packet: usize, sent: usize, stuck: bool },
    Hung,
}

/// Faults of the kernel that this turn may take; each closure takes its fault when called.
pub struct KernelFaults<'a> {
    /// Answer of the next data read.
    pub data: &'a mut dyn FnMut() -> Option<BusError>,
    /// The run that has its input never ends.
    pub hang: &'a mut dyn FnMut() -> bool,
    /// The next packet has no TLAST.
    pub stuck_tlast: &'a mut dyn FnMut() -> bool,
}

/// A kernel with its control registers.
pub struct Kernel<C> {
    core: C,
    params: ParamFile,
    start: u32,
    job: u32,
    done: u32,
    ack: u32,
    status: u32,
    control: u32,
    stage: Stage,
}

impl<C: Core> Kernel<C> {
    /// A kernel after power-up.
    pub fn new(core: C) -> Self {
        Self {
            core,
            params: ParamFile::default(),
            start: 0,
            job: 0,
            done: 0,
            ack: 0,
            status: 0,
            control: 0,
            stage: Stage::Idle,
        }
    }

    /// Back to the state after power-up; buffers are kept.
    pub fn power_up(&mut self) {
        self.params = ParamFile::default();
        self.core.power_up();
        self.control = 0;
        self.clear();
    }

    fn clear(&mut self) {
        (self.start, self.job, self.done, self.ack, self.status) = (0, 0, 0, 0, 0);
        if self.stage == Stage::Running {
            self.core.abandon();
        }
        self.stage = Stage::Idle;
    }

    /// CTRL holds the kernel in reset.
    pub fn in_reset(&self) -> bool {
        self.control & KERNEL_CTRL::RESET::SET.value != 0
    }

    /// A job has ended that was not acknowledged.
    pub fn irq_pending(&self) -> bool {
        self.done != self.ack
    }

    /// Level of the interrupt line.
    pub fn irq_level(&self) -> bool {
        self.irq_pending() && self.control & KERNEL_CTRL::IRQ_EN::SET.value != 0
    }

    /// Reads the register at `at`; `None` where there is none.
    pub fn read32(&self, at: u32) -> Option<u32> {
        let identity = self.core.identity();
        Some(match at {
            offset::ID => identity.id,
            offset::VERSION => identity.version,
            offset::CAPS => identity.caps,
            offset::HASH => identity.map_hash,
            offset::START => self.start,
            offset::DONE => self.done,
            offset::ACK => self.ack,
            offset::STATUS => self.status,
            offset::CTRL => self.control,
            _ if self.core.param_mask(at) != 0 => self.params.get(at),
            _ => return self.core.constant(at),
        })
    }

    /// Writes the register at `at`; false where there is none. Read-only ones ignore it.
    pub fn write32(&mut self, at: u32, value: u32) -> bool {
        match at {
            offset::START if !self.in_reset() => {
                self.start = value;
                self.begin();
            }
            offset::ACK if !self.in_reset() => self.ack = value,
            offset::CTRL => {
                self.control = value & 0x3;
                if self.in_reset() {
                    self.clear();
                }
            }
            offset::ID..=offset::STATUS => {}
            _ => {
                let mask = self.core.param_mask(at);
                if mask == 0 {
                    return self.core.constant(at).is_some();
                }
                *self.params.get_mut(at) = value & mask;
                self.core.written(at, value & mask);
            }
        }
        true
    }

    /// Takes the next job if START asks for one and none runs: parameters are read now.
    fn begin(&mut self) {
        if self.stage == Stage::Idle && self.start != self.job {
            self.job = self.start;
            self.stage = match self.core.configure(&self.params) {
                Ok(()) => Stage::Input,
                Err(_) => Stage::Refused,
            };
        }
    }

    fn finish(&mut self, status: Status) {
        self.done = self.job;
        self.status = status as u32;
        self.stage = Stage::Idle;
    }

    /// No job runs.
    pub fn is_idle(&self) -> bool {
        self.stage == Stage::Idle
    }

    /// The kernel computes: it has to be asked whether it is done.
    pub fn is_running(&self) -> bool {
        self.stage == Stage::Running
    }

    /// A turn would get somewhere.
    pub fn can_go_on(&self, dma: &AxiDma) -> bool {
        match self.stage {
            Stage::Idle | Stage::Running | Stage::Hung => false,
            Stage::Refused => true,
            Stage::Input => dma.mm2s.has_work(),
            Stage::Output { .. } => dma.s2mm.has_work(),
        }
    }

    /// Goes on as far as the streams let it; true when a job ended.
    pub fn turn(
        &mut self,
        now: u64,
        dma: &mut AxiDma,
        fabric: &Fabric,
        faults: &mut KernelFaults<'_>,
    ) -> bool {
        if self.stage == Stage::Input {
            self.take_input(now, &mut dma.mm2s, fabric, faults);
        }
        if self.stage == Stage::Running {
            self.go_on_running(faults);
        }
        if matches!(self.stage, Stage::Output { .. }) {
            self.give_output(now, &mut dma.s2mm, fabric, faults);
        }
        if self.stage == Stage::Refused {
            self.finish(Status::Refused);
        }
        let ended = self.stage == Stage::Idle;
        if ended {
            self.begin();
        }
        ended
    }

    fn take_input(
        &mut self,
        now: u64,
        mm2s: &mut Channel,
        fabric: &Fabric,
        faults: &mut KernelFaults<'_>,
    ) {
        let input: &mut dyn Sink = self.core.input();
        if mm2s.pump(now, fabric, &mut *faults.data, input) == Pumped::Starved {
            return;
        }
        if (faults.hang)() {
            self.stage = Stage::Hung;
        } else if !self.core.input().complete() {
            self.finish(Status::ShortInput);
        } else {
            self.stage = Stage::Running;
        }
    }

    fn go_on_running(&mut self, faults: &mut KernelFaults<'_>) {
        match self.core.run() {
            Poll::Pending => {}
            Poll::Ready(Err(status)) => self.finish(status),
            Poll::Ready(Ok(())) => {
                let stuck = (faults.stuck_tlast)();
                self.stage = Stage::Output { packet: 0, sent: 0, stuck };
            }
        }
    }

    fn give_output(
        &mut self,
        now: u64,
        s2mm: &mut Channel,
        fabric: &Fabric,
        faults: &mut KernelFaults<'_>,
    ) {
        while let Stage::Output { packet, sent, stuck } = self.stage {
            let Some(place) = self.core.packet(packet) else {
                return self.finish(Status::Ok);
            };
            let bytes = &self.core.output()[place];
            let sent = sent + s2mm.offer(now, fabric, &bytes[sent..], !stuck);
            if sent < bytes.len() {
                self.stage = Stage::Output { packet, sent, stuck };
                return;
            }
            let stuck = self.core.packet(packet + 1).is_some() && (faults.stuck_tlast)();
            self.stage = Stage::Output { packet: packet + 1, sent: 0, stuck };
        }
    }
}
