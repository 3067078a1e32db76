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
    // What no image was loaded to has no valid ECC: everything from the data to the end of its bank is
    // written before it is read, words up to a chunk of four, then whole chunks.
    ldr     r0, =__sdata
    ldr     r1, =_stacks_high_end
    mov     r2, #0
    mov     r3, #0
    mov     r4, #0
    mov     r5, #0
1:  tst     r0, #15
    strne   r2, [r0], #4
    bne     1b
2:  cmp     r0, r1
    stmlo   r0!, {{r2-r5}}
    blo     2b
    bl      _asm_init_segments
    mov     r0, #0
    b       _asm_core_start
    .ltorg
    .size _start, . - _start
    "#
);

/// What remoteproc looks for in an image: a table of resources, version 1 and empty, since the link's
/// memory is reserved in the device tree and there is no virtio (Linux `remoteproc.h`).
// SAFETY: the section's name is remoteproc's, and nothing else is in it.
#[unsafe(link_section = ".resource_table")]
// SAFETY: the name is kept for the linker (`build.rs`) and used by nothing else.
#[unsafe(no_mangle)]
static TANDEM_RESOURCES: [u32; 4] = [1, 0, 0, 0];
