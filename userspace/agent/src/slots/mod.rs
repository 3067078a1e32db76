//! The payload pool as the agent maps it: each part of the agent sees what it needs, no more.
//!
//! The data plane maps all payload slots `PROT_NONE` ([`PayloadGuard`]): an access from it is a
//! fault, so what works with the guard in place is proven to leave payloads alone. The parts that
//! do touch payloads (ingest, the engine lane, the CPU lane) make a view each, with the rights of
//! its class, and a view hands out a slot's bytes only against the slot's ownership token.
//! Results are records that the data plane reads ([`RecordView`]).

mod maps;
mod views;

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::mm::{MapFlags, ProtFlags};
use tandem_link::SlotClass;
use tandem_link::board::Board;

pub use maps::{MapEntry, entries};
pub use views::{CpuLaneView, EngineView, IngestView, PayloadGuard, RecordView, WrongSlot};

/// Why the pool could not be mapped.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The board's slot list makes no sense.
    #[error("Slot {index}: {reason}")]
    Slot {
        /// Index in the slot list.
        index: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The system refused a mapping.
    #[error("Mapping {what} ({len} bytes at offset {offset:#x} of the pool file): {source}")]
    Map {
        /// Which view.
        what: &'static str,
        /// File offset.
        offset: u64,
        /// Length.
        len: usize,
        /// The system's reason.
        source: rustix::io::Errno,
    },
}

/// Where a slot lies in the pool file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Class.
    pub class: SlotClass,
    /// Offset in the file, in bytes.
    pub offset: u64,
    /// Bytes.
    pub capacity: u32,
}

/// All slots of a board and the file behind them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pool {
    places: Arc<[Place]>,
    file: Arc<OwnedFd>,
}

impl Pool {
    /// Reads the board's slot list.
    ///
    /// # Errors
    /// [`MapError::Slot`] for an unknown class or overlapping slots, [`MapError::Map`] if the file
    /// descriptor cannot be duplicated.
    pub fn of<B: Board>(board: &B) -> Result<Self, MapError> {
        let mut places = Vec::new();
        for (index, slot) in board.slots().into_iter().enumerate() {
            let offset = board.payload_offset(slot.addr);
            places.push(Place { class: slot.class, offset, capacity: slot.capacity });
            let overlaps = |other: &Place| {
                offset < other.offset + u64::from(other.capacity)
                    && other.offset < offset + u64::from(slot.capacity)
            };
            if places[..index].iter().any(overlaps) {
                return Err(MapError::Slot { index, reason: "overlaps an earlier slot" });
            }
            if slot.capacity == 0 {
                return Err(MapError::Slot { index, reason: "has no bytes" });
            }
        }
        let file = board.payload_fd().as_fd().try_clone_to_owned().map_err(|error| {
            let source =
                rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::BADF);
            MapError::Map { what: "the pool file", offset: 0, len: 0, source }
        })?;
        Ok(Self { places: places.into(), file: Arc::new(file) })
    }

    /// Every slot, by index.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Bytes of the smallest slot of a class; 0 when there is none.
    pub fn capacity(&self, class: SlotClass) -> u32 {
        let of_class = self.places.iter().filter(|place| place.class == class);
        of_class.map(|place| place.capacity).min().unwrap_or(0)
    }

    /// The file behind the pool.
    pub fn file(&self) -> &OwnedFd {
        &self.file
    }

    /// Contiguous file ranges that hold exactly the slots of these classes.
    fn runs(&self, classes: &[SlotClass]) -> Vec<(u64, usize)> {
        let mut places: Vec<_> =
            self.places.iter().filter(|place| classes.contains(&place.class)).collect();
        places.sort_unstable_by_key(|place| place.offset);
        let mut runs: Vec<(u64, usize)> = Vec::new();
        for place in places {
            match runs.last_mut() {
                Some((start, len)) if *start + *len as u64 == place.offset => {
                    *len += place.capacity as usize;
                }
                _ => runs.push((place.offset, place.capacity as usize)),
            }
        }
        runs
    }

    /// Maps the slots of some classes with the same rights.
    fn map(
        &self,
        what: &'static str,
        classes: &[SlotClass],
        protection: ProtFlags,
    ) -> Result<Mapping, MapError> {
        let mut mapping = Mapping { pool: self.clone(), ranges: Vec::new() };
        for (offset, len) in self.runs(classes) {
            // SAFETY: a fresh shared mapping at an address that the kernel chooses; it aliases no
            // Rust object. `Mapping` unmaps it.
            let base = unsafe {
                rustix::mm::mmap(
                    std::ptr::null_mut(),
                    len,
                    protection,
                    MapFlags::SHARED,
                    &self.file,
                    offset,
                )
            }
            .map_err(|source| MapError::Map { what, offset, len, source })?;
            mapping.ranges.push(Range { base: base.cast(), len, offset });
        }
        Ok(mapping)
    }
}

/// One contiguous piece of a mapping.
#[derive(Clone, Copy, Debug)]
struct Range {
    base: *mut u8,
    len: usize,
    offset: u64,
}

/// Slots mapped with the same rights; unmapped on drop.
#[derive(Debug)]
struct Mapping {
    pool: Pool,
    ranges: Vec<Range>,
}

// SAFETY: the ranges are plain shared memory that stays mapped while `self` lives. Access is only
// through the views, which ask for a slot's token.
unsafe impl Send for Mapping {}
// SAFETY: as above; `&Mapping` gives out addresses only.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// First byte of slot `index` and its capacity, if this mapping holds it.
    fn slot(&self, index: u16) -> Option<(*mut u8, usize)> {
        let place = self.pool.places.get(usize::from(index))?;
        let range = self.ranges.iter().find(|range| {
            place.offset >= range.offset && place.offset < range.offset + range.len as u64
        })?;
        // `runs` builds ranges from whole slots, so the slot lies in the range entirely.
        let at = (place.offset - range.offset) as usize;
        Some((range.base.wrapping_add(at), place.capacity as usize))
    }

    /// Address ranges, for the test that reads `/proc/self/maps`.
    fn addresses(&self) -> Vec<std::ops::Range<usize>> {
        let of = |range: &Range| range.base.addr()..range.base.addr() + range.len;
        self.ranges.iter().map(of).collect()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        for range in &self.ranges {
            // SAFETY: mapped by `Pool::map` with this length, and no view of it is alive: views
            // borrow `self`.
            let unmapped = unsafe { rustix::mm::munmap(range.base.cast(), range.len) };
            debug_assert!(unmapped.is_ok());
        }
    }
}
