//! Control of the R5F: through Linux's remoteproc, or as QEMU wants it.

mod image;
mod qemu;
mod sysfs;

pub use image::{Image, ImageError};
pub use qemu::QemuCore;
pub use sysfs::SysfsCore;
