//! Memory that a device file maps: device registers, or words shared with the R5F.
//!
//! UIO maps are Device memory on arm64: an access that is not aligned is a SIGBUS, and so is the
//! zeroing instruction of memset. So there is no slice of it, only aligned 32-bit words. Loads and
//! stores are never exclusive, as the link's rules want (`firmware/link/README.md`).

use memmap2::{MmapOptions, MmapRaw};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tandem_link::SharedMemory;

/// The page that UIO counts its maps in.
const PAGE: u64 = 4096;

/// A mapped range of words. Clones share it.
#[derive(Clone, Debug)]
pub struct Region {
    map: Arc<MmapRaw>,
    size: u32,
}

impl Region {
    /// Maps the `index`-th map of a UIO device, `size` bytes.
    pub(crate) fn map(file: &File, index: usize, size: u64) -> std::io::Result<Self> {
        let words = u32::try_from(size).ok().filter(|size| *size >= 4 && size.is_multiple_of(4));
        let size = words.ok_or_else(|| std::io::Error::other(format!("{size} bytes of words")))?;
        let offset = u64::try_from(index).map_err(std::io::Error::other)? * PAGE;
        let map = MmapOptions::new().offset(offset).len(size as usize).map_raw(file)?;
        Ok(Self { map: Arc::new(map), size })
    }

    /// The word at `offset` bytes.
    ///
    /// # Panics
    /// If no word is there: offsets come from this program, not from outside.
    fn word(&self, offset: u32) -> &AtomicU32 {
        let inside = offset < self.size && offset.is_multiple_of(4);
        assert!(inside, "no word at offset {offset:#x} of {:#x} bytes", self.size);
        // SAFETY: the mapping is page-aligned, shared, readable and writable, lives as long as
        // `self`, and holds four bytes at this aligned offset; everything else that touches it is
        // another processor or device, through words of the same size.
        unsafe { AtomicU32::from_ptr(self.map.as_mut_ptr().add(offset as usize).cast()) }
    }
}

impl SharedMemory for Region {
    fn size(&self) -> u32 {
        self.size
    }
    fn load(&self, offset: u32) -> u32 {
        u32::from_le(self.word(offset).load(Ordering::Acquire))
    }
    fn store(&self, offset: u32, value: u32) {
        self.word(offset).store(value.to_le(), Ordering::Release);
    }
    fn load_plain(&self, offset: u32) -> u32 {
        u32::from_le(self.word(offset).load(Ordering::Relaxed))
    }
    fn store_plain(&self, offset: u32, value: u32) {
        self.word(offset).store(value.to_le(), Ordering::Relaxed);
    }
}
