//! One random history of the gate.

mod belt;
mod input;
mod model;
mod plan;

use std::collections::VecDeque;

use tandem_rtl::{Bins, Kernel, Port, Rng, Stall};
use tandem_sim::gate::GateBlock;

use belt::Belt;
use input::{Encoder, Input};
pub use plan::Setup;
use plan::{Access, Plan};

/// What the histories must meet.
pub const BINS: [&str; 66] = [
    "trigger: captured",
    "trigger: into the last free place",
    "trigger: full, first untracked",
    "trigger: full, further untracked",
    "trigger: place freed in this clock",
    "trigger: not armed",
    "trigger: line still held after arming",
    "trigger: first one after that",
    "trigger: due put off behind the part ahead",
    "trigger: due at the end of time",
    "trigger: held reset",
    "input: bounce ignored",
    "input: believed after debouncing",
    "due: rejected",
    "due: passed",
    "due: two and more at once",
    "due: more than half of the places at once",
    "due: at once, some cancelled",
    "due: line high already",
    "cancel: Cancelled",
    "cancel: Cancelled again",
    "cancel: Cancelled in the last clock",
    "cancel: TooLate in the first clock",
    "cancel: TooLate",
    "cancel: WrongEpoch",
    "cancel: UnknownTag",
    "cancel: same value of CANCEL_GO",
    "reset: parts pending",
    "reset: line held for untracked parts",
    "epoch: one is there already",
    "setting: 0 not taken",
    "window: shows a trigger",
    "window: overwritten",
    "heartbeat: lost while ready",
    "heartbeat: back",
    "encoder: bounce ignored",
    "encoder: turns the other way round",
    "encoder: a write with an epoch in force",
    "encoder: another unit",
    "sample: taken",
    "sample: same value",
    "counts: due, rejected",
    "counts: due, passed",
    "counts: two and more at once",
    "counts: TooLate in the first clock",
    "counts: first untracked due",
    "counts: last untracked due",
    "counts: untracked held, the belt stands",
    "counts: untracked held, the belt runs back",
    "counts: the belt stands with parts pending",
    "counts: the belt runs back with parts pending",
    "counts: the belt runs back over a part that was due",
    "counts: a part after that with nobody under way",
    "counts: held after arming until the belt came on",
    "counts: tag given while held",
    "counts: pulse over, the belt stands",
    "counts: slip, parts pending",
    "counts: slip, a cancelled part pending",
    "counts: slip while held, nobody pending",
    "counts: slip, nobody under way",
    "counts: slip in the clock of a trigger",
    "counts: part ahead of the one before it",
    "counts: encoder lost",
    "counts: lost, a part comes",
    "counts: lost, the belt comes on",
    "counts: reset while lost or held",
];

/// A gate, its model, and everything that comes at both.
pub struct History {
    kernel: Kernel,
    ports: Ports,
    setup: Setup,
    rng: Rng,
    plan: Plan,
    input: Input,
    /// The input was believed in the clock before.
    was_part: bool,
    belt: Belt,
    encoder: Encoder,
    /// Clocks in which the position has not changed, and the highest one that parts were due at.
    stood: u64,
    settled_at: u64,
    model: GateBlock,
    time: u64,
    /// Reject and line-ready as the pins will show them, oldest first.
    pins: VecDeque<(bool, bool)>,
    /// The interrupt line likewise: one clock after what the registers hold.
    irqs: VecDeque<bool>,
    /// The access under way, and what a read must give once it was taken.
    access: Option<(Access, Option<Option<u32>>)>,
    /// A write that was taken in the last clock: it takes effect in this one.
    written: Option<(u32, u32)>,
    bins: Bins,
    beats: bool,
    held_untracked: bool,
}

struct Ports {
    time: Port,
    trigger: Port,
    encoder: [Port; 2],
    reject: Port,
    ready: Port,
    irq: Port,
}

/// Clocks from a state of the scheduler to the pins.
const TO_PINS: usize = 2;

