//! `Platform` on the R5F.

use crate::board;
use crate::console::{self, Console, Facts};
use crate::crash;
use crate::wires::Wires;
use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{Ordering, fence};
use core::task::{Poll, Waker};
use tandem_drivers::bus::Bus;
use tandem_drivers::mmio::{MmioBus, TCM_ALIAS_RPU0};
use tandem_link::SharedMemory;
use tandem_link::message::Nanos;
use tandem_pipeline::platform::Platform;

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
    /// The agent's doorbell was among what ended the last sleep.
    rung: Cell<bool>,
    /// When console and requests are looked at next.
    look: Cell<Nanos>,
    waker: RefCell<Option<Waker>>,
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
            rung: Cell::new(false),
            look: Cell::new(0),
            waker: RefCell::new(None),
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

    /// Polls `future` at every turn of the main loop, since a doorbell, a line or the clock may
    /// concern any part of it.
    ///
    /// The future comes pinned: an `async fn` that took it by value would hold it twice.
    pub async fn drive<F: Future>(&self, mut future: Pin<&mut F>) -> F::Output {
        core::future::poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            self.remember(cx.waker());
            Poll::Pending
        })
        .await
    }

    /// Waits until the programmable logic may be touched: an access to an empty one never ends.
    pub async fn logic(&self) {
        const PERIOD: Nanos = 10_000_000;
        core::future::poll_fn(|cx| {
            if self.wires.logic_is_there() {
                return Poll::Ready(());
            }
            self.wake_at(self.now().saturating_add(PERIOD));
            self.remember(cx.waker());
            Poll::Pending
        })
        .await;
    }

    /// Sleeps until there may be something to do, then wakes the task.
    pub fn idle(&self) {
        let wires = &self.wires;
        loop {
            let mut now = wires.now();
            if now >= self.look.get() {
                self.look_around();
                now = wires.now();
                self.look.set(now.saturating_add(console::PERIOD));
            }
            let wake = self.wake.get();
            let due = wake <= now;
            if due || wires.lines() != 0 || wires.rung() {
                if due {
                    self.wake.set(Nanos::MAX);
                }
                break;
            }
            // What ends the sleep shows in the next round; a line that only lingers wakes nobody.
            wires.sleep(now, wake.min(self.look.get()));
        }
        self.wakes.set(self.wakes.get().wrapping_add(1));
        self.rung.set(wires.heard());
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// There is one task, and it has one waker.
    fn remember(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        if known.is_none() {
            *known = Some(waker.clone());
        }
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
    fn now(&self) -> Nanos {
        self.wires.now()
    }
    fn wake_at(&self, at: Nanos) {
        if at < self.wake.get() {
            self.wake.set(at);
        }
    }
    fn irq_lines(&self) -> u32 {
        self.wires.lines()
    }
    fn rung(&self) -> bool {
        self.rung.get()
    }
    fn ring_agent(&self) {
        self.wires.ring_agent();
    }
    fn healthy(&self) {
        self.healthy.set(self.healthy.get().wrapping_add(1));
        self.wires.feed();
    }
}
