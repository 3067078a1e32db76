//! The firmware's log: what this very binary's firmware logs is decoded with its own table.

use crate::{lockstep, station::Station, threaded};
use defmt_decoder::{DecodeError, Table};
use tandem_link::board::Board;

/// Levels and texts of every whole frame in `bytes`.
fn decode(bytes: &[u8]) -> Vec<(String, String)> {
    let elf = std::fs::read("/proc/self/exe").expect("this binary");
    let table = Table::parse(&elf).expect("an ELF file").expect("a defmt section");
    let mut decoder = table.new_stream_decoder();
    decoder.received(bytes);
    let mut lines = vec![];
    loop {
        match decoder.decode() {
            Ok(frame) => {
                let level = frame.level().map(|level| level.as_str().to_string());
                lines.push((level.unwrap_or_default(), frame.display_message().to_string()));
            }
            Err(DecodeError::UnexpectedEof) => return lines,
            Err(DecodeError::Malformed) => panic!("a malformed frame after {lines:?}"),
        }
    }
}

fn boot_lines<B: Board>(board: B) {
    let mut station = Station::new(board);
    station.join().expect("joins");
    // The line follows the announcement; the answer follows the line.
    station.ping().expect("answers");
    let mut bytes = vec![];
    assert_eq!(station.board.drain_log(&mut bytes), 0);
    let first = decode(&bytes);
    assert!(first.iter().any(|(level, _)| level == "info"), "{first:?}");
    station.recover();
    station.ping().expect("answers");
    bytes.clear();
    station.board.drain_log(&mut bytes);
    let second = decode(&bytes);
    assert!(second.iter().any(|(level, _)| level == "info"), "{second:?}");
    // Drained once is drained.
    bytes.clear();
    station.ping().expect("answers");
    assert_eq!((station.board.drain_log(&mut bytes), bytes.len()), (0, 0));
}

#[test]
fn the_boot_of_each_life_is_logged() {
    boot_lines(lockstep(1));
    boot_lines(threaded());
}

#[test]
fn a_log_that_nobody_drains_does_not_stop_the_firmware() {
    let mut station = Station::new(lockstep(2));
    station.join().expect("joins");
    // Each boot logs some bytes; far more boots than the ring has room for.
    station.ping().expect("answers");
    let mut bytes = vec![];
    station.board.drain_log(&mut bytes);
    let boots = 2 * 0x8000 / bytes.len().max(1);
    for _ in 0..boots {
        station.recover();
    }
    bytes.clear();
    let lost = station.board.drain_log(&mut bytes);
    assert!(lost > 0 && !bytes.is_empty(), "{lost} lost, {} kept", bytes.len());
    assert!(!decode(&bytes).is_empty());
    station.recover();
    station.ping().expect("answers");
    bytes.clear();
    assert_eq!(station.board.drain_log(&mut bytes), 0);
    assert!(!decode(&bytes).is_empty(), "logs again once drained");
}
