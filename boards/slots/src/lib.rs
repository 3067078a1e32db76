//! A/B slots of a board's card.
//!
//! Two slots hold a root file system each. A small record says which one boots, how many tries a
//! new one has left and what a slot's content hashes to. The record lies twice, and only the older
//! copy is written, so that a cut at any write leaves one that is whole. See README.md.
#![forbid(unsafe_code)]

mod choose;
mod disk;
mod error;
mod install;
pub mod layout;
mod record;
mod store;

pub use choose::{Choice, choose, good, reject, whole};
pub use disk::{Area, Disk, Partitions, StateOnly};
pub use error::{Error, Result};
pub use install::{Image, install};
pub use record::{Entry, Record, SIZE, Slot, TRIES};
pub use store::{COPIES, COPY_SIZE, STATE_SIZE, Store, format};
