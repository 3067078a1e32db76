//! A card that can be cut.
//!
//! Sectors that were written since the last flush are in its cache: a cut loses any of them, in any
//! order, and tears the one that was being written.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::BTreeMap;
use std::io;
use tandem_slots::{Area, Disk, Record, STATE_SIZE, Slot, format};

pub const SECTOR: usize = 512;
/// Bytes of a slot here.
pub const ROOM: usize = 8 * SECTOR;

/// What becomes of the sector that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tear {
    Old,
    Half,
    Garbage,
    /// The card answers with an error until it is written again.
    Unreadable,
    New,
}

pub const TEARS: [Tear; 5] = [Tear::Old, Tear::Half, Tear::Garbage, Tear::Unreadable, Tear::New];

/// Where the power goes: before step `at` (a sector's write or a flush) ends.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    pub at: u64,
    pub tear: Tear,
    /// Bit n modulo 64: whether the cached sector n lasted.
    pub kept: u64,
}

type Place = (u8, u64);
type Sector = Option<[u8; SECTOR]>;

#[derive(Clone, Default)]
pub struct Card {
    medium: BTreeMap<Place, Sector>,
    cache: BTreeMap<Place, [u8; SECTOR]>,
    cut: Option<Cut>,
    pub steps: u64,
    pub dead: bool,
}

fn number(area: Area) -> u8 {
    match area {
        Area::State => 0,
        Area::Slot(Slot::A) => 1,
        Area::Slot(Slot::B) => 2,
    }
}

fn gone() -> io::Error {
    io::Error::other("the power is gone")
}

impl Card {
    /// With `content` in both slots, both good.
    pub fn fresh(content: &[u8]) -> Self {
        let mut card = Self::default();
        for slot in Slot::BOTH {
            card.write(Area::Slot(slot), 0, content).expect("powered");
            card.flush(Area::Slot(slot)).expect("powered");
        }
        let record = Record::fresh(content.len() as u64, sha(content));
        format(&mut card, &record).expect("powered");
        card.steps = 0;
        card
    }

    /// Switched on, with the power going at `cut`.
    pub fn boot(&self, cut: Option<Cut>) -> Self {
        assert!(self.cache.is_empty(), "switched off first");
        Self { medium: self.medium.clone(), cut, ..Self::default() }
    }

    /// What is left on the medium; without a cut, the cache lasts as well.
    pub fn off(mut self) -> Self {
        let all = !self.dead;
        self.lose(if all { u64::MAX } else { self.cut.expect("cut").kept });
        Self { medium: self.medium, ..Self::default() }
    }

    /// The first `length` bytes of a slot, as they lie on the medium.
    pub fn content(&self, slot: Slot, length: u64) -> Vec<u8> {
        let mut bytes = vec![0; length as usize];
        let mut card = self.clone();
        card.read(Area::Slot(slot), 0, &mut bytes).expect("readable");
        bytes
    }

    /// Changes one byte of a slot.
    pub fn damage(&mut self, area: Area, offset: u64) {
        let place = (number(area), offset / SECTOR as u64);
        let sector = self.medium.get_mut(&place).and_then(Option::as_mut).expect("written once");
        sector[offset as usize % SECTOR] ^= 0x10;
    }

    fn lose(&mut self, kept: u64) {
        for (index, (place, sector)) in std::mem::take(&mut self.cache).into_iter().enumerate() {
            if kept >> (index % 64) & 1 == 1 {
                self.medium.insert(place, Some(sector));
            }
        }
    }

    /// One step; `Err` is the power's end.
    fn step(&mut self) -> io::Result<()> {
        if self.dead {
            return Err(gone());
        }
        let at = self.steps;
        self.steps += 1;
        if self.cut.is_some_and(|cut| cut.at == at) {
            self.dead = true;
            return Err(gone());
        }
        Ok(())
    }

    fn get(&self, place: Place) -> Sector {
        let cached = self.cache.get(&place).copied().map(Some);
        cached.or_else(|| self.medium.get(&place).copied()).unwrap_or(Some([0; SECTOR]))
    }

    fn torn(&self, place: Place, new: [u8; SECTOR]) -> Sector {
        let old = self.get(place);
        match self.cut.expect("cut").tear {
            Tear::Old => old,
            Tear::New => Some(new),
            Tear::Unreadable => None,
            Tear::Garbage => {
                let mut state = 0x9E37_79B9_u32 ^ place.1 as u32;
                Some(std::array::from_fn(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                }))
            }
            Tear::Half => {
                let mut half = old.unwrap_or([0; SECTOR]);
                // Inside what a record fills, too.
                half[..64].copy_from_slice(&new[..64]);
                Some(half)
            }
        }
    }
}

impl Disk for Card {
    fn read(&mut self, area: Area, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        if self.dead {
            return Err(gone());
        }
        assert_eq!(offset % SECTOR as u64, 0, "reads begin at sectors");
        for (index, part) in bytes.chunks_mut(SECTOR).enumerate() {
            let place = (number(area), offset / SECTOR as u64 + index as u64);
            let sector = self.get(place).ok_or_else(|| io::Error::other("an unreadable sector"))?;
            part.copy_from_slice(&sector[..part.len()]);
        }
        Ok(())
    }

    fn write(&mut self, area: Area, offset: u64, bytes: &[u8]) -> io::Result<()> {
        assert_eq!(offset % SECTOR as u64, 0, "writes begin at sectors");
        assert!(offset + bytes.len() as u64 <= self.size(area)?, "past the area's end");
        for (index, part) in bytes.chunks(SECTOR).enumerate() {
            let place = (number(area), offset / SECTOR as u64 + index as u64);
            let mut sector = self.get(place).unwrap_or([0; SECTOR]);
            sector[..part.len()].copy_from_slice(part);
            let alive = !self.dead;
            if let Err(error) = self.step() {
                if alive {
                    let torn = self.torn(place, sector);
                    self.cache.remove(&place);
                    self.medium.insert(place, torn);
                }
                return Err(error);
            }
            self.cache.insert(place, sector);
        }
        Ok(())
    }

    fn flush(&mut self, area: Area) -> io::Result<()> {
        self.step()?;
        let flushed: Vec<_> =
            self.cache.keys().filter(|key| key.0 == number(area)).copied().collect();
        for place in flushed {
            let sector = self.cache.remove(&place);
            self.medium.insert(place, sector);
        }
        Ok(())
    }

    fn size(&mut self, area: Area) -> io::Result<u64> {
        Ok(if area == Area::State { STATE_SIZE } else { ROOM as u64 })
    }
}

pub fn sha(content: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(content).into()
}

/// Content that no other version shares a sector with.
pub fn version(number: u8) -> Vec<u8> {
    let length = 3 * SECTOR + 100 + usize::from(number);
    (0..length).map(|at| (at / SECTOR) as u8 ^ number.wrapping_mul(37) ^ (at % 251) as u8).collect()
}
