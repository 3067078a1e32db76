//! The record's two copies.

use crate::{Area, Disk, Error, Record, Result, SIZE};

/// How often the record lies on the card.
pub const COPIES: u64 = 2;
/// From one copy to the next, bytes: no erase block of a card holds both.
pub const COPY_SIZE: u64 = 4 << 20;
/// Bytes of the state partition.
pub const STATE_SIZE: u64 = COPIES * COPY_SIZE;
/// Bytes that are written at once: a page, of which the record fills the beginning.
const PAGE: usize = 4096;

/// The record, and which copy must not be touched.
#[derive(Clone, Copy, Debug)]
pub struct Store {
    record: Record,
    copy: u64,
    whole: u64,
}

impl Store {
    /// The newest whole copy. A copy that cannot be read counts as torn.
    ///
    /// # Errors
    /// [`Error::NoRecord`].
    pub fn load(disk: &mut dyn Disk) -> Result<Self> {
        let mut best: Option<Self> = None;
        let mut whole = 0;
        for copy in 0..COPIES {
            let mut bytes = [0; SIZE];
            let read = disk.read(Area::State, copy * COPY_SIZE, &mut bytes);
            let Some(record) = read.ok().and_then(|()| Record::decode(&bytes)) else { continue };
            whole += 1;
            if best.is_none_or(|best| record.sequence > best.record.sequence) {
                best = Some(Self { record, copy, whole });
            }
        }
        best.map(|best| Self { whole, ..best }).ok_or(Error::NoRecord)
    }

    /// The record.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Copies that were whole when this was loaded, 1 or 2.
    pub fn whole(&self) -> u64 {
        self.whole
    }

    /// Writes over the older copy, with the next sequence; returns when it lasts. Writes nothing
    /// where nothing changed.
    ///
    /// # Errors
    /// The disk's; the record is then the old or the new one.
    pub fn save(&mut self, disk: &mut dyn Disk, mut record: Record) -> Result<()> {
        record.sequence = self.record.sequence;
        if record == self.record {
            return Ok(());
        }
        record.sequence += 1;
        let copy = (self.copy + 1) % COPIES;
        write_copy(disk, copy, &record)?;
        *self = Self { record, copy, ..*self };
        Ok(())
    }
}

/// The state partition of a new card: both copies hold `record`.
///
/// # Errors
/// The disk's.
pub fn format(disk: &mut dyn Disk, record: &Record) -> Result<()> {
    (0..COPIES).try_for_each(|copy| write_copy(disk, copy, record))
}

/// Returns when the copy lasts.
fn write_copy(disk: &mut dyn Disk, copy: u64, record: &Record) -> Result<()> {
    let mut page = [0; PAGE];
    page[..SIZE].copy_from_slice(&record.encode());
    let (area, offset) = (Area::State, copy * COPY_SIZE);
    let done = disk.write(area, offset, &page).and_then(|()| disk.flush(area));
    done.map_err(|source| Error::Disk { area, offset, source })
}
