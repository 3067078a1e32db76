//! What this image may touch, held by the core's MPU (PMSAv7; Armv7-AR manual, B5 and B6.1).
//!
//! There is no background region: what no region names is refused, payload slots among them, which
//! only DMA touches. A later region wins over an earlier one. Addresses and sizes come from the
//! board description (`build.rs`); the regions are worked out when this is compiled.

use crate::board;
use aarch32_cpu::pmsav7::{AccessPerms, MemAttr, RegionSize};
use aarch32_cpu::register::{Dracr, Drbar, Drsr, Mpuir, Rgnr, Sctlr, SysRegWrite};

/// Bytes below the main stack that nothing may touch: the stacks of modes that this image never
/// lets run (`build.rs`). What grows into it ends in a data abort.
pub const GUARD_BYTES: u32 = 2048;

/// The words of a region's registers.
struct Region {
    base: u32,
    size: u32,
    access: u32,
}

const EXECUTE_NEVER: u32 = 1 << 12;

const fn region((base, size): (u32, RegionSize), attr: MemAttr, perms: AccessPerms) -> Region {
    let bits = attr.to_bits();
    let attributes = (bits.tex.value() as u32) << 3
        | (bits.s as u32) << 2
        | (bits.c as u32) << 1
        | bits.b as u32;
    Region {
        base,
        size: (size.raw_value().value() as u32) << 1 | 1,
        access: EXECUTE_NEVER | (perms.to_bits().value() as u32) << 8 | attributes,
    }
}

const TCM: MemAttr = MemAttr::NonCacheable { shareable: false };
const SHARED: MemAttr = MemAttr::NonCacheable { shareable: true };
const DEVICE: MemAttr = MemAttr::Device { shareable: true };
const CODE: Region = region(board::ATCM, TCM, AccessPerms::PrivReadOnly);

/// A region of device registers of which only some eighths are open: bit n for the nth.
const fn device(place: (u32, RegionSize), eighths: u8) -> Region {
    let whole = region(place, DEVICE, AccessPerms::PrivReadWrite);
    Region { size: whole.size | (!eighths as u32) << 8, ..whole }
}

/// I2C0 and I2C1, and the console's UART; the other one is Linux's.
const SERIAL: u8 = match board::UART {
    0xFF00_0000 => 0b1111_0011,
    0xFF01_0000 => 0b1111_1100,
    _ => 0b1111_0000,
};

/// What every machine has. Peripherals as in `tandem_drivers::ps::at`.
static REGIONS: [Region; 12] = [
    Region { access: CODE.access & !EXECUTE_NEVER, ..CODE },
    region(board::BTCM, TCM, AccessPerms::PrivReadWrite),
    region((board::GUARD, RegionSize::_2K), TCM, AccessPerms::NoAccess),
    region(board::SHARED[0], SHARED, AccessPerms::PrivReadWrite),
    region(board::SHARED[1], SHARED, AccessPerms::PrivReadWrite),
    region(board::SHARED[2], SHARED, AccessPerms::PrivReadWrite),
    region(board::SHARED[3], SHARED, AccessPerms::PrivReadWrite),
    region(board::PL, DEVICE, AccessPerms::PrivReadWrite),
    device((0xFF00_0000, RegionSize::_256K), SERIAL),
    // GPIO.
    device((0xFF08_0000, RegionSize::_512K), 0b0000_0100),
    // TTC0 and the watchdog.
    device((0xFF10_0000, RegionSize::_512K), 0b0010_0010),
    // The half of the on-chip memory that the self-test tries.
    region((0xFFFC_0000, RegionSize::_128K), SHARED, AccessPerms::PrivReadWrite),
];

/// What only silicon has: with these all 16 regions of the core are in use.
#[cfg(not(tandem_qemu))]
static WIRES: [Region; 4] = [
    // Interrupt controller.
    region((0xF900_0000, RegionSize::_8K), DEVICE, AccessPerms::PrivReadWrite),
    // System counter.
    region((0xFF26_0000, RegionSize::_64K), DEVICE, AccessPerms::PrivReadWrite),
    // This core's IPI channel.
    region((board::IPI, RegionSize::_64K), DEVICE, AccessPerms::PrivReadWrite),
    // CSU: whether the logic is loaded.
    region((0xFFCA_0000, RegionSize::_64K), DEVICE, AccessPerms::PrivReadOnly),
];
#[cfg(tandem_qemu)]
static WIRES: [Region; 0] = [];

/// Turns the MPU on, with every region that the core has and the table lacks off.
pub fn protect() {
    const OFF: Region = Region { base: 0, size: 0, access: 0 };
    let mut table = REGIONS.iter().chain(&WIRES);
    for index in 0..Mpuir::read().dregions() {
        let region = table.next().unwrap_or(&OFF);
        // SAFETY: the MPU is off until the table is in, and what the table leaves out is neither
        // code, data, stack nor a register that this image uses.
        unsafe {
            Rgnr::write_raw(index.into());
            Drsr::write_raw(0);
            Drbar::write_raw(region.base);
            Dracr::write_raw(region.access);
            Drsr::write_raw(region.size);
        }
    }
    aarch32_cpu::asm::dsb();
    Sctlr::modify(|sctlr| {
        sctlr.set_br(false);
        sctlr.set_m(true);
    });
    aarch32_cpu::asm::isb();
}

/// Lets the code bank be written (or not again), for the march over its unused end.
pub fn open_code(open: bool) {
    let access = if open {
        region(board::ATCM, TCM, AccessPerms::PrivReadWrite).access
    } else {
        CODE.access
    };
    // SAFETY: the first region stays where it is and executable, and goes back to what it was.
    unsafe {
        Rgnr::write_raw(0);
        Dracr::write_raw(access & !EXECUTE_NEVER);
    }
    aarch32_cpu::asm::dsb();
    aarch32_cpu::asm::isb();
}
