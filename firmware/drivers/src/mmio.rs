//! `MmioBus`: the bus of real silicon and of QEMU. The only unsafe code of this crate.
#![allow(unsafe_code)]

use volatile_register::RW;

use crate::bus::Bus;

/// End of the R5F's private view of its tightly coupled memories (ATCM at 0, BTCM at 0x2_0000).
const TCM_END: u32 = 0x4_0000;
/// Where other masters see the TCMs of R5F core 0 (and of the lockstep pair).
pub const TCM_ALIAS_RPU0: u32 = 0xFFE0_0000;
/// Where other masters see the TCMs of R5F core 1.
pub const TCM_ALIAS_RPU1: u32 = 0xFFE9_0000;

/// Memory-mapped access: the word at bus address `a` is at pointer `offset + a`.
#[derive(Clone, Copy, Debug)]
pub struct MmioBus {
    /// Always 0 on bare metal, where looking it up would cost as much as the access.
    #[cfg(not(target_os = "none"))]
    offset: usize,
    tcm_alias: Option<u32>,
}

impl MmioBus {
    /// A bus whose addresses are `offset` away from pointers: 0 on bare metal; on Linux the distance
    /// of a mapping from what it maps. `tcm_alias` is where other masters see this core's TCM
    /// ([`TCM_ALIAS_RPU0`]), or none on a core without.
    ///
    /// # Safety
    /// For as long as the value or a copy of it lives, every address that is given to it must be
    /// a device register or memory mapped at `offset + address`, aligned to 4 bytes, that no Rust
    /// reference covers.
    #[must_use]
    pub const unsafe fn new(offset: usize, tcm_alias: Option<u32>) -> Self {
        #[cfg(target_os = "none")]
        assert!(offset == 0, "bus addresses are pointers on bare metal");
        Self {
            #[cfg(not(target_os = "none"))]
            offset,
            tcm_alias,
        }
    }

    #[inline(always)]
    fn word(&self, addr: u32) -> *const RW<u32> {
        debug_assert!(addr.is_multiple_of(4), "bus address {addr:#x} is not aligned");
        #[cfg(target_os = "none")]
        let offset = 0usize;
        #[cfg(not(target_os = "none"))]
        let offset = self.offset;
        offset.wrapping_add(addr as usize) as *const RW<u32>
    }
}

impl Bus for MmioBus {
    #[inline]
    fn read32(&self, addr: u32) -> u32 {
        // SAFETY: whoever made the bus promised that addresses given to it are mapped and aligned.
        unsafe { (*self.word(addr)).read() }
    }

    #[inline]
    fn write32(&self, addr: u32, value: u32) {
        // SAFETY: as above; `RW` makes it one volatile store.
        unsafe { (*self.word(addr)).write(value) }
    }

    fn bus_addr(&self, cpu_addr: u32) -> u32 {
        match self.tcm_alias {
            Some(alias) if cpu_addr < TCM_END => alias + cpu_addr,
            _ => cpu_addr,
        }
    }

    #[inline]
    fn dma_wmb(&self) {
        write_barrier();
    }

    #[inline]
    fn dma_rmb(&self) {
        read_barrier();
    }
}

#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
#[inline]
fn write_barrier() {
    // SAFETY: a barrier; it reads and writes no register or memory by itself.
    unsafe { core::arch::asm!("dsb st", options(nostack, preserves_flags)) }
}

#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
#[inline]
fn read_barrier() {
    // SAFETY: as above.
    unsafe { core::arch::asm!("dmb sy", options(nostack, preserves_flags)) }
}

// Elsewhere there is no device that could look: only the compiler must keep the order.
#[cfg(not(any(target_arch = "aarch64", target_arch = "arm")))]
#[inline]
fn write_barrier() {
    core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::SeqCst);
}

#[cfg(not(any(target_arch = "aarch64", target_arch = "arm")))]
#[inline]
fn read_barrier() {
    core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::SeqCst);
}
