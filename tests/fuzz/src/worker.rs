//! What a gpu-worker and its clients send each other.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use tandem_worker::protocol::{ENTRY_BYTES, FromWorker, ToWorker, decode, encode};

/// A stream of entries, each read as a worker and as a client do. The first byte says whether magic
/// and CRC are made to hold, without which no fuzzer gets behind them. What decodes must survive a
/// second trip. True if every entry was a message, and there was one.
pub fn worker_messages(bytes: &[u8]) -> bool {
    let [mend, bytes @ ..] = bytes else { return false };
    let mut entries = bytes.chunks_exact(ENTRY_BYTES);
    let mut read = 0;
    for entry in &mut entries {
        let mut bytes = [0; ENTRY_BYTES];
        bytes.copy_from_slice(entry);
        if mend & 1 == 1 {
            bytes[..4].copy_from_slice(b"TNDW");
            let crc = crc32(&bytes[8..]).to_le_bytes();
            bytes[4..8].copy_from_slice(&crc);
        }
        let known = [again::<ToWorker>(&bytes), again::<FromWorker>(&bytes)];
        if known == [false; 2] {
            return false;
        }
        read += 1;
    }
    read > 0 && entries.remainder().is_empty()
}

/// Whether the entry is such a message; then it is written and read again.
fn again<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8; ENTRY_BYTES]) -> bool {
    let Ok(message) = decode::<T>(bytes) else { return false };
    let mut entry = [0xff; ENTRY_BYTES];
    encode(&message, &mut entry);
    assert_eq!(decode::<T>(&entry).as_ref(), Ok(&message));
    true
}

/// By another implementation than the protocol's.
fn crc32(bytes: &[u8]) -> u32 {
    crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(bytes)
}
