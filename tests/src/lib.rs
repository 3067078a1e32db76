//! Whole-system tests and benchmarks: what the tests of this folder share.

pub mod bad_images;
pub mod belt;
pub mod chaos;
pub mod dice;
pub mod heap;
pub mod lockstep;
pub mod moody;
pub mod object;
pub mod picture;
pub mod programs;
pub mod r5f;
pub mod repository;
pub mod small;
pub mod threaded;
pub mod trace;

use std::collections::BTreeMap;

use tandem_agent::agent::Agent;
use tandem_agent::counters::{Flow, Incident};

/// A millisecond of any board's clock.
pub const MS: u64 = 1_000_000;

/// Incidents of an agent that were counted at least once.
pub fn incidents(agent: &Agent) -> BTreeMap<&'static str, u64> {
    let all = Incident::ALL.iter().map(|&i| (i.name(), agent.counters().incidents(i)));
    all.filter(|(_, count)| *count > 0).collect()
}

/// The incident that a hardware fault must be counted as.
pub fn incident_of(fault: &str) -> &'static str {
    match fault.split(':').next() {
        Some("lost_interrupt") => "lost_interrupt",
        Some("slave_error") => "dma_slave_error",
        Some("decode_error") => "dma_decode_error",
        Some("stuck_tlast") => "stream_mismatch",
        Some("hung_kernel") => "kernel_hung",
        Some("flipped_descriptor_bit") => "descriptor_corrupt",
        _ => panic!("{fault} is a fault of which nobody knows the incident"),
    }
}

/// Every job that was taken in was answered, each exactly once.
pub fn assert_answered_once(agent: &Agent, jobs: u64) {
    let flow = |flow: Flow| agent.counters().flows(flow);
    assert_eq!((flow(Flow::Submitted), flow(Flow::Answered)), (jobs, jobs));
    let verdicts = [Flow::Passed, Flow::Failed, Flow::Unknown, Flow::TensorsDumped].map(flow);
    assert_eq!(
        verdicts.iter().sum::<u64>(),
        jobs,
        "passed, failed, unknown, tensors: {verdicts:?}"
    );
}
