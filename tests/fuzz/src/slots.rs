//! The record of a card's slots.

use tandem_slots::{Record, SIZE};

/// Any bytes as the two copies' beginnings: what is accepted is written back as it was, byte for byte,
/// so that nothing of a record is read in two ways. Accepted are whole records only.
pub fn slot_record(bytes: &[u8]) -> bool {
    let mut records = bytes.chunks_exact(SIZE);
    let mut whole = !bytes.is_empty() && records.remainder().is_empty();
    for chunk in &mut records {
        let chunk = chunk.try_into().expect("chunks of a record's size");
        match Record::decode(chunk) {
            Some(record) => assert_eq!(record.encode(), *chunk),
            None => whole = false,
        }
        // Any bytes with a CRC that holds.
        let mut sealed = *chunk;
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&sealed[..SIZE - 4]);
        sealed[SIZE - 4..].copy_from_slice(&crc.to_le_bytes());
        if let Some(record) = Record::decode(&sealed) {
            assert_eq!(record.encode(), sealed);
        }
    }
    whole
}
