//! The programmable logic as a QEMU plugin, and a runner that plays the agent.
//!
//! `qemu-system-aarch64 -plugin libtandem_qemu.so,ddr=FILE,board=TOML,qtest=SOCKET,control=SOCKET`
//! and `,count=on` where the R5F's instructions are to be counted.

mod abi;
mod cost;
mod lines;
mod loops;
pub mod plugin;
pub mod words;

use std::ffi::OsStr;
use std::process::Command;

use abi::{Insn, MemInfo, PluginId, Tb};
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

/// A program that whatever ends this one, even a SIGKILL, ends with it. `setpriv` (util-linux) does it.
#[must_use]
pub fn leashed(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Interface version; QEMU refuses the plugin if it does not know it.
#[allow(non_upper_case_globals)]
// SAFETY: the name is QEMU's own for this symbol, and nothing else in this library defines it.
#[unsafe(no_mangle)]
pub static qemu_plugin_version: c_int = abi::PLUGIN_VERSION;

/// Called by QEMU once at load.
///
/// # Safety
/// `argv` holds `argc` nul-terminated strings, as QEMU's plugin interface says.
// SAFETY: the name is QEMU's own for this symbol, and nothing else in this library defines it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: PluginId,
    _info: *const c_void,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    let count = usize::try_from(argc).unwrap_or(0);
    let words: Vec<String> = (0..count)
        .map(|index| {
            // SAFETY: the caller's contract: `argv` has `argc` valid strings.
            unsafe { CStr::from_ptr(*argv.add(index)) }.to_string_lossy().into_owned()
        })
        .collect();
    let configured = plugin::Arguments::parse(words.iter().map(String::as_str))
        .and_then(|arguments| plugin::configure(&arguments));
    if let Err(error) = configured {
        eprintln!("tandem-qemu: {error}");
        return -1;
    }
    // SAFETY: `id` is the one QEMU gave, and the callback has the signature it asks for.
    unsafe { abi::qemu_plugin_register_vcpu_tb_trans_cb(id, translated) };
    0
}

extern "C" fn translated(_id: PluginId, tb: *mut Tb) {
    // SAFETY: QEMU passes a block that lives for this call; indices stay below its count; the
    // callback has the signature that QEMU asks for and needs no data.
    unsafe {
        for index in 0..abi::qemu_plugin_tb_n_insns(tb) {
            let insn: *mut Insn = abi::qemu_plugin_tb_get_insn(tb, index);
            abi::qemu_plugin_register_vcpu_mem_cb(
                insn,
                stored,
                abi::NO_REGS,
                abi::STORES,
                std::ptr::null_mut(),
            );
        }
    }
    cost::translated(tb);
}

extern "C" fn stored(_cpu: c_uint, info: MemInfo, vaddr: u64, _data: *mut c_void) {
    // SAFETY: called by QEMU from inside a memory callback, where these three are allowed; the
    // address is checked for null before it is used.
    let (addr, value) = unsafe {
        let resolved = abi::qemu_plugin_get_hwaddr(info, vaddr);
        if resolved.is_null() {
            return;
        }
        let addr = abi::qemu_plugin_hwaddr_phys_addr(resolved);
        if !plugin::in_window(addr) {
            return;
        }
        (addr, abi::qemu_plugin_mem_get_value(info).data[0])
    };
    if let Ok(addr) = u32::try_from(addr) {
        plugin::store(addr, value as u32);
    }
}
