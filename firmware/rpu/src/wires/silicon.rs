//! The Zynq UltraScale+'s own wires: system counter, TTC0, the RPU's GIC, IPI channel RPU0, the LPD watchdog.
//!
//! Never run on silicon; the drivers below are tested against models of their registers.

use super::{Timer, remember, short, tested};
use crate::board;
use tandem_drivers::bus::Bus;
use tandem_drivers::mmio::MmioBus;
use tandem_drivers::ps::counter::{SystemCounter, nanos};
use tandem_drivers::ps::gic::{Gic, Line, Trigger};
use tandem_drivers::ps::ipi::Ipi;
use tandem_drivers::ps::swdt::Swdt;
use tandem_drivers::ps::ttc::Ttc;
use tandem_drivers::ps::{at, interrupt};
use tandem_link::message::Nanos;
use tandem_pipeline::platform::irq;

/// LPD_LSBUS, which clocks TTC and watchdog, Hz. The loaders of the boards here set it so.
const LSBUS: u32 = 100_000_000;
/// The counter's rate where the loader left none, Hz.
const COUNTER: u32 = 100_000_000;
/// Longest silence of the pipeline: 50 beats.
const WATCHDOG_US: u32 = 100_000;
/// The logic's lines, in the order of `tandem_regs::irq`.
const LINES: [u32; 7] = [
    board::IRQ_PRE_MM2S,
    board::IRQ_PRE_S2MM,
    board::IRQ_POST_MM2S,
    board::IRQ_POST_S2MM,
    board::IRQ_PRE,
    board::IRQ_POST,
    board::IRQ_GATE,
];
/// Bits that this file's order stands for.
const _: () = assert!(irq::PRE_MM2S == 1 && irq::PRE_KERNEL == 1 << 4 && irq::GATE == 1 << 6);
/// PCAP_STATUS of the CSU, and its PL_DONE (embeddedsw `xilfpga`, `xilfpga_pcap.h`).
const PCAP_STATUS: u32 = at::CSU + 0x3010;
const PL_DONE: u32 = 1 << 3;

/// Where the watchdog's handler reads which interrupt it is, and writes that it is dealt with.
pub const FIQ_ACK: u32 = at::GIC_CPU + 0x0C;
/// See [`FIQ_ACK`].
pub const FIQ_END: u32 = at::GIC_CPU + 0x10;

/// GPIO and I2C may be tried.
pub const HAS_PINS: bool = true;
/// LPD_LSBUS clocks it.
pub const TIMER: Timer = Timer { bits: 32, exponent: 0, hertz: LSBUS };

/// The wires of silicon.
pub struct Wires {
    bus: MmioBus,
    counter: SystemCounter<MmioBus>,
    hertz: u32,
    alarm: Ttc<MmioBus>,
    gic: Gic<MmioBus>,
    ipi: Ipi<MmioBus>,
    watchdog: Swdt<MmioBus>,
    fed: core::cell::Cell<bool>,
}

impl Wires {
    /// Sets everything up: lines, doorbell and alarm raise IRQ, which stays masked and only wakes;
    /// the watchdog raises FIQ.
    pub fn start(bus: MmioBus) -> Self {
        let counter = SystemCounter::new(bus, at::COUNTER);
        counter.start();
        let hertz = match counter.frequency() {
            0 => COUNTER,
            hertz => hertz,
        };
        let alarm = Ttc::new(bus, at::TTC0, 0, 32);
        alarm.start(0);
        let ipi = Ipi::new(bus, board::IPI);
        ipi.start(board::IPI_LINUX);
        let gic = Gic::new(bus, at::GIC_DISTRIBUTOR, at::GIC_CPU);
        gic.start();
        for id in LINES.into_iter().chain([board::IPI_IRQ, interrupt::TTC0]) {
            known(gic.enable(id, Line::Irq, Trigger::Level));
        }
        // A pulse of some clocks (IRQ_LEN).
        known(gic.enable(interrupt::SWDT_LPD, Line::Fiq, Trigger::Edge));
        let watchdog = Swdt::new(bus, at::SWDT_LPD, LSBUS);
        watchdog.stop();
        let fed = core::cell::Cell::new(false);
        Self { bus, counter, hertz, alarm, gic, ipi, watchdog, fed }
    }

    /// The system counter, which the A53s' timers show, too.
    pub fn now(&self) -> Nanos {
        remember(nanos(self.counter.ticks(), self.hertz))
    }

    /// Levels of the logic's lines.
    pub fn lines(&self) -> u32 {
        let high = LINES.iter().enumerate().filter(|(_, id)| self.gic.pending(**id));
        high.fold(0, |levels, (bit, _)| levels | 1 << bit)
    }

    /// Doorbell to the agent.
    pub fn ring_agent(&self) {
        self.ipi.ring(board::IPI_LINUX);
    }

    /// The agent has rung since [`Wires::heard`].
    pub fn rung(&self) -> bool {
        self.ipi.rung() & board::IPI_LINUX != 0
    }

    /// Acknowledges the doorbell if [`Wires::rung`] told of it: what was not seen is not acknowledged.
    pub fn heard(&self, rung: bool) {
        if rung {
            self.ipi.acknowledge(board::IPI_LINUX);
        }
        self.alarm.disarm();
    }

    /// Sleeps until a line, a doorbell or `at`; it is `now`.
    pub fn sleep(&self, now: Nanos, at: Nanos) {
        if !self.alarm.alarm(short(now, at).div_ceil(1_000_000_000 / LSBUS)) {
            return; // it is due already
        }
        aarch32_cpu::asm::wfi();
    }

    /// The programmable logic may be touched.
    pub fn logic_is_there(&self) -> bool {
        self.bus.read32(PCAP_STATUS) & PL_DONE != 0
    }

    /// The pipeline is well: the watchdog's time begins anew.
    pub fn feed(&self) {
        if tested::busy() {
            return;
        }
        if self.fed.replace(true) {
            self.watchdog.feed();
        } else if let Err(error) = self.watchdog.start(WATCHDOG_US.into()) {
            let _ = error;
            defmt::error!("the watchdog does not take its settings");
        }
    }

    /// Nobody will feed it any more.
    pub fn stop_watchdog(&self) {
        self.watchdog.stop();
        self.fed.set(false);
    }

    /// Runs the watchdog out, for its self-test.
    pub fn let_watchdog_bite(&self) {
        self.fed.set(false);
        if self.watchdog.start(1_000).is_err() {
            defmt::error!("the watchdog does not take its settings");
        }
    }

    /// Linux wants this core to leave its image: here it resets the core instead.
    pub fn leave(&self) -> bool {
        false
    }

    /// The crash that a test asks for: nobody can, here.
    pub fn provoke(&self) -> u32 {
        0
    }
}

/// All of these interrupts are below 188, the last that the R5F's controller has.
fn known<E>(result: Result<(), E>) {
    if result.is_err() {
        defmt::error!("the interrupt controller is not the one of the RPU");
    }
}

/// Nothing to prepare.
pub fn prepare_park(_bus: &MmioBus) {}

/// Sleeps until Linux resets this core.
pub fn park() -> ! {
    // Nobody feeds the watchdog any more, and its record is not asked for twice.
    Swdt::new(crate::platform::bus(), at::SWDT_LPD, LSBUS).stop();
    loop {
        aarch32_cpu::asm::wfi();
    }
}
