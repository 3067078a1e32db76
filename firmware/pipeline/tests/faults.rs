//! Every fault gives its own answer or event, exactly one, and the next job goes well.

mod common;

use common::{FOREVER, MS, World, small_post, small_pre};
use proptest::prelude::*;
use tandem_link::message::{Event, FromPeer, JobStatus, Lane, ToPeer};
use tandem_sim::fault::{Fault, FaultLane};

const LANES: [(FaultLane, Lane); 2] = [(FaultLane::Pre, Lane::Pre), (FaultLane::Post, Lane::Post)];

fn run(world: &mut World, lane: FaultLane) -> JobStatus {
    let (id, ..) = match lane {
        FaultLane::Pre => world.send_pre(&small_pre(), FOREVER),
        FaultLane::Post => world.send_post(&small_post(), FOREVER),
    };
    world.done(id).status
}

/// Both lanes work, and nothing else was said.
fn healthy(world: &mut World) {
    world.pre_works(&small_pre());
    world.post_works(&small_post());
    world.run_for(20 * MS);
    assert!(world.inbox.is_empty(), "{:?}", world.inbox);
}

#[test]
fn each_fault_has_its_status_and_the_next_job_goes_well() {
    for (lane, _) in LANES {
        for (fault, status) in [
            (Fault::SlaveError(lane), JobStatus::DmaSlaveError),
            (Fault::DecodeError(lane), JobStatus::DmaDecodeError),
            (Fault::StuckTlast(lane), JobStatus::StreamMismatch),
            (Fault::HungKernel(lane), JobStatus::KernelHung),
        ] {
            let mut world = World::linked();
            world.machine.sim.borrow_mut().plant(fault);
            assert_eq!(run(&mut world, lane), status, "{fault}");
            assert_eq!(world.machine.sim.borrow().taken_faults(), [fault]);
            healthy(&mut world);
        }
    }
}

#[test]
fn lost_interrupt_is_one_event_and_costs_one_poll_period() {
    for (fault_lane, lane) in LANES {
        let mut world = World::linked();
        world.machine.sim.borrow_mut().plant(Fault::LostInterrupt(fault_lane));
        let before = world.now();
        assert_eq!(run(&mut world, fault_lane), JobStatus::Ok);
        assert!(world.now() - before <= common::CONFIG.poll_period);
        let event = FromPeer::Event(Event::LostInterrupt(lane));
        assert_eq!(world.inbox.drain(..).collect::<Vec<_>>(), [event]);
        healthy(&mut world);
    }
}

#[test]
fn faults_of_one_lane_leave_the_other_alone() {
    let mut world = World::linked();
    world.machine.sim.borrow_mut().plant(Fault::HungKernel(FaultLane::Pre));
    let (pre, ..) = world.send_pre(&small_pre(), FOREVER);
    let (post, ..) = world.send_post(&small_post(), FOREVER);
    assert_eq!(world.done(post).status, JobStatus::Ok);
    assert_eq!(world.done(pre).status, JobStatus::KernelHung);
    healthy(&mut world);
}

#[test]
fn a_failed_job_fails_alone_among_those_that_wait() {
    let mut world = World::linked();
    world.machine.sim.borrow_mut().plant(Fault::SlaveError(FaultLane::Pre));
    let ids: Vec<_> = (0..4).map(|_| world.send_pre(&small_pre(), FOREVER).0).collect();
    let statuses: Vec<_> = ids.into_iter().map(|id| world.done(id).status).collect();
    assert_eq!(statuses[0], JobStatus::DmaSlaveError);
    assert_eq!(statuses[1..], [JobStatus::Ok; 3]);
}

#[test]
fn every_bit_that_software_writes_is_found_when_it_flips() {
    let mut world = World::linked();
    // NXTDESC, BUFFER, CONTROL with their upper and reserved words: bits 0 to 223.
    for bit in 0..224u8 {
        for (lane, descriptor) in [(FaultLane::Pre, 0), (FaultLane::Pre, 3), (FaultLane::Post, 1)] {
            let fault = Fault::FlippedDescriptorBit { lane, descriptor, bit };
            world.machine.sim.borrow_mut().plant(fault);
            assert_eq!(run(&mut world, lane), JobStatus::DescriptorCorrupt, "{fault}");
            // A pointer to another descriptor, or where the data goes (only the third of `pre` writes).
            let pointer = (6..32).contains(&bit);
            let target = descriptor == 3 && (64..96).contains(&bit);
            let told = world.inbox.drain(..).collect::<Vec<_>>();
            let astray = |m: &FromPeer| matches!(m, FromPeer::Event(Event::Astray { .. }));
            assert_eq!(told.iter().filter(|m| astray(m)).count(), told.len(), "{fault}: {told:?}");
            assert_eq!(told.len(), usize::from(pointer || target), "{fault}: {told:?}");
        }
    }
    healthy(&mut world);
}

