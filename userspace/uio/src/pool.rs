//! Payload memory: the file whose mappings are Normal memory.

use crate::device::hex;
use crate::{System, UioError};
use std::fs::{File, OpenOptions};
use tandem_boards::Range;

/// Opens the pool: tandem-pool's device, or else u-dma-buf's. Offset 0 of the file is the pool's
/// first byte.
///
/// # Errors
/// [`UioError::NoDevice`], [`UioError::Place`] where the driver has another region than the
/// description says, [`UioError::Io`].
pub(crate) fn open(system: &System, want: Range) -> Result<File, UioError> {
    /// Device file, and the folder of sysfs that tells its address and size.
    const DRIVERS: [(&str, &str, &str); 2] = [
        ("tandem-pool", "class/misc/tandem-pool", "addr"),
        ("udmabuf0", "class/u-dma-buf/udmabuf0", "phys_addr"),
    ];
    for (name, folder, address) in DRIVERS {
        let folder = system.sys.join(folder);
        if !folder.is_dir() {
            continue;
        }
        let (have, have_size) = (hex(&folder.join(address))?, size(&folder.join("size"))?);
        if (have, have_size) != (u64::from(want.base), u64::from(want.size)) {
            return Err(UioError::Place {
                device: name.to_owned(),
                map: "pool".to_owned(),
                have,
                have_size,
                want: want.base.into(),
                want_size: want.size.into(),
            });
        }
        let path = system.dev.join(name);
        let file = OpenOptions::new().read(true).write(true).open(&path);
        return file.map_err(UioError::io("opening", path));
    }
    Err(UioError::NoDevice {
        name: "tandem-pool".to_owned(),
        folder: system.sys.join("class/misc"),
    })
}

/// tandem-pool prints hexadecimal, u-dma-buf decimal.
fn size(path: &std::path::Path) -> Result<u64, UioError> {
    let text = std::fs::read_to_string(path).map_err(UioError::io("reading", path))?;
    let text = text.trim();
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| UioError::Text {
        path: path.to_owned(),
        text: text.to_owned(),
        what: "a size in bytes",
    })
}
