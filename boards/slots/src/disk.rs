//! Where record and slots lie.

use crate::{Slot, Store};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A part of the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// The record's two copies.
    State,
    /// A slot's content.
    Slot(Slot),
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Area::State => f.write_str("state partition"),
            Area::Slot(slot) => write!(f, "slot {slot}"),
        }
    }
}

/// A card. What was written lasts for sure only after a flush; until then each sector may or may
/// not be there after a cut, in any order.
pub trait Disk {
    /// Fills `bytes` from `offset`.
    ///
    /// # Errors
    /// The medium's.
    fn read(&mut self, area: Area, offset: u64, bytes: &mut [u8]) -> io::Result<()>;
    /// Writes `bytes` at `offset`.
    ///
    /// # Errors
    /// The medium's.
    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Returns when everything that was written to the area lasts; reads come from the medium then.
    ///
    /// # Errors
    /// The medium's.
    fn flush(&mut self, area: Area) -> io::Result<()>;
    /// Bytes that the area has.
    ///
    /// # Errors
    /// The medium's.
    fn size(&mut self, area: Area) -> io::Result<u64>;
}

/// The partitions of a card, or files that stand for them.
#[derive(Debug)]
pub struct Partitions {
    state: File,
    slots: [File; 2],
}

/// Number of a partition in the card's table (README.md).
const STATE: u32 = 2;
const SLOTS: [u32; 2] = [5, 6];

impl Partitions {
    /// Opens three files.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn open(state: &Path, a: &Path, b: &Path) -> io::Result<Self> {
        let open = |path: &Path| {
            let file = File::options().read(true).write(true).open(path);
            file.map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })
        };
        Ok(Self { state: open(state)?, slots: [open(a)?, open(b)?] })
    }

    /// Opens the partitions of a card such as `/dev/mmcblk0`.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn of(card: &Path) -> io::Result<Self> {
        let [a, b] = SLOTS.map(|number| Self::path(card, number));
        Self::open(&Self::path(card, STATE), &a, &b)
    }

    /// The first `mmcblk` in `/dev` that has a record.
    pub fn find() -> Option<PathBuf> {
        let mut cards: Vec<PathBuf> = std::fs::read_dir("/sys/class/block")
            .ok()?
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| {
                name.strip_prefix("mmcblk").is_some_and(|rest| {
                    !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit())
                })
            })
            .map(|name| Path::new("/dev").join(name))
            .collect();
        cards.sort();
        cards
            .into_iter()
            .find(|card| Self::of(card).is_ok_and(|mut disk| Store::load(&mut disk).is_ok()))
    }

    /// A partition of a card.
    pub fn path(card: &Path, number: u32) -> PathBuf {
        PathBuf::from(format!("{}p{number}", card.display()))
    }

    /// The partition of a slot.
    pub fn slot(card: &Path, slot: Slot) -> PathBuf {
        Self::path(card, SLOTS[slot.index()])
    }

    fn file(&self, area: Area) -> &File {
        match area {
            Area::State => &self.state,
            Area::Slot(slot) => &self.slots[slot.index()],
        }
    }
}

/// The state partition alone, for whoever only looks.
pub struct StateOnly(File);

impl StateOnly {
    /// Of a card such as `/dev/mmcblk0`.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn of(card: &Path) -> io::Result<Self> {
        let path = Partitions::path(card, STATE);
        let file = File::open(&path);
        file.map(Self)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
    }
}

impl Disk for StateOnly {
    fn read(&mut self, area: Area, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        match area {
            Area::State => self.0.read_exact_at(bytes, offset),
            Area::Slot(_) => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    fn write(&mut self, _: Area, _: u64, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn flush(&mut self, _: Area) -> io::Result<()> {
        Ok(())
    }

    fn size(&mut self, _: Area) -> io::Result<u64> {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

impl Disk for Partitions {
    fn read(&mut self, area: Area, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file(area).read_exact_at(bytes, offset)
    }

    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file(area).write_all_at(bytes, offset)
    }

    fn flush(&mut self, area: Area) -> io::Result<()> {
        let file = self.file(area);
        file.sync_all()?;
        // So that a reader sees the medium and not the page cache.
        Ok(rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed)?)
    }

    fn size(&mut self, area: Area) -> io::Result<u64> {
        // A block device has no length of its own; its end is where seeking ends.
        io::Seek::seek(&mut self.file(area), io::SeekFrom::End(0))
    }
}
