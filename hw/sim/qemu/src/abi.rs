//! The few functions of QEMU's plugin interface (version 4, QEMU 10.0) that are used here.
//!
//! Declared by hand: the interface is a stable C ABI and Debian ships no header for it.
#![allow(non_camel_case_types)]

use std::ffi::{c_int, c_uint, c_void};

/// Interface version that the plugin is written for.
pub const PLUGIN_VERSION: c_int = 4;

/// Names a loaded plugin.
pub type PluginId = u64;
/// What an access was (size, store, ...); opaque.
pub type MemInfo = u32;

/// A translation block.
#[repr(C)]
pub struct Tb {
    _opaque: [u8; 0],
}

/// One guest instruction.
#[repr(C)]
pub struct Insn {
    _opaque: [u8; 0],
}

/// A resolved guest address.
#[repr(C)]
pub struct HwAddr {
    _opaque: [u8; 0],
}

/// `qemu_plugin_mem_value`: the value of an access.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct MemValue {
    /// 0..=4 for 8, 16, 32, 64 and 128 bits.
    pub kind: c_uint,
    /// The value, as a union of those sizes; little endian, so the low word is first.
    pub data: [u64; 2],
}

/// Called for each access of an instruction.
pub type MemCallback = extern "C" fn(c_uint, MemInfo, u64, *mut c_void);
/// Called for each translation.
pub type TbCallback = extern "C" fn(PluginId, *mut Tb);

/// Called for each run of an instruction.
pub type ExecCallback = extern "C" fn(c_uint, *mut c_void);

/// `QEMU_PLUGIN_CB_NO_REGS`.
pub const NO_REGS: c_int = 0;
/// `QEMU_PLUGIN_MEM_W`.
pub const STORES: c_int = 2;
/// `QEMU_PLUGIN_MEM_RW`.
pub const ACCESSES: c_int = 3;

unsafe extern "C" {
    /// Calls `cb` at each translation.
    pub fn qemu_plugin_register_vcpu_tb_trans_cb(id: PluginId, cb: TbCallback);
    /// Instructions in a block.
    pub fn qemu_plugin_tb_n_insns(tb: *const Tb) -> usize;
    /// The `index`th instruction.
    pub fn qemu_plugin_tb_get_insn(tb: *const Tb, index: usize) -> *mut Insn;
    /// Calls `cb` at each access of `insn`.
    pub fn qemu_plugin_register_vcpu_mem_cb(
        insn: *mut Insn,
        cb: MemCallback,
        flags: c_int,
        rw: c_int,
        data: *mut c_void,
    );
    /// Address of an instruction.
    pub fn qemu_plugin_insn_vaddr(insn: *const Insn) -> u64;
    /// Calls `cb` with `data` each time that the instruction runs.
    pub fn qemu_plugin_register_vcpu_insn_exec_cb(
        insn: *mut Insn,
        cb: ExecCallback,
        flags: c_int,
        data: *mut c_void,
    );
    /// Resolves the address of the access in progress; null where there is none.
    pub fn qemu_plugin_get_hwaddr(info: MemInfo, vaddr: u64) -> *mut HwAddr;
    /// Physical address.
    pub fn qemu_plugin_hwaddr_phys_addr(haddr: *const HwAddr) -> u64;
    /// Value of the access in progress.
    pub fn qemu_plugin_mem_get_value(info: MemInfo) -> MemValue;
}
