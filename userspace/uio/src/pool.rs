//! Payload memory: the file whose mappings are Normal memory.

use crate::device::{hex, maps_of};
use crate::{System, UioError};
use std::fs::{File, OpenOptions};
use std::path::Path;
use tandem_boards::Range;

/// The driver of `boards/linux`: a UIO device tells its place, a device file maps by offset.
const POOL: &str = "tandem-pool";
/// The first device of u-dma-buf.
const U_DMA_BUF: &str = "udmabuf0";

/// Opens the pool: tandem-pool's device, or else u-dma-buf's. Offset 0 of the file is the pool's
/// first byte.
///
/// # Errors
/// [`UioError::NoDevice`], [`UioError::Place`] where the driver has another region than the
/// description says, [`UioError::Io`].
pub(crate) fn open(system: &System, want: Range) -> Result<File, UioError> {
    let folder = system.sys.join("class/u-dma-buf").join(U_DMA_BUF);
    let (name, have) = if folder.is_dir() {
        (U_DMA_BUF, (hex(&folder.join("phys_addr"))?, decimal(&folder.join("size"))?))
    } else {
        let maps = maps_of(system, POOL)?;
        (POOL, maps.first().map_or((0, 0), |map| (map.addr, map.size)))
    };
    let wanted = (u64::from(want.base), u64::from(want.size));
    if have != wanted {
        return Err(UioError::Place {
            device: name.to_owned(),
            map: "pool".to_owned(),
            have: have.0,
            have_size: have.1,
            want: wanted.0,
            want_size: wanted.1,
        });
    }
    let path = system.dev.join(name);
    let file = OpenOptions::new().read(true).write(true).open(&path);
    file.map_err(UioError::io("opening", path))
}

/// A size as u-dma-buf prints it.
fn decimal(path: &Path) -> Result<u64, UioError> {
    let text = std::fs::read_to_string(path).map_err(UioError::io("reading", path))?;
    let what = "a size in bytes";
    text.trim().parse().map_err(|_| UioError::Text { path: path.to_owned(), text, what })
}
