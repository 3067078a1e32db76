//! What the R5F executes, counted: instructions, and accesses that leave its TCM. Only where the
//! plugin is told to (`count=on`), since each access then costs a call.

use crate::abi::{self, Insn, MemInfo, Tb};
use std::ffi::{c_uint, c_void};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// QEMU numbers the R5F behind the four A53s.
const RPU: c_uint = 4;
/// Addresses below are TCM; everything else that the firmware may touch has no cache (`mpu.rs`).
const TCM_END: u64 = 0x4_0000;

static ON: AtomicBool = AtomicBool::new(false);
static INSTRUCTIONS: AtomicU64 = AtomicU64::new(0);
static ACCESSES: AtomicU64 = AtomicU64::new(0);

/// Counts from now on.
pub fn begin() {
    ON.store(true, Ordering::Relaxed);
}

/// Instructions and uncached accesses of the R5F so far.
pub fn counts() -> [u64; 2] {
    [&INSTRUCTIONS, &ACCESSES].map(|count| count.load(Ordering::Relaxed))
}

/// Asks QEMU for calls from a block that it has just translated.
pub fn translated(block: *mut Tb) {
    if !ON.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: the block lives for the call of `qemu_plugin_install`'s callback that this is part
    // of; indices stay below its count; the data is a number and no pointer.
    unsafe {
        let count = abi::qemu_plugin_tb_n_insns(block);
        let data = std::ptr::without_provenance_mut(count);
        abi::qemu_plugin_register_vcpu_tb_exec_cb(block, executed, abi::NO_REGS, data);
        for index in 0..count {
            let insn: *mut Insn = abi::qemu_plugin_tb_get_insn(block, index);
            let none = std::ptr::null_mut();
            abi::qemu_plugin_register_vcpu_mem_cb(
                insn,
                accessed,
                abi::NO_REGS,
                abi::ACCESSES,
                none,
            );
        }
    }
}

extern "C" fn executed(cpu: c_uint, count: *mut c_void) {
    if cpu == RPU {
        INSTRUCTIONS.fetch_add(count.addr() as u64, Ordering::Relaxed);
    }
}

extern "C" fn accessed(cpu: c_uint, info: MemInfo, vaddr: u64, _data: *mut c_void) {
    if cpu != RPU {
        return;
    }
    // SAFETY: called by QEMU from inside a memory callback, where these two are allowed; the
    // address is checked for null before it is used.
    let outside = unsafe {
        let resolved = abi::qemu_plugin_get_hwaddr(info, vaddr);
        !resolved.is_null() && abi::qemu_plugin_hwaddr_phys_addr(resolved) >= TCM_END
    };
    if outside {
        ACCESSES.fetch_add(1, Ordering::Relaxed);
    }
}
