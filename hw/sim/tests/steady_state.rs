//! Buffers are used again: a job allocates nothing once a job of its size has run.

mod common;

use std::alloc::{GlobalAlloc, Layout as Block, System};
use std::cell::Cell;

use common::*;
use tandem_model::pre::{Frame, Layout, PreParams};
use tandem_regs::pre::offset;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting the calls of each thread.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting allocates nothing, because
// the counter is a constant-initialized thread-local without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, block: Block) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract.
        unsafe { System.alloc(block) }
    }

    unsafe fn dealloc(&self, at: *mut u8, block: Block) {
        // SAFETY: the caller keeps `GlobalAlloc`'s contract.
        unsafe { System.dealloc(at, block) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_job_allocates_nothing_after_the_first_one() {
    let mut sim = board();
    let frame = Frame::nv12(320, 240);
    let params =
        PreParams::letterbox(frame, frame.full(), 160, 160, [0; 3], Layout::Planar).unwrap();
    for job in 1..4 {
        write_pre(&mut sim, &params);
        arm_pre(&mut sim, &params);
        let before = ALLOCATIONS.get();
        sim.write32(MAP.pre + offset::START, job);
        sim.advance(u64::from(job));
        let during = ALLOCATIONS.get() - before;
        assert_eq!(sim.read32(MAP.pre + offset::DONE), job);
        assert_eq!(during == 0, job > 1, "job {job}: {during} allocations");
        for channel in [MM2S, S2MM] {
            sim.write32(MAP.dma_pre + channel + CR, 0);
        }
    }
}
