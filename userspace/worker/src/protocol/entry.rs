//! A message as bytes.

use serde::{Serialize, de::DeserializeOwned};
use tandem_link::layout;
use thiserror::Error;

/// Bytes of every message: those of an entry of the shared rings.
pub const ENTRY_BYTES: usize = layout::ENTRY_BYTES as usize;

const MAGIC: [u8; 4] = *b"TNDW";
/// Behind magic and CRC; what the CRC covers.
const COVERED: usize = 8;
/// Behind the length.
const BODY: usize = 12;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EntryError {
    /// Whoever sent this speaks something else, or bytes were lost.
    #[error("no message begins here")]
    Magic,
    /// Bytes changed on the way.
    #[error("the message was damaged on the way")]
    Crc,
    /// The length word or the message under it makes no sense.
    #[error("the message makes no sense")]
    Body,
}

/// Writes a message into an entry: magic, CRC-32 of what follows, length, postcard, zeros.
pub fn encode(message: &impl Serialize, entry: &mut [u8; ENTRY_BYTES]) {
    entry.fill(0);
    entry[..4].copy_from_slice(&MAGIC);
    // A test holds that the largest message fits; one that does not leaves an entry of length 0.
    let length = postcard::to_slice(message, &mut entry[BODY..]).map_or(0, |body| body.len());
    entry[COVERED..BODY].copy_from_slice(&(length as u32).to_le_bytes());
    let crc = crc32fast::hash(&entry[COVERED..]);
    entry[4..COVERED].copy_from_slice(&crc.to_le_bytes());
}

/// Reads a message.
///
/// # Errors
/// [`EntryError`]: the stream cannot be trusted any more.
pub fn decode<T: DeserializeOwned>(entry: &[u8; ENTRY_BYTES]) -> Result<T, EntryError> {
    let word =
        |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
    if entry[..4] != MAGIC {
        return Err(EntryError::Magic);
    }
    if word(4) != crc32fast::hash(&entry[COVERED..]) {
        return Err(EntryError::Crc);
    }
    let body = entry[BODY..].get(..word(COVERED) as usize).ok_or(EntryError::Body)?;
    match postcard::take_from_bytes(body) {
        Ok((message, [])) => Ok(message),
        _ => Err(EntryError::Body),
    }
}
