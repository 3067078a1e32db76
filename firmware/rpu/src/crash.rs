//! The last thing the core does: a crash record, then sleep. The agent sees the heartbeat stand.

use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use aarch32_cpu::register::{Dfar, Dfsr, Ifar, Ifsr};
use tandem_link::crash::{Crash, Faults, LOG_BYTES, Reason, Registers, write};

use crate::board::GUARD;
use crate::mpu::GUARD_BYTES;
use crate::platform::{CrashPage, Log};
use crate::wires;

/// Where the handlers below leave the registers of the instruction that failed.
#[repr(transparent)]
struct Frame(UnsafeCell<Registers>);

// SAFETY: written by one handler with interrupts masked, before `tandem_crash` reads it.
unsafe impl Sync for Frame {}

// SAFETY: the name is used by the handlers below and by nothing else.
#[unsafe(no_mangle)]
static TANDEM_CRASH_FRAME: Frame = Frame(UnsafeCell::new(Registers { r: [0; 16], cpsr: 0 }));
static CRASHED: AtomicBool = AtomicBool::new(false);

// Each handler stands for one of aarch32-rt's, which the linker script prefers these to. They need
// no stack of their own mode: registers go to the frame, then the supervisor's stack is taken. The
// interrupted code ran in system mode, whose stack pointer and link register are the user's. `back` is
// how far the link register is behind the instruction, `thumb` how much less if that was Thumb code
// (Armv7-AR manual, B1.8.3).
global_asm!(
    r#"
    .macro fatal name, reason, back, thumb
    .section .text.\name, "ax"
    .arm
    .global \name
    .type \name, %function
\name:
    sub     lr, lr, #\back
    ldr     sp, =TANDEM_CRASH_FRAME
    stmia   sp, {{r0-r12}}
    add     r0, sp, #52
    stmia   r0, {{sp, lr}}^
    nop
    mrs     r1, spsr
    str     r1, [sp, #64]
    tst     r1, #0x20
    addne   lr, lr, #\thumb
    str     lr, [sp, #60]
    mov     r0, #\reason
    ldr     sp, =_svc_stack_high_end
    b       tandem_crash
    .size \name, . - \name
    .ltorg
    .endm

    fatal _asm_undefined_handler, 2, 4, 2
    fatal _asm_svc_handler, 3, 4, 2
    fatal _asm_prefetch_abort_handler, 4, 4, 0
    fatal _asm_data_abort_handler, 5, 8, 0
    fatal _asm_irq_handler, 7, 4, 0

    // The watchdog. r8 to r12 of this mode are its own: the interrupted ones are the user's, too.
    .section .text._asm_fiq_handler, "ax"
    .arm
    .global _asm_fiq_handler
    .type _asm_fiq_handler, %function
_asm_fiq_handler:
    ldr     r8, =TANDEM_WATCHDOG_TEST
    ldr     r9, [r8]
    cmp     r9, #0
    bne     1f
    sub     lr, lr, #4
    ldr     r8, =TANDEM_CRASH_FRAME
    stmia   r8, {{r0-r7}}
    add     r9, r8, #32
    stmia   r9, {{r8-r12, sp, lr}}^
    nop
    mrs     r10, spsr
    str     lr, [r8, #60]
    str     r10, [r8, #64]
    mov     r0, #9
    ldr     sp, =_svc_stack_high_end
    b       tandem_crash
    // Its self-test: seen, acknowledged, back.
1:  ldr     r10, ={ack}
    ldr     r11, [r10]
    ldr     r10, ={end}
    str     r11, [r10]
    mov     r9, #2
    str     r9, [r8]
    dsb
    subs    pc, lr, #4
    .size _asm_fiq_handler, . - _asm_fiq_handler
    .ltorg
    "#,
    ack = const wires::FIQ_ACK,
    end = const wires::FIQ_END,
);

// SAFETY: called by the handlers above and by nothing else.
#[unsafe(no_mangle)]
extern "C" fn tandem_crash(code: u32) -> ! {
    // A crash inside a crash leaves what was written.
    if CRASHED.swap(true, Ordering::Relaxed) {
        halt();
    }
    // SAFETY: the handler that called has written it, and no other runs.
    let registers = unsafe { *TANDEM_CRASH_FRAME.0.get() };
    let faults = Faults {
        data_status: Dfsr::read().raw_value(),
        data_address: Dfar::read().0,
        fetch_status: Ifsr::read().raw_value(),
        fetch_address: Ifar::read().0,
    };
    // A late abort, of a store that the bus refused, has no address (DFSR: 0b1_0110).
    let has_address = faults.data_status & 0x40F != 0x406;
    let below = has_address && faults.data_address.wrapping_sub(GUARD) < GUARD_BYTES;
    let reason = match Reason::from_code(code) {
        Some(Reason::DataAbort) if below => Reason::StackOverflow,
        Some(reason) => reason,
        None => Reason::Interrupt,
    };
    record(reason, 0, registers, faults);
    crate::log::abandon();
    defmt::error!("crash {=u32} at {=u32:#010x}", reason as u32, registers.r[15]);
    halt()
}

/// Lets aborts through that come after their store has gone on: CPSR.A is set out of reset.
pub fn see_late_aborts() {
    // SAFETY: an abort ends in the handler above, which is in place from the first instruction on.
    unsafe { asm!("cpsie a", options(nomem, nostack)) };
}

/// Lets the watchdog's interrupt through, whatever this core does; nothing else raises it.
pub fn obey_the_watchdog() {
    // SAFETY: it ends in the handler above, which is in place from the first instruction on.
    unsafe { asm!("cpsie f", options(nomem, nostack)) };
}

/// A record of something that left no registers worth keeping.
pub fn record_reason(reason: Reason, detail: u32) {
    if !CRASHED.swap(true, Ordering::Relaxed) {
        record(reason, detail, Registers::default(), Faults::default());
    }
}

fn record(reason: Reason, detail: u32, registers: Registers, faults: Faults) {
    let crash = Crash { reason, time: wires::last_time(), detail, registers, faults };
    let log = Log::new();
    write(&CrashPage::new(), &crash, tandem_link::log::last(&log, LOG_BYTES as u32));
}

/// Nothing more from this image.
pub fn halt() -> ! {
    wires::park()
}
