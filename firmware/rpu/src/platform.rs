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
    // board description or a device's register map, is mapped, and no Rust reference covers it
    // (TCM, where Rust's own data lies, is never reached through the bus).
    unsafe { MmioBus::new(0, Some(TCM_ALIAS_RPU0)) }
}

/// A block of words shared with the agent, over the same bus as everything else.
pub struct SharedWords {
    bus: MmioBus,
    base: u32,
    size: u32,
}

impl SharedWords {
    /// The link's block.
    pub fn link() -> Self {
        Self { bus: bus(), base: board::LINK, size: board::LINK_SIZE }
    }

    /// The page of crash records.
    pub fn crash() -> Self {
        Self { bus: bus(), base: board::CRASH, size: board::CRASH_SIZE }
    }

    /// The log ring.
    pub fn log() -> Self {
        Self { bus: bus(), base: board::LOG, size: board::LOG_SIZE }
    }
}

impl SharedMemory for SharedWords {
    fn size(&self) -> u32 {
        self.size
    }
    fn load(&self, offset: u32) -> u32 {
        let value = self.bus.read32(self.base + offset);
        fence(Ordering::Acquire);
        value
    }
    fn store(&self, offset: u32, value: u32) {
        fence(Ordering::Release);
        self.bus.write32(self.base + offset, value);
    }
    fn load_plain(&self, offset: u32) -> u32 {
        self.bus.read32(self.base + offset)
    }
    fn store_plain(&self, offset: u32, value: u32) {
        self.bus.write32(self.base + offset, value);
    }
}

/// The machine that the pipeline runs on.
pub struct R5Platform {
    bus: MmioBus,
    memory: SharedWords,
    /// Time, interrupts, doorbells, watchdog.
    pub wires: Wires,
    console: RefCell<Console>,
    healthy: Cell<u32>,
    wakes: Cell<u32>,
    wake: Cell<Option<Nanos>>,
    waker: RefCell<Option<Waker>>,
}

impl R5Platform {
    /// Starts clock, interrupts and console.
    pub fn new(facts: Facts) -> Self {
        let bus = bus();
        Self {
            wires: Wires::start(bus),
            bus,
            memory: SharedWords::link(),
            console: RefCell::new(Console::start(bus, facts)),
            healthy: Cell::new(0),
            wakes: Cell::new(0),
            wake: Cell::new(None),
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
            *self.waker.borrow_mut() = Some(cx.waker().clone());
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
            *self.waker.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Sleeps until there may be something to do, then wakes the task.
    pub fn idle(&self) {
        let wires = &self.wires;
        crate::provoke::look(wires.provoke(), &self.bus);
        if wires.leave() {
            crash::halt();
        }
        self.console.borrow_mut().turn(self);
        self.wake_at(wires.now().saturating_add(console::PERIOD));
        let due = self.wake.get().is_some_and(|at| at <= wires.now());
        if !due && wires.lines() == 0 && !wires.rung() {
            // What ends the sleep shows in the next turn; a line that only lingers wakes nobody.
            wires.sleep(self.wake.get());
            return;
        }
        self.wakes.set(self.wakes.get().wrapping_add(1));
        wires.heard();
        if due {
            self.wake.set(None);
        }
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

impl Platform for R5Platform {
    type Bus = MmioBus;
    type Memory = SharedWords;

    fn bus(&self) -> &MmioBus {
        &self.bus
    }
    fn memory(&self) -> &SharedWords {
        &self.memory
    }
    fn now(&self) -> Nanos {
        self.wires.now()
    }
    fn wake_at(&self, at: Nanos) {
        self.wake.set(Some(self.wake.get().map_or(at, |earlier| earlier.min(at))));
    }
    fn irq_lines(&self) -> u32 {
        self.wires.lines()
    }
    fn ring_agent(&self) {
        self.wires.ring_agent();
    }
    fn healthy(&self) {
        self.healthy.set(self.healthy.get().wrapping_add(1));
        self.wires.feed();
    }
}
