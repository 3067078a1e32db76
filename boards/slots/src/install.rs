//! A new root file system into the slot that does not run.

use crate::choose::{CHUNK, hash};
use crate::{Area, Disk, Entry, Error, Result, Slot, Store};
use sha2::{Digest, Sha256};
use std::io::Read;

/// What is installed.
pub struct Image<'a> {
    /// Its bytes.
    pub content: &'a mut dyn Read,
    /// How many they are.
    pub length: u64,
    /// What they must hash to; taken as they come without it.
    pub hash: Option<[u8; 32]>,
}

/// Writes `image` into `slot`, reads it back, and switches to it with `tries` boots to prove itself.
///
/// `running` is the slot that this system runs from, which must be good. Until the last write, the
/// switch, the card boots `running`: the first write takes the target out of use, so that neither a
/// cut nor a bad image leaves a slot with half its content in use.
///
/// # Errors
/// An image or slot that is refused, before anything is written; later the disk's or the image's
/// own, with the running slot still the one that boots.
pub fn install(
    disk: &mut dyn Disk,
    slot: Slot,
    running: Slot,
    image: Image<'_>,
    tries: u8,
) -> Result<()> {
    let mut store = Store::load(disk)?;
    let area = Area::Slot(slot);
    let room = disk.size(area).map_err(|source| Error::Disk { area, offset: 0, source })?;
    if slot == running {
        return Err(Error::Running(slot));
    }
    if !store.record().entry(running).good {
        return Err(Error::Unproved(running));
    }
    if image.length == 0 || image.length > room {
        return Err(Error::Length { length: image.length, room });
    }
    if tries == 0 {
        return Err(Error::NoTries);
    }
    let mut next = *store.record();
    next.active = running;
    *next.entry_mut(slot) = Entry::default();
    store.save(disk, next)?;

    let (length, wanted) = (image.length, image.hash);
    let found = write(disk, area, image)?;
    if let Some(wanted) = wanted
        && wanted != found
    {
        return Err(Error::Hash { wanted: hex(&wanted), found: hex(&found) });
    }
    if hash(disk, area, length)? != found {
        return Err(Error::ReadBack(slot));
    }
    next.active = slot;
    *next.entry_mut(slot) = Entry { tries, good: false, length, hash: found };
    store.save(disk, next)
}

/// Returns the hash of what was written, when it lasts.
fn write(disk: &mut dyn Disk, area: Area, image: Image<'_>) -> Result<[u8; 32]> {
    let mut buffer = vec![0; CHUNK];
    let mut hash = Sha256::new();
    let mut offset = 0;
    while offset < image.length {
        let count = (image.length - offset).min(CHUNK as u64) as usize;
        let bytes = &mut buffer[..count];
        image.content.read_exact(bytes).map_err(Error::Image)?;
        hash.update(&*bytes);
        disk.write(area, offset, bytes).map_err(|source| Error::Disk { area, offset, source })?;
        offset += count as u64;
    }
    disk.flush(area).map_err(|source| Error::Disk { area, offset, source })?;
    Ok(hash.finalize().into())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
