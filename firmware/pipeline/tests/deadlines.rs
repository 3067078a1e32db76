//! Deadlines: order, refusal without touching hardware, and refusal of jobs that do not hold.

mod common;

use common::{FOREVER, MS, World, small_post, small_pre};
use tandem_link::{
    SlotClass,
    message::{FromPeer, JobStatus, PreJob, SlotRef, ToPeer, Work},
};

#[test]
fn the_earliest_deadline_is_first_and_equal_ones_keep_their_order() {
    let mut world = World::linked();
    world.machine.sim.borrow_mut().set_latency(MS, MS);
    // The first is on the hardware when the others arrive.
    let (first, ..) = world.send_pre(&small_pre(), FOREVER);
    world.turn(0);
    let base = world.now() + 500 * MS;
    let waiting = [30, 10, 20, 10].map(|ms| world.send_pre(&small_pre(), base + ms * MS).0);
    world.run_until(|world| world.inbox.len() == 5);
    let order: Vec<_> = world
        .inbox
        .iter()
        .map(|message| match message {
            FromPeer::Done { id, status: JobStatus::Ok, .. } => *id,
            other => panic!("{other:?}"),
        })
        .collect();
    let [thirty, ten, twenty, also_ten] = waiting;
    assert_eq!(order, [first, ten, also_ten, twenty, thirty]);
}

#[test]
fn a_deadline_that_has_passed_is_late_and_no_register_is_touched() {
    let mut world = World::linked();
    world.run_for(common::CONFIG.poll_period);
    let (accesses, now) = (world.machine.accesses.get(), world.now());
    let ids = [world.send_pre(&small_pre(), now).0, world.send_post(&small_post(), now).0];
    world.turn(0);
    for id in ids {
        let done = world.done(id);
        assert_eq!((done.status, done.written), (JobStatus::Late, 0));
    }
    assert_eq!(world.machine.accesses.get(), accesses, "hardware was touched");
}

#[test]
fn a_deadline_that_cannot_be_met_is_late_at_once() {
    let mut world = World::linked();
    world.machine.sim.borrow_mut().set_latency(10 * MS, 0);
    world.pre_works(&small_pre());
    let now = world.now();
    let (hopeless, ..) = world.send_pre(&small_pre(), now + 5 * MS);
    assert_eq!(world.done(hopeless).status, JobStatus::Late);
    assert_eq!(world.now(), now, "told without waiting");
    let (id, ..) = world.send_pre(&small_pre(), now + 20 * MS);
    assert_eq!(world.done(id).status, JobStatus::Ok);
}

#[test]
fn a_job_that_reaches_its_deadline_on_the_hardware_is_late_and_frees_the_lane() {
    let mut world = World::linked();
    world.machine.sim.borrow_mut().set_latency(50 * MS, 0);
    let deadline = world.now() + 20 * MS;
    let (id, addr, expected) = world.send_pre(&small_pre(), deadline);
    assert_eq!(world.done(id).status, JobStatus::Late);
    assert!(world.now() < deadline + MS);
    // The slot is the agent's: the aborted job must not write to it any more.
    world.run_for(100 * MS);
    assert!(world.read(addr, expected.len()).iter().all(|byte| *byte == 0xEE));
    world.pre_works(&small_pre());
}

/// Sends a job that names slots as it likes.
fn raw_pre(world: &mut World, frame: SlotRef, tensor: SlotRef) -> JobStatus {
    let id = world.id();
    let work = Work::Pre(PreJob { frame, tensor, params: small_pre() });
    world.send(&ToPeer::Job { id, deadline: FOREVER, work });
    world.run_until(|world| !world.inbox.is_empty());
    match world.inbox.pop_front() {
        Some(FromPeer::Done { id: of, status, .. }) if of == id => status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn jobs_that_do_not_hold_together_are_bad() {
    let mut world = World::linked();
    let table = world.agent.slots().clone();
    let grant = |class| table.grant(table.take(class).expect("free"));
    let (frame, tensor, heads) =
        (grant(SlotClass::Frame), grant(SlotClass::Tensor), grant(SlotClass::Heads));
    let stale = SlotRef { generation: 77, ..frame.slot_ref() };
    assert_eq!(raw_pre(&mut world, stale, tensor.slot_ref()), JobStatus::BadJob);
    assert!(tensor.try_reclaim(&table).is_ok(), "the slot that was granted comes back");
    let nowhere = SlotRef { index: 999, generation: 1 };
    assert_eq!(raw_pre(&mut world, frame.slot_ref(), nowhere), JobStatus::BadJob);
    let frame = grant(SlotClass::Frame);
    assert_eq!(raw_pre(&mut world, frame.slot_ref(), heads.slot_ref()), JobStatus::BadJob);
    // Parameters that ask for more than the slot holds, and ones out of range.
    let mut params = small_pre();
    params.frame.stride = 0x8000;
    let (a, b) = (world.take(SlotClass::Frame), world.take(SlotClass::Tensor));
    let pair = world.agent.submit_pre(901, FOREVER, a, b, params.clone()).expect("sent");
    world.grants.push((901, pair.0, pair.1));
    assert_eq!(world.done(901).status, JobStatus::BadJob);
    params.frame.stride = 1;
    let (a, b) = (world.take(SlotClass::Frame), world.take(SlotClass::Tensor));
    let pair = world.agent.submit_pre(902, FOREVER, a, b, params).expect("sent");
    world.grants.push((902, pair.0, pair.1));
    assert_eq!(world.done(902).status, JobStatus::BadJob);
    world.pre_works(&small_pre());
}
