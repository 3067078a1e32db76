//! Crashes on demand: a test sees each of them end as it should (`hw/sim/qemu/src/glue.rs`).

use crate::board;
use core::arch::asm;
use core::hint::black_box;
use tandem_drivers::bus::Bus;

/// Does what `wanted` asks for; 0 asks for nothing.
pub fn look(wanted: u32, bus: &impl Bus) {
    match wanted {
        0 => {}
        // SAFETY: it ends in the handler of undefined instructions, which does not return.
        1 => unsafe { asm!("udf #0", options(noreturn)) },
        // Code is read-only.
        2 => bus.write32(0x100, 0),
        // Payload is for the DMA alone.
        3 => drop(black_box(bus.read32(board::POOL))),
        4 => drop(black_box(deeper(u32::MAX))),
        5 => {
            // SAFETY: data is no code, and the MPU refuses the fetch before anything runs.
            unsafe { asm!("bx {}", in(reg) board::DATA_BANK, options(noreturn)) }
        }
        // SAFETY: it ends in the handler of supervisor calls, which does not return.
        6 => unsafe { asm!("svc #0", options(noreturn)) },
        8 => loop {
            core::hint::spin_loop();
        },
        _ => panic!("asked to"),
    }
}

/// Goes down the stack until something stops it.
#[inline(never)]
fn deeper(levels: u32) -> u32 {
    let here = black_box([levels; 16]);
    if levels == 0 { 0 } else { deeper(levels - 1).wrapping_add(here[3]) }
}
