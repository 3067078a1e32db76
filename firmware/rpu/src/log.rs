//! defmt on the R5F: whole frames into the log ring, never waiting.

use crate::board;
use crate::platform::Log;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};
use tandem_link::log::LogWriter;

/// Longest encoded frame; a longer one is cut, which its decoder reports.
const FRAME_BYTES: usize = 256;

struct Frame {
    encoder: defmt::Encoder,
    bytes: [u8; FRAME_BYTES],
    len: usize,
}

impl Frame {
    fn append(bytes: &mut [u8; FRAME_BYTES], len: &mut usize, more: &[u8]) {
        let room = (FRAME_BYTES - *len).min(more.len());
        bytes[*len..*len + room].copy_from_slice(&more[..room]);
        *len += room;
    }
}

/// The frame being built. One core, interrupts masked, no handler that logs: nothing can get in
/// between; `TAKEN` refuses a frame inside a frame (a `Format` that logs).
struct Shared(UnsafeCell<Frame>);

// SAFETY: only the one context of this core reaches it, and only between acquire and release.
unsafe impl Sync for Shared {}

static FRAME: Shared = Shared(UnsafeCell::new(Frame {
    encoder: defmt::Encoder::new(),
    bytes: [0; FRAME_BYTES],
    len: 0,
}));
static TAKEN: AtomicBool = AtomicBool::new(false);

#[defmt::global_logger]
struct RingLogger;

/// Gives up the frame being built, if there is one: a panic inside it must be able to log.
pub fn abandon() {
    TAKEN.store(false, Ordering::Release);
}

/// Runs `body` on the frame being built.
///
/// # Safety
/// Only between `acquire` and `release`.
unsafe fn with_frame(body: impl FnOnce(&mut Frame)) {
    // SAFETY: see `Shared`; the caller is inside acquire and release, and `body` does not log.
    body(unsafe { &mut *FRAME.0.get() });
}

// SAFETY: acquire refuses to nest, and there is one execution context (see `Shared`).
unsafe impl defmt::Logger for RingLogger {
    fn acquire() {
        if TAKEN.swap(true, Ordering::Acquire) {
            panic!("a defmt frame inside a defmt frame");
        }
        // SAFETY: just acquired.
        unsafe {
            with_frame(|frame| {
                frame.len = 0;
                frame.encoder = defmt::Encoder::new();
                let Frame { encoder, bytes, len } = frame;
                encoder.start_frame(|more| Frame::append(bytes, len, more));
            });
        }
    }

    unsafe fn flush() {}

    unsafe fn release() {
        // SAFETY: defmt calls this after acquire.
        unsafe {
            with_frame(|frame| {
                let Frame { encoder, bytes, len } = frame;
                encoder.end_frame(|more| Frame::append(bytes, len, more));
                LogWriter::attach(Log::new()).write(&frame.bytes[..frame.len]);
            });
        }
        TAKEN.store(false, Ordering::Release);
    }

    unsafe fn write(more: &[u8]) {
        // SAFETY: defmt calls this between acquire and release.
        unsafe {
            with_frame(|frame| {
                let Frame { encoder, bytes, len } = frame;
                encoder.write(more, |encoded| Frame::append(bytes, len, encoded));
            });
        }
    }
}

const _: () = assert!(board::LOG_SIZE >= 4096, "the log ring needs a page");
