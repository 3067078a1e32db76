//! What the board is: slots of its card, bitstream, firmware.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tandem_slots::{Slot, StateOnly, Store};

use super::{BitstreamReport, FirmwareReport, Service};
use crate::api::ApiError;

/// Where the initramfs of a card writes which slot runs.
const RUNNING: &str = "slot";

/// What a board is and runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoardInfo {
    /// Board's name.
    pub board: String,
    /// What people call it.
    pub title: String,
    /// The board is a model on this machine.
    pub simulated: bool,
    /// Version of agentd.
    pub agent: String,
    /// State of the core that runs the firmware.
    pub core: String,
    /// The R5F's firmware.
    pub firmware: FirmwareReport,
    /// What the programmable logic holds, where Linux can load it.
    pub bitstream: Option<BitstreamReport>,
    /// The card's slots, where the board runs from one.
    pub slots: Option<SlotsReport>,
    /// Why something of that is not there.
    pub notes: Vec<String>,
}

/// The slots of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotsReport {
    /// The slot that runs.
    pub running: String,
    /// The slot that boots next.
    pub active: String,
    /// Both.
    pub slots: Vec<SlotReport>,
}

/// A slot of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotReport {
    /// `A` or `B`.
    pub name: String,
    /// It proved itself.
    pub good: bool,
    /// Boots that it has to do so.
    pub tries: u8,
    /// Bytes of its content; 0 where it is empty.
    pub bytes: u64,
    /// SHA-256 of its content: which version it is.
    pub sha256: String,
}

impl Service {
    /// What the board is and runs. Blocks.
    ///
    /// # Errors
    /// `busy`.
    pub fn board(&self) -> Result<BoardInfo, ApiError> {
        let firmware = self.firmware()?;
        let mut notes = Vec::new();
        let bitstream = self.bitstream().map_err(|error| notes.push(error.message)).ok();
        let slots = self.slots().map_err(|why| notes.push(why)).ok();
        Ok(BoardInfo {
            board: self.info.board.clone(),
            title: self.care.board.title.clone(),
            simulated: self.info.simulated,
            agent: env!("CARGO_PKG_VERSION").to_owned(),
            core: firmware.core.clone(),
            firmware,
            bitstream,
            slots,
            notes,
        })
    }

    fn slots(&self) -> Result<SlotsReport, String> {
        let file = self.care.run.join(RUNNING);
        let running = std::fs::read_to_string(&file)
            .map_err(|_| format!("{} is not there: the board runs from no slot", file.display()))?;
        let card = self.care.cards().into_iter().find_map(|card| {
            let loaded = StateOnly::of(&card).map(|mut disk| Store::load(&mut disk));
            match loaded {
                Ok(store) => store.ok().map(Ok),
                Err(error) => Some(Err(error.to_string())),
            }
        });
        let store = card.unwrap_or_else(|| Err("no card has a record of slots".to_owned()))?;
        let record = store.record();
        let slot = |slot: Slot| {
            let entry = record.entry(slot);
            SlotReport {
                name: slot.to_string(),
                good: entry.good,
                tries: entry.tries,
                bytes: entry.length,
                sha256: entry.hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            }
        };
        Ok(SlotsReport {
            running: running.trim().to_owned(),
            active: record.active.to_string(),
            slots: Slot::BOTH.map(slot).into(),
        })
    }
}

impl super::Care {
    /// Cards such as `/dev/mmcblk0`, by name.
    fn cards(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.system.sys.join("class/block"));
        let names = entries.into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let card = |name: &String| {
            name.strip_prefix("mmcblk")
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
        };
        let mut cards: Vec<PathBuf> =
            names.filter(card).map(|name| self.system.dev.join(name)).collect();
        cards.sort();
        cards
    }
}
