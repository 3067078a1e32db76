//! `Platform` on the R5F.

use crate::board;
use crate::console::{self, Console, Facts};
use crate::crash;
use crate::wires::Wires;
use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::sync::atomic::{Ordering, fence};
use core::task::Poll;
use tandem_drivers::bus::Bus;
use tandem_drivers::mmio::{MmioBus, TCM_ALIAS_RPU0};
use tandem_link::SharedMemory;
use tandem_link::message::Nanos;
use tandem_pipeline::platform::{Platform, Woken};

/// Exceptions go to the vector table in ATCM (SCTLR.V = 0); the core may come out of reset with
/// high vectors.
pub fn low_vectors() {
    use aarch32_cpu::register::Sctlr;
    Sctlr::modify(|sctlr| sctlr.set_v(false));
    aarch32_cpu::asm::isb();
}

/// This image's bus.
pub fn bus() -> MmioBus {
    // SAFETY: this image owns the R5F's view of the bus; every address it uses comes from the
    // board description or a device's register map, is mapped, and no Rust reference covers it (of TCM,
    // where Rust's own data lies, only the self-test's march reaches what nothing uses).
    unsafe { MmioBus::new(0, Some(TCM_ALIAS_RPU0)) }
}

/// A block of words shared with the agent, over the same bus as everything else.
pub struct SharedWords<const BASE: u32, const SIZE: u32> {
    bus: MmioBus,
}

/// The link's block.
pub type Link = SharedWords<{ board::LINK }, { board::LINK_SIZE }>;
/// The page of crash records.
pub type CrashPage = SharedWords<{ board::CRASH }, { board::CRASH_SIZE }>;
/// The log ring.
pub type Log = SharedWords<{ board::LOG }, { board::LOG_SIZE }>;

impl<const BASE: u32, const SIZE: u32> SharedWords<BASE, SIZE> {
    /// The block.
    pub fn new() -> Self {
        const { assert!(BASE.checked_add(SIZE).is_some(), "a block reaches over the address space") };
        Self { bus: bus() }
    }
}

// Offsets are inside the block: the MPU refuses what is not.
impl<const BASE: u32, const SIZE: u32> SharedMemory for SharedWords<BASE, SIZE> {
    fn size(&self) -> u32 {
        SIZE
    }
    #[inline(always)]
    fn load(&self, offset: u32) -> u32 {
        let value = self.bus.read32(BASE.wrapping_add(offset));
        fence(Ordering::Acquire);
        value
    }
    #[inline(always)]
    fn store(&self, offset: u32, value: u32) {
        fence(Ordering::Release);
        self.bus.write32(BASE.wrapping_add(offset), value);
    }
    #[inline(always)]
    fn load_plain(&self, offset: u32) -> u32 {
        self.bus.read32(BASE.wrapping_add(offset))
    }
    #[inline(always)]
    fn store_plain(&self, offset: u32, value: u32) {
        self.bus.write32(BASE.wrapping_add(offset), value);
    }
}

/// The machine that the pipeline runs on.
pub struct R5Platform {
    bus: MmioBus,
    memory: Link,
    /// Time, interrupts, doorbells, watchdog.
    pub wires: Wires,
    console: RefCell<Console>,
    healthy: Cell<u32>,
    wakes: Cell<u32>,
    /// When the pipeline wants to be polled.
    wake: Cell<Nanos>,
    /// What ended the last sleep.
    woken: Cell<Woken>,
    /// When console and requests are looked at next.
    look: Cell<Nanos>,
}

impl R5Platform {
    /// Starts clock, interrupts and console.
    pub fn new(facts: Facts) -> Self {
        let bus = bus();
        Self {
            wires: Wires::start(bus),
            bus,
            memory: Link::new(),
            console: RefCell::new(Console::start(bus, facts)),
            healthy: Cell::new(0),
            wakes: Cell::new(0),
            wake: Cell::new(Nanos::MAX),
            woken: Cell::new(Woken { now: 0, lines: 0, rung: false }),
            look: Cell::new(0),
        }
    }

    /// Times that the pipeline said it was well.
    pub fn healthy_count(&self) -> u32 {
        self.healthy.get()
    }

    /// Times that the core woke.
    pub fn wakes(&self) -> u32 {
        self.wakes.get()
    }

    /// Waits until the programmable logic may be touched: an access to an empty one never ends.
    pub async fn logic(&self) {
        const PERIOD: Nanos = 10_000_000;
        poll_fn(|_| {
            if self.wires.logic_is_there() {
                return Poll::Ready(());
            }
            self.wake_at(self.now().saturating_add(PERIOD));
            Poll::Pending
        })
        .await;
    }

    /// Sleeps until there may be something to do.
    #[inline(always)]
    pub fn idle(&self) {
        let wires = &self.wires;
        loop {
            // What came meanwhile ends the sleep at once.
            wires.sleep(wires.now(), self.wake.get().min(self.look.get()));
            let mut now = wires.now();
            if now >= self.look.get() {
                self.look_around();
                now = wires.now();
                self.look.set(now.saturating_add(console::PERIOD));
            }
            let (lines, rung) = (wires.lines(), wires.rung());
            let due = self.wake.get() <= now;
            if due {
                self.wake.set(Nanos::MAX);
            }
            // A line that only lingers wakes nobody.
            if due || lines != 0 || rung {
                wires.heard(rung);
                self.woken.set(Woken { now, lines, rung });
                break;
            }
        }
        self.wakes.set(self.wakes.get().wrapping_add(1));
    }

    /// What has time until the next look: the console, and who wants this core to leave its image.
    #[inline(never)]
    fn look_around(&self) {
        crate::provoke::look(self.wires.provoke(), &self.bus);
        if self.wires.leave() {
            crash::halt();
        }
        self.console.borrow_mut().turn(self);
    }
}

impl Platform for R5Platform {
    type Bus = MmioBus;
    type Memory = Link;

    fn bus(&self) -> &MmioBus {
        &self.bus
    }
    fn memory(&self) -> &Link {
        &self.memory
    }
    #[inline(always)]
    fn now(&self) -> Nanos {
        self.wires.now()
    }
    #[inline(always)]
    fn wake_at(&self, at: Nanos) {
        if at < self.wake.get() {
            self.wake.set(at);
        }
    }
    fn irq_lines(&self) -> u32 {
        self.wires.lines()
    }
    fn woken(&self) -> Woken {
        self.woken.get()
    }
    fn ring_agent(&self) {
        self.wires.ring_agent();
    }
    fn healthy(&self) {
        self.healthy.set(self.healthy.get().wrapping_add(1));
        self.wires.feed();
    }
}
