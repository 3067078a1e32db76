//! The record: 128 bytes, little-endian.
//!
//! | Byte | Holds |
//! | ---: | --- |
//! | 0 | magic `TANDEMAB` |
//! | 8 | version, 2 bytes |
//! | 10 | slot that boots: 0 is A, 1 is B |
//! | 16 | sequence, 8 bytes: the greater one of two copies counts |
//! | 24, 72 | slot A, slot B: tries left (1), good (1), length (8, at +8), SHA-256 (32, at +16) |
//! | 124 | CRC-32 (ISO-HDLC) of what stands before |
//!
//! Every other byte is zero.

use serde::Serialize;
use std::fmt;

/// Bytes of a record.
pub const SIZE: usize = 128;
/// Boots that a new slot has to be marked good, unless told otherwise.
pub const TRIES: u8 = 3;

const MAGIC: &[u8; 8] = b"TANDEMAB";
const VERSION: u16 = 1;
const ENTRIES: [usize; 2] = [24, 72];
const CRC_AT: usize = 124;
const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Slot {
    /// The first.
    A,
    /// The second.
    B,
}

impl Slot {
    /// Both.
    pub const BOTH: [Slot; 2] = [Slot::A, Slot::B];

    /// Not this one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Slot::A => Slot::B,
            Slot::B => Slot::A,
        }
    }

    pub(crate) fn index(self) -> usize {
        match self {
            Slot::A => 0,
            Slot::B => 1,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Slot::A => "A",
            Slot::B => "B",
        })
    }
}

impl std::str::FromStr for Slot {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "A" | "a" => Ok(Slot::A),
            "B" | "b" => Ok(Slot::B),
            _ => Err(format!("{text:?} is no slot: A or B")),
        }
    }
}

/// What is known of a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Boots left to be marked good.
    pub tries: u8,
    /// Its agent served once.
    pub good: bool,
    /// Bytes of its content; 0 is an empty slot.
    pub length: u64,
    /// SHA-256 of its content.
    pub hash: [u8; 32],
}

impl Entry {
    /// May boot: proved, or with a try left.
    pub fn may_boot(&self) -> bool {
        self.good || self.tries > 0
    }
}

/// What is known of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Counts writes.
    pub sequence: u64,
    /// The slot that boots.
    pub active: Slot,
    /// A and B.
    pub entries: [Entry; 2],
}

impl Record {
    /// A card fresh from the factory: the same content in both slots, both good.
    pub fn fresh(length: u64, hash: [u8; 32]) -> Self {
        let entry = Entry { tries: TRIES, good: true, length, hash };
        Self { sequence: 1, active: Slot::A, entries: [entry; 2] }
    }

    /// A slot's entry.
    pub fn entry(&self, slot: Slot) -> &Entry {
        &self.entries[slot.index()]
    }

    /// A slot's entry, to be changed.
    pub fn entry_mut(&mut self, slot: Slot) -> &mut Entry {
        &mut self.entries[slot.index()]
    }

    /// As it lies on the card.
    pub fn encode(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[10] = self.active.index() as u8;
        bytes[16..24].copy_from_slice(&self.sequence.to_le_bytes());
        for (entry, at) in self.entries.iter().zip(ENTRIES) {
            bytes[at] = entry.tries;
            bytes[at + 1] = u8::from(entry.good);
            bytes[at + 8..at + 16].copy_from_slice(&entry.length.to_le_bytes());
            bytes[at + 16..at + 48].copy_from_slice(&entry.hash);
        }
        let crc = CRC.checksum(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` where this is no whole record of this version.
    pub fn decode(bytes: &[u8; SIZE]) -> Option<Self> {
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        let mut entries = [Entry::default(); 2];
        for (entry, at) in entries.iter_mut().zip(ENTRIES) {
            *entry = Entry {
                tries: bytes[at],
                good: bytes[at + 1] == 1,
                length: word(at + 8),
                hash: [0; 32],
            };
            entry.hash.copy_from_slice(&bytes[at + 16..at + 48]);
        }
        let active = if bytes[10] == 0 { Slot::A } else { Slot::B };
        let record = Self { sequence: word(16), active, entries };
        // Written in one way only: magic, version, CRC and zeros are held at once.
        (record.encode() == *bytes).then_some(record)
    }
}
