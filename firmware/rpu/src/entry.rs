//! The first instructions.

use core::arch::global_asm;

// aarch32-rt's own entry parks every core whose MPIDR affinity is not 0. That is right for a
// cluster that boots together; here each core gets its own image in its own TCM, and QEMU numbers
// the R5F after the A53s. So: initialise memory, then start as core 0 of this image.
global_asm!(
    r#"
    .section .text.tandem_start, "ax"
    .arm
    .global _start
    .type _start, %function
_start:
    bl      _asm_init_segments
    mov     r0, #0
    b       _asm_core_start
    .size _start, . - _start
    "#
);
