//! A life leaves nothing behind: the heap after many deaths is the heap after few.

#[path = "vboard/station.rs"]
#[allow(dead_code)] // this test uses a part of it
mod station;

use station::{Crashed, Station};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicIsize, Ordering},
};
use tandem_boards::Board as Description;
use tandem_link::board::Board;
use tandem_vboard::Lockstep;

static LIVE: AtomicIsize = AtomicIsize::new(0);

struct Counting;

// SAFETY: forwards to the system's allocator and counts what it gave.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes in use after `lives` lives that end at different accesses. The log is drained into
/// nothing and no fault is planted, so nothing on the board grows by itself.
fn live_after(station: &mut Station<Lockstep>, lives: u64) -> isize {
    for life in 0..lives {
        let faults = station.board.faults().expect("a virtual board has faults");
        faults.kill_core_at(life * 13 % 700);
        let end = loop {
            if let Err(end) = station.pre(1).and_then(|()| station.ping()) {
                break end;
            }
        };
        assert_eq!(end, Crashed);
        station.recover();
    }
    station.board.drain_log(&mut Vec::with_capacity(0x8000));
    LIVE.load(Ordering::Relaxed)
}

#[test]
fn dead_lives_are_freed() {
    let board = Lockstep::new(&Description::virtual_default(), 1).expect("a board");
    let mut station = Station::new(board);
    station.join().expect("joins");
    let few = live_after(&mut station, 40);
    let many = live_after(&mut station, 160);
    // One life is several kilobytes; what may differ is the capacity of a few vectors.
    assert!(many - few < 4096, "{few} bytes after 40 lives, {many} after 200");
}
