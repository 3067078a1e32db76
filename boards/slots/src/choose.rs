//! Which slot boots, and what becomes of one that did or did not.

use crate::{Area, Disk, Entry, Error, Result, Slot, Store, TRIES};
use sha2::{Digest, Sha256};

/// Bytes that are read or written at once.
pub(crate) const CHUNK: usize = 256 << 10;

/// The slot to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Which.
    pub slot: Slot,
    /// Why another one was passed over, one line each.
    pub notes: Vec<String>,
}

/// Picks the slot to boot and counts a try of one that is not good yet, before it boots.
///
/// The active slot comes first, then the other one; a slot boots if its content is whole and it is
/// good or has a try left. Where neither may boot, one that is whole boots all the same: a board
/// that runs can be mended from afar.
///
/// # Errors
/// No record, or no slot whose content is whole.
pub fn choose(disk: &mut dyn Disk) -> Result<Choice> {
    let mut store = Store::load(disk)?;
    let record = *store.record();
    let order = [record.active, record.active.other()];
    let mut notes = Vec::new();
    let mut faults = [None, None];
    for slot in order {
        let entry = record.entry(slot);
        if let Err(fault) = whole(disk, slot, entry) {
            notes.push(format!("slot {slot}: {fault}"));
            faults[slot.index()] = Some(fault);
            continue;
        }
        if !entry.may_boot() {
            notes.push(format!("slot {slot} was never healthy and has no try left"));
            continue;
        }
        let mut next = record;
        next.active = slot;
        if !entry.good {
            next.entry_mut(slot).tries -= 1;
        }
        match store.save(disk, next) {
            Ok(()) => return Ok(Choice { slot, notes }),
            // A good slot needs no count; without one, a new slot would be tried for ever.
            Err(error) if entry.good => {
                notes.push(format!("the choice is not recorded: {error}"));
                return Ok(Choice { slot, notes });
            }
            Err(error) => notes.push(format!("slot {slot}: its try cannot be counted: {error}")),
        }
    }
    if let Some(slot) = order.into_iter().find(|slot| faults[slot.index()].is_none()) {
        notes.push(format!("slot {slot} boots although unproved: there is no other"));
        return Ok(Choice { slot, notes });
    }
    let [a, b] = faults.map(Option::unwrap_or_default);
    Err(Error::NoSlot { a, b })
}

/// Whether a slot's content is what its entry says.
///
/// # Errors
/// What is wrong with it, for people.
pub fn whole(disk: &mut dyn Disk, slot: Slot, entry: &Entry) -> Result<(), String> {
    let area = Area::Slot(slot);
    let room = disk.size(area).map_err(|error| error.to_string())?;
    if entry.length == 0 {
        return Err("empty".to_owned());
    }
    if entry.length > room {
        return Err(format!("{} bytes in a partition of {room}", entry.length));
    }
    let found = hash(disk, area, entry.length).map_err(|error| error.to_string())?;
    if found != entry.hash {
        return Err("damaged (its SHA-256 is not the recorded one)".to_owned());
    }
    Ok(())
}

/// SHA-256 of an area's first `length` bytes.
pub(crate) fn hash(disk: &mut dyn Disk, area: Area, length: u64) -> Result<[u8; 32]> {
    let mut buffer = vec![0; CHUNK];
    let mut hash = Sha256::new();
    let mut offset = 0;
    while offset < length {
        let count = (length - offset).min(CHUNK as u64) as usize;
        disk.read(area, offset, &mut buffer[..count]).map_err(|source| Error::Disk {
            area,
            offset,
            source,
        })?;
        hash.update(&buffer[..count]);
        offset += count as u64;
    }
    Ok(hash.finalize().into())
}

/// The slot is healthy: it boots from now on without counting.
///
/// # Errors
/// No record, or the disk's.
pub fn good(disk: &mut dyn Disk, slot: Slot) -> Result<()> {
    let mut store = Store::load(disk)?;
    let mut next = *store.record();
    let entry = next.entry_mut(slot);
    entry.good = true;
    entry.tries = TRIES;
    store.save(disk, next)
}

/// The slot does not boot: it is passed over until something is installed into it.
///
/// # Errors
/// No record, or the disk's.
pub fn reject(disk: &mut dyn Disk, slot: Slot) -> Result<()> {
    let mut store = Store::load(disk)?;
    let mut next = *store.record();
    let entry = next.entry_mut(slot);
    entry.good = false;
    entry.tries = 0;
    store.save(disk, next)
}
