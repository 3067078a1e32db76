//! Jobs like earlier ones: what is remembered of them is used where it is right, and nowhere else.

mod common;

use common::*;
use tandem_link::SlotClass;
use tandem_link::message::{FromPeer, JobStatus, PreJob, SlotRef, ToPeer, Work};
use tandem_model::post::PostParams;
use tandem_model::pre::{Frame, Layout, PreParams};
use tandem_sim::fault::{Fault, FaultLane};

/// Sets of parameters, more than a lane remembers. Some differ in one byte, and all but the last have
/// the same plans for their DMA as another.
fn sets() -> Vec<PreParams> {
    let frame = Frame::rgb8(96, 64);
    let letterbox = |pad: u8, layout| {
        PreParams::letterbox(frame, frame.full(), 64, 64, [pad; 3], layout).expect("good")
    };
    let mut sets: Vec<_> = (0..3).map(|pad| letterbox(100 + pad, Layout::Planar)).collect();
    sets.extend((0..3).map(|pad| letterbox(100 + pad, Layout::Interleaved)));
    let wide = Frame::rgb8(128, 64);
    sets.push(
        PreParams::letterbox(wide, wide.full(), 64, 64, [9; 3], Layout::Planar).expect("good"),
    );
    sets
}

/// A pseudo-random order of sets: some come again at once, some when they were forgotten.
fn order(count: usize) -> impl Iterator<Item = usize> {
    noise(5, 400).into_iter().map(move |byte| usize::from(byte) * count / 256)
}

#[test]
fn sets_that_take_turns_are_not_mistaken_for_each_other() {
    let mut world = World::linked();
    let sets = sets();
    for set in order(sets.len()) {
        world.pre_works(&sets[set]);
    }
    let posts: Vec<PostParams> = (0..6)
        .map(|top| PostParams { max_detections: 50 + top, ..small_post() })
        .chain([PostParams { score_threshold: 22_000, ..small_post() }])
        .collect();
    for set in order(posts.len()).take(100) {
        world.post_works(&posts[set]);
    }
}

#[test]
fn jobs_that_wait_keep_parameters_that_were_forgotten_meanwhile() {
    let mut world = World::linked();
    let sets = sets();
    // Known at first, so that the message is all that is kept of them.
    world.pre_works(&sets[0]);
    let jobs: Vec<_> = [0, 1, 2, 3, 4, 6].map(|set| world.send_pre(&sets[set], FOREVER)).into();
    for (id, addr, expected) in jobs {
        assert_eq!(world.done(id).status, JobStatus::Ok);
        assert!(world.read(addr, expected.len()) == expected, "job {id} had other parameters");
    }
}

#[test]
fn a_repeated_job_touches_few_registers() {
    let mut world = World::linked();
    let params = small_pre();
    let mut cost = || {
        let before = world.machine.accesses.get();
        world.pre_works(&params);
        world.machine.accesses.get() - before
    };
    let first = cost();
    let again = (0..20).map(|_| cost()).min().expect("twenty");
    assert!(again + 15 <= first, "{first} accesses to registers at first, {again} again");
}

#[test]
fn nothing_that_is_remembered_survives_what_it_depends_on() {
    let mut world = World::linked();
    let sets = sets();
    for round in 0..24 {
        for set in [0, 0, 3, 0] {
            world.pre_works(&sets[set]);
        }
        match round % 4 {
            // Registers in reset, chains in doubt: another job fails in between.
            0 => {
                let fault = Fault::DecodeError(FaultLane::Pre);
                world.machine.sim.borrow_mut().plant(fault);
                let (id, ..) = world.send_pre(&sets[0], FOREVER);
                assert_eq!(world.done(id).status, JobStatus::DmaDecodeError);
            }
            // The kernel has no parameters any more, and says nothing of it.
            1 => {
                let now = world.now();
                world.machine.sim.borrow_mut().reset_pl(now);
                let (id, ..) = world.send_pre(&sets[0], FOREVER);
                assert_eq!(world.done(id).status, JobStatus::LogicReset);
            }
            // Another agent, with its slots under new generations.
            2 => {
                world.restart_agent(100 + round);
                world.link_up();
            }
            // The core dies, and its chains stay where they were.
            _ => {
                world.stop_core();
                world.grants.clear();
                world.start_core(CONFIG);
                world.link_up();
            }
        }
        world.inbox.clear();
        world.pre_works(&sets[0]);
    }
}

#[test]
fn a_slot_that_is_not_granted_is_refused_however_well_its_job_is_known() {
    let mut world = World::linked();
    let params = small_pre();
    for _ in 0..12 {
        world.pre_works(&params);
    }
    // Parameters that are known, and slots that are the agent's.
    let (frame, tensor) = (world.take(SlotClass::Frame), world.take(SlotClass::Tensor));
    let slot = |index| SlotRef { index, generation: 1 };
    let job = PreJob { frame: slot(frame.index()), tensor: slot(tensor.index()), params };
    let id = world.id();
    world.send(&ToPeer::Job { id, deadline: FOREVER, work: Work::Pre(job) });
    let refused = |message: &FromPeer| matches!(message, FromPeer::Done { id: of, status: JobStatus::BadJob, .. } if *of == id);
    world.run_until(|world| world.inbox.iter().any(refused));
}
