//! Control of the R5F: through Linux's remoteproc, or as QEMU wants it.

mod qemu;
mod sysfs;

pub use qemu::QemuCore;
pub use sysfs::SysfsCore;
