//! Nothing is allocated per frame on either side once a session stands: a counting allocator for
//! this program, in which nothing else runs meanwhile.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use common::*;
use tandem_engine::Engine;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn frames_allocate_nothing_on_either_side() {
    let server = serve(Toy::engine(), 2);
    let mut engine = connect(server.address());
    let model = model();
    let tensor = tensor(&model, 1);
    let mut heads = vec![0xa5; model.heads_bytes()];
    let mut frames = |count: u32| {
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        for _ in 0..count {
            engine.run_by(&tensor, &mut heads, Instant::now() + LONG).unwrap();
            engine.tend();
        }
        ALLOCATIONS.load(Ordering::Relaxed) - before
    };
    // The threads' own beginnings.
    frames(20);
    // All threads of the process: the client, the worker's reader, writer, engine, door.
    assert_eq!(frames(500), 0);
    assert!(heads == expected(&model, &tensor));
}
