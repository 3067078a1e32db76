//! What clients and the firmware send: images, frames of the control protocol, frames of the log.

use std::cell::RefCell;
use std::path::Path;

use defmt_decoder::Table;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tandem_agent::control::frame::{self, FrameError};
use tandem_agent::control::{Request, Response};
use tandem_agent::ingest::{decode_into, probe};
use tandem_agent::logs::{self, Decoder};
use tandem_model::pre::{Layout, PreParams};
use tokio::runtime::Runtime;

/// Bytes of the frame slot: small, so that a run is quick.
const SLOT: usize = 3 * 128 * 128;

/// An image: what `probe` accepts either decodes or is refused, the frame is one that the kernel
/// takes, and every byte of it was written (nothing of an earlier image shows).
pub fn ingest(bytes: &[u8]) -> bool {
    let Ok(info) = probe(bytes, SLOT) else { return false };
    assert!(info.bytes <= info.needs && info.needs <= SLOT);
    assert_eq!(info.bytes, info.frame.bytes());
    let mut slots = [vec![0; info.needs], vec![0xff; info.needs]];
    let decoded = slots.each_mut().map(|slot| decode_into(bytes, &info, slot));
    assert_eq!(decoded[0], decoded[1]);
    if decoded[0].is_err() {
        return false;
    }
    assert!(slots[0][..info.bytes] == slots[1][..info.bytes], "bytes of the slot's past");
    let crop = info.frame.full();
    PreParams::letterbox(info.frame, crop, 416, 416, [114; 3], Layout::Planar)
        .expect("the kernel takes every frame that ingest lets through");
    true
}

/// A stream of control frames, read as a server and as a client do. What decodes must survive a
/// second trip.
pub fn control(bytes: &[u8]) -> bool {
    let request = stream::<Request>(bytes);
    stream::<Response>(bytes) || request
}

/// Reads to the end or the first error; true if a message came.
fn stream<T: Serialize + DeserializeOwned>(mut bytes: &[u8]) -> bool {
    thread_local! {
        static RUNTIME: RefCell<Option<Runtime>> = const { RefCell::new(None) };
    }
    RUNTIME.with_borrow_mut(|runtime| {
        let runtime = runtime.get_or_insert_with(|| {
            tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
        });
        let mut came = false;
        loop {
            let before = bytes.len();
            match runtime.block_on(frame::read::<T>(&mut bytes)) {
                Ok(Some(message)) => {
                    assert!(bytes.len() < before, "a message takes bytes");
                    again(&message);
                    came = true;
                }
                Ok(None) => return came,
                Err(FrameError::Stream(error)) => panic!("memory does not fail: {error}"),
                Err(_) => return came,
            }
        }
    })
}

/// Bytes are compared, because NaN is not equal to itself.
fn again<T: Serialize + DeserializeOwned>(message: &T) {
    let frame = frame::encode(message).expect("what came in fits");
    let back: T = frame::decode(&frame[4..]).expect("what was written can be read");
    assert!(frame::encode(&back).expect("again") == frame);
}

/// The log's bytes as they come out of the ring, in pieces of the first byte's length (0: at once),
/// each of them perhaps behind a gap. Every piece leaves a line for a frame at most, and no frame is
/// shorter than its end mark. True if a line of the firmware came.
pub fn log_frames(bytes: &[u8]) -> bool {
    thread_local! {
        // The strings of an R5F image: README.md has how they were taken.
        static TABLE: Table = logs::table(
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/r5f-log.elf")),
        )
        .expect("a defmt table");
    }
    let [piece, gap, bytes @ ..] = bytes else { return false };
    let piece = if *piece == 0 { bytes.len().max(1) } else { usize::from(*piece) };
    TABLE.with(|table| {
        let mut decoder = Decoder::new(table);
        let mut lines = 0;
        let mut spoke = false;
        for (number, part) in bytes.chunks(piece).enumerate() {
            let lost = u32::from(number > 0 && number == usize::from(*gap));
            decoder.lines(part, lost, |line| {
                lines += 1;
                spoke |= !line.text.contains("of the log were lost");
            });
        }
        assert!(lines <= bytes.len() + 1, "more lines than bytes");
        spoke
    })
}
