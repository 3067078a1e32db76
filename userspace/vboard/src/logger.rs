//! defmt on the host: frames go to the log ring of the board whose firmware this thread polls.

use crate::{clock::Clock, memory::DdrMemory};
use std::{cell::RefCell, sync::Arc};
use tandem_link::log::LogWriter;

/// Longest encoded frame; a longer one is cut, which its decoder reports.
const FRAME_BYTES: usize = 1024;

/// Where a board's firmware logs to, and its clock.
pub(crate) struct Sink {
    ring: LogWriter<DdrMemory>,
    clock: Arc<Clock>,
}

impl Sink {
    pub(crate) fn new(words: DdrMemory, clock: Arc<Clock>) -> Self {
        Self { ring: LogWriter::attach(words), clock }
    }
}

struct Context {
    sink: Option<Arc<Sink>>,
    encoder: defmt::Encoder,
    frame: Vec<u8>,
}

impl Context {
    fn append(frame: &mut Vec<u8>, bytes: &[u8]) {
        let room = FRAME_BYTES.saturating_sub(frame.len());
        frame.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

thread_local! {
    static CONTEXT: RefCell<Context> = RefCell::new(Context {
        sink: None,
        encoder: defmt::Encoder::new(),
        frame: Vec::with_capacity(FRAME_BYTES),
    });
}

/// Restores the sink of an outer board, also when the firmware unwinds.
struct Restore(Option<Arc<Sink>>);

impl Drop for Restore {
    fn drop(&mut self) {
        let outer = self.0.take();
        CONTEXT.with_borrow_mut(|context| context.sink = outer);
    }
}

/// Runs `firmware` with its log going to `sink`. Threads that poll no firmware log nowhere.
pub(crate) fn with_sink<T>(sink: &Arc<Sink>, firmware: impl FnOnce() -> T) -> T {
    let inner = Some(Arc::clone(sink));
    let outer = CONTEXT.with_borrow_mut(|context| std::mem::replace(&mut context.sink, inner));
    let _restore = Restore(outer);
    firmware()
}

fn microseconds() -> u64 {
    CONTEXT.with_borrow(|context| context.sink.as_ref().map_or(0, |sink| sink.clock.now() / 1000))
}

defmt::timestamp!("{=u64:us}", microseconds());

#[defmt::global_logger]
struct HostLogger;

// SAFETY: all state is this thread's own (a thread is the execution context), and `RefCell`
// refuses an overlap. No method blocks.
unsafe impl defmt::Logger for HostLogger {
    fn acquire() {
        CONTEXT.with_borrow_mut(|context| {
            // A frame that a killed core left open is dropped here.
            context.frame.clear();
            context.encoder = defmt::Encoder::new();
            let Context { encoder, frame, .. } = context;
            encoder.start_frame(|bytes| Context::append(frame, bytes));
        });
    }

    unsafe fn flush() {}

    unsafe fn release() {
        CONTEXT.with_borrow_mut(|context| {
            let Context { encoder, frame, sink } = context;
            encoder.end_frame(|bytes| Context::append(frame, bytes));
            if let Some(sink) = sink {
                sink.ring.write(frame);
            }
        });
    }

    unsafe fn write(bytes: &[u8]) {
        CONTEXT.with_borrow_mut(|context| {
            let Context { encoder, frame, .. } = context;
            encoder.write(bytes, |bytes| Context::append(frame, bytes));
        });
    }
}
