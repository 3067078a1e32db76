//! An allocator that knows which thread asks: for tests of what the frame path allocates.
//!
//! A test program makes it its own with `#[global_allocator] static HEAP: Heap = Heap;`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU64, Ordering};

/// Threads of the frame path, by the names that the agent gives them. Their allocations are
/// recorded once [`forbid`] was called; ingest, clients, control plane and the simulated board are
/// free to allocate.
const FRAME_PATH: [&[u8]; 3] = [b"tandem-dp", b"tandem-cpu", b"tandem-engine"];

static LIVE: AtomicIsize = AtomicIsize::new(0);
static FORBIDDEN: AtomicBool = AtomicBool::new(false);
static ABORT: AtomicBool = AtomicBool::new(false);
static SEEN: AtomicU64 = AtomicU64::new(0);
static LARGEST: AtomicU64 = AtomicU64::new(0);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Thread {
    Unknown,
    FramePath,
    Other,
}

thread_local! {
    static THREAD: Cell<Thread> = const { Cell::new(Thread::Unknown) };
}

/// The allocator.
#[derive(Clone, Copy, Debug)]
pub struct Heap;

/// The program ends at the forbidden allocation, for a debugger or a core file to show where.
pub fn abort_when_forbidden() {
    ABORT.store(true, Ordering::SeqCst);
}

/// From here on the frame path must not allocate.
pub fn forbid(forbidden: bool) {
    FORBIDDEN.store(forbidden, Ordering::SeqCst);
}

/// Allocations of the frame path while they were forbidden, and the bytes of the largest.
pub fn forbidden() -> (u64, u64) {
    (SEEN.load(Ordering::SeqCst), LARGEST.load(Ordering::SeqCst))
}

/// Bytes in use, by all threads.
pub fn live() -> isize {
    LIVE.load(Ordering::SeqCst)
}

/// Is the caller on the frame path? Found out once a thread; what that allocates is not judged.
fn on_frame_path() -> bool {
    let known = THREAD.try_with(Cell::get).unwrap_or(Thread::Other);
    if known != Thread::Unknown {
        return known == Thread::FramePath;
    }
    THREAD.set(Thread::Other);
    let name = std::fs::read("/proc/thread-self/comm").unwrap_or_default();
    let name = name.strip_suffix(b"\n").unwrap_or(&name);
    let thread = if FRAME_PATH.contains(&name) { Thread::FramePath } else { Thread::Other };
    THREAD.set(thread);
    thread == Thread::FramePath
}

fn took(bytes: usize) {
    LIVE.fetch_add(bytes as isize, Ordering::Relaxed);
    if FORBIDDEN.load(Ordering::Relaxed) && on_frame_path() {
        SEEN.fetch_add(1, Ordering::Relaxed);
        LARGEST.fetch_max(bytes as u64, Ordering::Relaxed);
        // An allocator must not unwind, so the test fails at its end, or the program here and now.
        if ABORT.load(Ordering::Relaxed) {
            std::process::abort();
        }
    }
}

// SAFETY: every call is passed on to the system allocator unchanged; the books are atomics, and a
// thread-local without a destructor. Looking up a thread's name allocates, with the thread marked
// as not judged, so it does not come back here a second time.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        took(size);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}
