//! Payload memory: the file whose mappings are Normal memory.

use crate::device::{hex, maps_of};
use crate::{System, UioError};
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tandem_boards::Range;

/// The driver of `boards/linux`: a UIO device tells its place, a device file maps by offset.
const POOL: &str = "tandem-pool";
/// Devices of u-dma-buf, by the names that its device tree or its parameters give them.
const U_DMA_BUF: &str = "class/u-dma-buf";
/// `sync_mode` of u-dma-buf from which on `O_SYNC` no longer decides whether mappings are cached.
const ALWAYS: u64 = 4;

/// Opens the pool: tandem-pool's device, or else u-dma-buf's. Offset 0 of the file is the pool's
/// first byte.
///
/// # Errors
/// [`UioError::NoDevice`], [`UioError::Place`] where the driver has another region than the
/// description says, [`UioError::Cache`], [`UioError::Io`].
pub(crate) fn open(system: &System, want: Range) -> Result<File, UioError> {
    let place = |name: &str, have: (u64, u64)| {
        let wanted = (u64::from(want.base), u64::from(want.size));
        if have == wanted {
            return Ok(());
        }
        Err(UioError::Place {
            device: name.to_owned(),
            map: "pool".to_owned(),
            have: have.0,
            have_size: have.1,
            want: wanted.0,
            want_size: wanted.1,
        })
    };
    let mut buffers = buffers(system);
    match maps_of(system, POOL) {
        Ok(maps) => {
            place(POOL, maps.first().map_or((0, 0), |map| (map.addr, map.size)))?;
            return device(system, POOL, false);
        }
        Err(missing) if buffers.is_empty() => return Err(missing),
        Err(_) => {}
    }
    // Several may be there, for other programs: ours is the one at the pool's address.
    let at_pool = |buffer: &PathBuf| hex(&buffer.join("phys_addr")).ok() == Some(want.base.into());
    let ours = buffers.iter().position(at_pool).unwrap_or(0);
    let folder = buffers.swap_remove(ours);
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    place(&name, (hex(&folder.join("phys_addr"))?, decimal(&folder.join("size"))?))?;
    let uncached = uncached(&folder, &name)?;
    device(system, &name, uncached)
}

/// Folders of u-dma-buf's devices, by name.
fn buffers(system: &System) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(system.sys.join(U_DMA_BUF)).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.sort();
    folders
}

/// Whether the device must be opened with `O_SYNC`: where the logic does not see the processors'
/// caches, mappings must not be cached, and `sync_mode` says what `O_SYNC` does about it.
fn uncached(folder: &Path, name: &str) -> Result<bool, UioError> {
    if decimal(&folder.join("dma_coherent"))? == 1 {
        return Ok(false);
    }
    match decimal(&folder.join("sync_mode"))? {
        mode if mode == 0 || mode == ALWAYS => {
            Err(UioError::Cache { device: name.to_owned(), mode })
        }
        _ => Ok(true),
    }
}

fn device(system: &System, name: &str, sync: bool) -> Result<File, UioError> {
    let path = system.dev.join(name);
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    if sync {
        options.custom_flags(OFlags::SYNC.bits() as i32);
    }
    options.open(&path).map_err(UioError::io("opening", path))
}

/// A number as u-dma-buf prints sizes and switches.
fn decimal(path: &Path) -> Result<u64, UioError> {
    let text = std::fs::read_to_string(path).map_err(UioError::io("reading", path))?;
    let what = "a decimal number";
    text.trim().parse().map_err(|_| UioError::Text { path: path.to_owned(), text, what })
}