fn load_logic(world: &mut World) {
    let now = world.now();
    world.machine.sim.borrow_mut().reset_pl(now);
}

#[test]
fn a_load_of_the_logic_is_one_event_and_fails_only_the_jobs_that_it_hits() {
    let mut world = World::linked();
    world.machine.sim.borrow_mut().set_latency(5 * MS, 5 * MS);
    let (pre, ..) = world.send_pre(&small_pre(), FOREVER);
    let (post, ..) = world.send_post(&small_post(), FOREVER);
    world.turn(0);
    load_logic(&mut world);
    let before = world.now();
    assert_eq!([pre, post].map(|id| world.done(id).status), [JobStatus::LogicReset; 2]);
    assert!(world.now() - before <= 2 * common::CONFIG.poll_period, "{}", world.now() - before);
    let event = FromPeer::Event(Event::LogicReset);
    assert_eq!(world.inbox.drain(..).collect::<Vec<_>>(), [event]);
    world.machine.sim.borrow_mut().set_latency(0, 0);
    healthy(&mut world);
}

#[test]
fn a_load_of_the_logic_between_jobs_is_found_before_parameters_are_trusted() {
    // At once, and after the timed poll has seen it.
    for wait in [0, 10 * MS] {
        let mut world = World::linked();
        healthy(&mut world);
        load_logic(&mut world);
        world.run_for(wait);
        for lane in [FaultLane::Pre, FaultLane::Post] {
            assert_eq!(run(&mut world, lane), JobStatus::LogicReset, "{wait}");
        }
        let event = FromPeer::Event(Event::LogicReset);
        assert_eq!(world.inbox.drain(..).collect::<Vec<_>>(), [event]);
        healthy(&mut world);
    }
}

#[test]
fn a_gate_that_was_loaded_anew_gets_another_epoch_and_its_settings_back() {
    let mut world = World::linked();
    world.send(&ToPeer::ConfigureGate { delay: 30 * MS, pulse: MS });
    let mut seen = Vec::new();
    for load in 0..3 {
        if load > 0 {
            load_logic(&mut world);
        }
        world.run_until(|world| world.machine.sim.borrow().line_ready());
        world.inbox.clear();
        let now = world.now();
        let tag = world.machine.sim.borrow_mut().trigger(now).expect("ready");
        world.turn(0);
        let Some(FromPeer::Triggered { tag: told, gate_epoch, due, .. }) = world.inbox.pop_front()
        else {
            panic!("a trigger is told")
        };
        assert_eq!((told, due), (tag, now + 30 * MS));
        // The tags are the same in each epoch; cancels for the parts of earlier ones hit nothing.
        for (tag, gate_epoch) in &seen {
            world.send(&ToPeer::CancelReject { tag: *tag, gate_epoch: *gate_epoch });
        }
        world.run_for(40 * MS);
        let passages = world.machine.sim.borrow_mut().drain_passages();
        assert!(passages.len() == 1 && passages[0].rejected, "{passages:?}");
        seen.push((tag, gate_epoch));
    }
    assert!(seen.iter().all(|(tag, _)| *tag == seen[0].0));
    assert_eq!(world.machine.sim.borrow().gate_counters().wrong_epoch, 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]
    /// Any sequence of faults: every job is answered, every slot comes back, the lanes recover.
    #[test]
    fn any_sequence_of_faults_is_survived(
        faults in proptest::collection::vec((0u8..6, any::<bool>(), 0u32..40, any::<u8>()), 1..8)
    ) {
        let mut world = World::linked();
        for (kind, pre, descriptor, bit) in faults {
            let lane = if pre { FaultLane::Pre } else { FaultLane::Post };
            let fault = match kind {
                0 => Fault::LostInterrupt(lane),
                1 => Fault::SlaveError(lane),
                2 => Fault::DecodeError(lane),
                3 => Fault::StuckTlast(lane),
                4 => Fault::HungKernel(lane),
                _ => Fault::FlippedDescriptorBit { lane, descriptor, bit },
            };
            world.machine.sim.borrow_mut().plant(fault);
            run(&mut world, lane);
            prop_assert_eq!(world.machine.sim.borrow().pending_faults(), []);
        }
        world.inbox.clear();
        healthy(&mut world);
    }
}
