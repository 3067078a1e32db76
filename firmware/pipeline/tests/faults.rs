//! Every fault gives its own answer or event, exactly one, and the next job goes well.

mod common;

use common::{FOREVER, MS, World, small_post, small_pre};
use proptest::prelude::*;
use tandem_link::message::{Event, FromPeer, JobStatus, Lane};
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
        }
    }
    healthy(&mut world);
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
