//! QEMU has neither a GIC nor an IPI channel, system counter or watchdog for this core: all of it is
//! the page of `tandem_link::glue`, behind which the plugin of `hw/sim/qemu` stands.

use core::arch::global_asm;
use core::cell::Cell;

use super::{Timer, remember, short, tested};
use crate::board;
use tandem_drivers::bus::Bus;
use tandem_drivers::mmio::MmioBus;
use tandem_link::glue;
use tandem_link::message::Nanos;

const PAGE: u32 = board::GLUE;

/// Longest silence of the pipeline. Generous, because the emulated core runs at its host's mercy.
const WATCHDOG_US: u32 = 3_000_000;

/// What the watchdog's handler reads, always 0 here, and where it writes that: stops the watchdog.
pub const FIQ_ACK: u32 = PAGE + 0xFFC;
/// See [`FIQ_ACK`].
pub const FIQ_END: u32 = PAGE + glue::WATCHDOG_US;

/// This machine has neither GPIO nor I2C.
pub const HAS_PINS: bool = false;
/// QEMU's TTC is the one of the Zynq-7000. Divided so, it wraps every half second.
pub const TIMER: Timer = Timer { bits: 16, exponent: 10, hertz: 133_000_000 };

/// The wires of QEMU.
pub struct Wires {
    bus: MmioBus,
    /// Doorbells of the agent: as counted when last looked at, and those that were acknowledged.
    doorbells: [Cell<u32>; 2],
}

impl Wires {
    /// Nothing needs to be set up.
    pub fn start(bus: MmioBus) -> Self {
        let seen = bus.read32(PAGE + glue::RPU_SEEN);
        Self { bus, doorbells: [Cell::new(seen), Cell::new(seen)] }
    }

    #[inline(always)]
    fn read(&self, offset: u32) -> u32 {
        self.bus.read32(PAGE + offset)
    }

    #[inline(always)]
    fn write(&self, offset: u32, value: u32) {
        self.bus.write32(PAGE + offset, value);
    }

    /// The machine's one clock, which Linux reads, too.
    #[inline(always)]
    pub fn now(&self) -> Nanos {
        self.write(glue::RPU_CLOCK.latch, 1);
        let high = u64::from(self.read(glue::RPU_CLOCK.high));
        remember(high << 32 | u64::from(self.read(glue::RPU_CLOCK.low)))
    }

    /// Levels of the logic's lines.
    pub fn lines(&self) -> u32 {
        self.read(glue::LEVELS)
    }

    /// Doorbell to the agent.
    pub fn ring_agent(&self) {
        self.write(glue::RING_AGENT, 1);
    }

    /// The agent has rung since [`Wires::heard`].
    #[inline(always)]
    pub fn rung(&self) -> bool {
        let [count, seen] = &self.doorbells;
        count.set(self.read(glue::RPU_COUNT));
        count.get() != seen.get()
    }

    /// Acknowledges the doorbell that [`Wires::rung`] told of: what was not seen is not acknowledged.
    #[inline(always)]
    pub fn heard(&self, _rung: bool) {
        let [count, seen] = &self.doorbells;
        self.write(glue::RPU_SEEN, count.get());
        seen.set(count.get());
    }

    /// Sleeps until a line, a doorbell or `at`; it is `now`.
    pub fn sleep(&self, now: Nanos, at: Nanos) {
        self.write(glue::ALARM_US, short(now, at) / 1000 + 1);
        aarch32_cpu::asm::wfi();
    }

    /// The programmable logic may be touched.
    pub fn logic_is_there(&self) -> bool {
        true
    }

    /// The pipeline is well: the watchdog's time begins anew.
    pub fn feed(&self) {
        if !tested::busy() {
            self.write(glue::WATCHDOG_US, WATCHDOG_US);
        }
    }

    /// Runs the watchdog out, for its self-test.
    pub fn let_watchdog_bite(&self) {
        self.write(glue::WATCHDOG_US, 1_000);
    }

    /// Nobody will feed it any more.
    pub fn stop_watchdog(&self) {
        self.write(glue::WATCHDOG_US, 0);
    }

    /// Linux wants this core to leave its image.
    pub fn leave(&self) -> bool {
        self.read(glue::RESTART) != 0
    }

    /// The crash that a test asks for, or 0. Asked for once: the next life must not die of it, too.
    pub fn provoke(&self) -> u32 {
        let asked = self.read(glue::PROVOKE);
        if asked != 0 {
            self.write(glue::PROVOKE, 0);
        }
        asked
    }
}

// QEMU cannot reset a core that runs, so this one waits for its next image in code that no image
// covers: the loop is copied to the end of ATCM, which memory.x leaves free. It needs neither a
// stack nor the MPU, and exceptions are masked. r0 is the glue page.
global_asm!(
    r#"
    .section .text.tandem_park, "ax"
    .arm
    .global tandem_park
    .type tandem_park, %function
tandem_park:
    // Supervisor mode, as after a reset: the image's start keeps things in r8 to r12, of which FIQ
    // mode has its own.
    cpsid   aif, #0x13
    mrc     p15, 0, r1, c1, c0, 0
    bic     r1, r1, #1
    dsb
    mcr     p15, 0, r1, c1, c0, 0
    isb
    mov     r1, #0
    str     r1, [r0, #{watchdog}]
    mvn     r2, #0
    str     r2, [r0, #{alarm}]
    // Once PARKED says so, a request for an entry may come and must not be overwritten.
    ldr     r2, [r0, #{restart}]
    cmp     r2, #{park}
    streq   r1, [r0, #{restart}]
    dsb
    mov     r3, #1
    str     r3, [r0, #{parked}]
1:
    ldr     r2, [r0, #{rpu_count}]
    str     r2, [r0, #{rpu_seen}]
    ldr     r2, [r0, #{restart}]
    tst     r2, #1
    bne     2f
    dsb
    wfi
    b       1b
2:
    bic     r2, r2, #1
    str     r1, [r0, #{parked}]
    str     r1, [r0, #{restart}]
    dsb
    isb
    bx      r2
    .global tandem_park_end
tandem_park_end:
    .size tandem_park, . - tandem_park
    "#,
    watchdog = const glue::WATCHDOG_US,
    alarm = const glue::ALARM_US,
    parked = const glue::PARKED,
    rpu_count = const glue::RPU_COUNT,
    rpu_seen = const glue::RPU_SEEN,
    restart = const glue::RESTART,
    park = const glue::PARK,
);

unsafe extern "C" {
    safe static tandem_park: [u32; 0];
    safe static tandem_park_end: [u32; 0];
}

/// Puts the loop where [`park`] runs it. Before the MPU makes code read-only.
pub fn prepare_park(bus: &MmioBus) {
    let [from, end] = [&raw const tandem_park, &raw const tandem_park_end].map(|at| at as u32);
    for offset in (0..end - from).step_by(4) {
        bus.write32(board::PARK + offset, bus.read32(from + offset));
    }
    aarch32_cpu::asm::dsb();
    aarch32_cpu::asm::isb();
}

/// Waits for the next image, and begins it.
pub fn park() -> ! {
    // SAFETY: `prepare_park` has put the loop there, as Arm code of a function that takes the glue
    // page and does not return; it is inside the MPU's region for code.
    unsafe {
        let park: extern "C" fn(u32) -> ! = core::mem::transmute(board::PARK as *const ());
        park(PAGE)
    }
}