impl History {
    pub fn new(seed: u64, setup: Setup) -> Self {
        let mut kernel = Kernel::load(if setup.low { "gate_low" } else { "gate" }, seed);
        let ports = Ports {
            time: kernel.port("time_ns"),
            trigger: kernel.port("trigger_pin"),
            encoder: [kernel.port("encoder_a_pin"), kernel.port("encoder_b_pin")],
            reject: kernel.port("reject_pin"),
            ready: kernel.port("line_ready_pin"),
            irq: kernel.port("irq"),
        };
        let mut rng = Rng::new(seed ^ 0x6a7e);
        kernel.set_port(ports.time, setup.start);
        kernel.set_port(ports.trigger, u64::from(setup.low));
        let belt = Belt::new(Rng::new(rng.next_u64()), setup.calm);
        for (port, pin) in ports.encoder.into_iter().zip(belt.pins()) {
            kernel.set_port(port, pin.into());
        }
        kernel.reset();
        kernel.stall_axil(Stall::any(rng.next_u64()));
        let mut model = GateBlock::new();
        model.advance(setup.start);
        Self {
            kernel,
            ports,
            setup,
            plan: Plan::new(rng.next_u64(), setup),
            input: Input::new(setup.start, false),
            was_part: false,
            encoder: Encoder::new(setup.start, belt.pins()),
            belt,
            stood: 0,
            settled_at: 0,
            rng,
            model,
            time: setup.start,
            pins: VecDeque::from([(true, false); TO_PINS]),
            irqs: VecDeque::from([false; 2]),
            access: None,
            written: None,
            bins: Bins::new(&BINS),
            beats: false,
            held_untracked: false,
        }
    }

    pub fn bins(&self) -> &Bins {
        &self.bins
    }

    /// One clock of the gate and of the model.
    pub fn clock(&mut self) {
        let part =
            self.plan.part(self.rng.next_u64(), self.model.behaviour(), self.belt.comes_on());
        self.kernel.set_port(self.ports.time, self.time);
        self.kernel.set_port(self.ports.trigger, u64::from(part != self.setup.low));
        let pins = self.belt.clock();
        for (port, pin) in self.ports.encoder.into_iter().zip(pins) {
            self.kernel.set_port(port, pin.into());
        }
        if self.access.is_none()
            && let Some(access) = self.plan.access(self.time, &self.model)
        {
            match access {
                Access::Read(at) => self.kernel.begin_read32(at),
                Access::Write(at, value) => self.kernel.begin_write32(at, value),
            }
            self.access = Some((access, None));
        }
        self.kernel.settle();
        self.compare_pins();
        let clock = self.kernel.clocks();
        self.kernel.clock();
        // A read shows what was there before this clock.
        let taken = self.kernel.taken_at() == clock;
        let mut write = None;
        if let (true, Some((access, expected))) = (taken, &mut self.access) {
            match *access {
                Access::Read(at) => *expected = Some(self.model.read32(at)),
                Access::Write(at, value) => write = Some((at, value)),
            }
        }
        self.step_model(part, pins);
        self.written = write;
        self.irqs.push_back(self.irq_level());
        self.finish_access();
        self.time = self.time.saturating_add(self.setup.period);
    }

    fn compare_pins(&mut self) {
        let (reject, ready) = self.pins.pop_front().unwrap_or_default();
        let pin = self.kernel.get_port(self.ports.reject) != 0;
        let (now, low) = (self.time, self.setup.low);
        assert_eq!(pin != low, reject, "reject, {now} ns, {:?}", self.setup);
        let pin = self.kernel.get_port(self.ports.ready) != 0;
        assert_eq!(pin, ready, "line-ready, {now} ns, {:?}", self.setup);
        let irq = self.kernel.get_port(self.ports.irq) != 0;
        let expected = self.irqs.pop_front().unwrap_or_default();
        assert_eq!(irq, expected, "irq, {now} ns, {:?}", self.setup);
    }

    fn finish_access(&mut self) {
        let Some(result) = self.kernel.finished() else { return };
        let Some((access, expected)) = self.access.take() else { panic!("an answer to nothing") };
        match access {
            Access::Read(at) => {
                let Some(expected) = expected else { panic!("answered before it was taken") };
                assert_eq!(result.ok(), expected, "read of {at:#x} at {} ns", self.time);
            }
            Access::Write(at, _) => {
                assert_eq!(result.is_ok(), self.model.read32(at).is_some(), "write of {at:#x}");
            }
        }
    }
}
