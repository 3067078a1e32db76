//! The data plane's turns allocate nothing once warm: a counting allocator for this test binary.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tandem_policy::Store;

use super::*;
use crate::{channels, routing};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system allocator unchanged; the counter is a thread-local
// without a destructor and without an allocation of its own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of the data plane while it does a job; everything else takes its turn outside.
fn allocations(rig: &mut Rig) -> u64 {
    let mut ticket = Some(rig.submit(1));
    let mut sum = 0;
    while let Some(waiting) = ticket.take() {
        rig.board.advance(MS);
        let before = ALLOCATIONS.get();
        rig.machinery.data_plane.poll(rig.agent.now());
        sum += ALLOCATIONS.get() - before;
        rig.peer.poll();
        while rig.machinery.engines[0].poll() || rig.machinery.cpu.poll() {}
        if let Err(back) = waiting.try_take() {
            ticket = Some(back);
        }
    }
    sum
}

#[test]
fn the_frame_path_allocates_nothing() {
    let store = Store::new(routing::catalog("fake/1", &channels::unknown(["fake"])));
    let mut rig = Rig::with(|config| {
        config.health.auto_restart = false;
        config.routing = Some(Arc::new(store));
    });
    assert!(allocations(&mut rig) < 100);
    for _ in 0..50 {
        assert_eq!(allocations(&mut rig), 0);
    }
    // Neither does a policy.
    let store = rig.agent.routing().unwrap().clone();
    let text = "name: p\nversion: 1\ndefault: fpga-gpu-fpga\nrules:\n  - {name: a, match: \
                {stream: a-*, load: {min: 0.5}}, route: cpu-only}\n";
    store.offer("test", text, None).unwrap();
    allocations(&mut rig);
    for _ in 0..50 {
        assert_eq!(allocations(&mut rig), 0);
    }
    // Neither does the fallback.
    rig.peer.crash();
    rig.until("the crash is seen", |rig| rig.peer_state() == PeerState::Down);
    for _ in 0..50 {
        assert_eq!(allocations(&mut rig), 0);
    }
}
