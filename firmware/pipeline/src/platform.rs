//! `Platform`: what the pipeline needs of the machine it runs on.

use tandem_drivers::bus::Bus;
use tandem_link::SharedMemory;
use tandem_link::message::Nanos;

pub use tandem_regs::irq;

/// What there was when a turn began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Woken {
    /// The clock.
    pub now: Nanos,
    /// Levels of the lines in [`irq`].
    pub lines: u32,
    /// The agent may have rung since the turn before.
    pub rung: bool,
}

/// Clock, doorbells, interrupts and memory of one machine.
///
/// The pipeline is one future that never blocks: between polls the platform's executor idles
/// (WFI on the R5F, a parked thread on the host, the next turn in lockstep) until a doorbell from
/// the agent, an interrupt line, or the time given to [`Platform::wake_at`].
pub trait Platform {
    /// Registers and descriptors.
    type Bus: Bus;
    /// The link's shared words.
    type Memory: SharedMemory;

    /// Registers and descriptors.
    fn bus(&self) -> &Self::Bus;
    /// The link's shared words.
    fn memory(&self) -> &Self::Memory;
    /// The board's one clock.
    fn now(&self) -> Nanos;
    /// Poll the pipeline again at `at` at the latest (the earliest of several calls counts; it is
    /// forgotten once it has passed).
    fn wake_at(&self, at: Nanos);
    /// Levels of the lines in [`irq`]. A line that is stuck low is a lost interrupt.
    fn irq_lines(&self) -> u32;
    /// What there was when the pipeline was woken for this poll. A platform that looked then says what it saw;
    /// a doorbell that it missed is answered a poll period later.
    fn woken(&self) -> Woken {
        self.look()
    }
    /// What there is now, without knowing whether the agent has rung.
    fn look(&self) -> Woken {
        Woken { now: self.now(), lines: self.irq_lines(), rung: true }
    }
    /// Doorbell to the agent.
    fn ring_agent(&self);
    /// All is well: the pipeline beats, or waits for an agent. A platform with a watchdog feeds it.
    fn healthy(&self) {}
}
