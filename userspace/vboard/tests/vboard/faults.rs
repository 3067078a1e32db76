//! Faults by name: planted, taken once, answered by a status, and over.

use crate::{lockstep, station::Station};
use tandem_link::{
    board::{Board, FaultError, FaultPort},
    message::{Event, FromPeer, JobStatus, Lane},
};
use tandem_vboard::Lockstep;

fn port(board: &Lockstep) -> &dyn FaultPort {
    board.faults().expect("a virtual board has faults")
}

#[test]
fn every_name_that_is_listed_can_be_planted() {
    let board = lockstep(1);
    let names = port(&board).list();
    assert_eq!(names.len(), 12);
    for name in &names {
        port(&board).plant(name).expect("a listed fault");
    }
    assert_eq!(port(&board).pending(), names);
    assert!(port(&board).taken().is_empty());
}

#[test]
fn other_names_are_refused() {
    let board = lockstep(2);
    let plant = |name: &str| port(&board).plant(name).expect_err("no such fault");
    assert!(matches!(plant("no_such:pre"), FaultError::Unknown(name) if name == "no_such:pre"));
    assert!(matches!(plant("hung_kernel:mid"), FaultError::Unknown(_)));
    assert!(matches!(plant("flipped_descriptor_bit:pre:0:256"), FaultError::Range(..)));
    assert!(matches!(plant("hung_kernel:pre:1"), FaultError::Range(..)));
    assert!(port(&board).pending().is_empty());
}

/// One job under `fault`, then one without.
fn under(fault: &str) -> (JobStatus, Vec<String>) {
    let mut station = Station::new(lockstep(3));
    station.join().expect("joins");
    port(&station.board).plant(fault).expect("a fault");
    let (status, ..) = station.pre_job(1).expect("an answer");
    let taken = port(&station.board).taken();
    station.pre(2).expect("the next job");
    station.post(3).expect("the other lane");
    station.assert_all_free();
    (status, taken)
}

#[test]
fn each_fault_fails_its_own_job_only() {
    for (fault, status) in [
        ("slave_error:pre", JobStatus::DmaSlaveError),
        ("decode_error:pre", JobStatus::DmaDecodeError),
        ("stuck_tlast:pre", JobStatus::StreamMismatch),
        ("hung_kernel:pre", JobStatus::KernelHung),
    ] {
        assert_eq!(under(fault), (status, vec![fault.to_string()]), "{fault}");
    }
}

#[test]
fn a_lost_interrupt_is_found_and_told_once() {
    let mut station = Station::new(lockstep(4));
    station.join().expect("joins");
    port(&station.board).plant("lost_interrupt:pre").expect("a fault");
    station.pre(1).expect("found by the timed poll");
    let lost = FromPeer::Event(Event::LostInterrupt(Lane::Pre));
    let told = |message: &FromPeer| (*message == lost).then_some(());
    station.message(told).expect("told");
    station.pre(2).expect("the next job");
    station.ping().expect("answers");
    assert_eq!(station.events(), 0, "told twice");
}
