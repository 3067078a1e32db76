//! One fault, one incident, and the same result through the fallback.

use tandem_link::message::JobStatus;

use super::*;
use crate::job::UnknownCode;

const STATUSES: [JobStatus; 9] = [
    JobStatus::Late,
    JobStatus::DmaSlaveError,
    JobStatus::DmaDecodeError,
    JobStatus::StreamMismatch,
    JobStatus::KernelHung,
    JobStatus::DescriptorCorrupt,
    JobStatus::KernelRefused,
    JobStatus::BadJob,
    JobStatus::DmaInternalError,
];

/// Runs one job with a script and checks what every such job has in common.
fn degraded_run(script: &[Act], incident: Incident, expected: [Silicon; 2]) -> Rig {
    let reference = Rig::reference(3);
    assert!(!reference.is_empty(), "a frame without objects proves nothing");
    let mut rig = Rig::new();
    rig.peer.script.extend(script);
    let answer = rig.inspect(3);
    assert_eq!(answer.detections, reference, "{script:?}");
    assert_eq!(answer.record.outcome, Outcome::Pass);
    assert_eq!(answer.degraded.iter().collect::<Vec<_>>(), [incident], "{script:?}");
    let [_, pre, _, post, _] = silicon(&answer)[..] else { panic!("five stages") };
    assert_eq!([pre, post], expected.map(Some), "{script:?}");
    rig.assert_incidents(&[incident]);
    rig
}

#[test]
fn every_status_of_pre_falls_back_with_the_same_result() {
    for status in STATUSES {
        let incident = Incident::of_status(status).unwrap();
        let mut rig = degraded_run(&[Act::Fail(status)], incident, [Silicon::Cpu, Silicon::Pl]);
        assert_eq!(rig.count(Flow::Fallbacks), 1);
        rig.assert_clean();
    }
}

#[test]
fn every_status_of_post_falls_back_with_the_same_result() {
    for status in STATUSES {
        let incident = Incident::of_status(status).unwrap();
        let script = [Act::Work, Act::Fail(status)];
        let mut rig = degraded_run(&script, incident, [Silicon::Pl, Silicon::Cpu]);
        rig.assert_clean();
    }
}

#[test]
fn a_fault_does_not_outlive_its_job() {
    let mut rig = Rig::new();
    rig.peer.script.push_back(Act::Fail(JobStatus::KernelHung));
    rig.inspect(1);
    let answer = rig.inspect(2);
    assert!(answer.degraded.is_empty());
    assert_eq!(silicon(&answer)[1], Some(Silicon::Pl));
    rig.assert_incidents(&[Incident::KernelHung]);
    rig.assert_clean();
}

#[test]
fn a_lost_interrupt_is_counted_and_degrades_nothing() {
    let mut rig = Rig::new();
    rig.peer.script.push_back(Act::LoseInterrupt);
    let answer = rig.inspect(1);
    assert!(answer.degraded.is_empty());
    rig.assert_incidents(&[Incident::LostInterrupt]);
    rig.assert_clean();
}

#[test]
fn a_lost_answer_is_found_by_the_returned_slots() {
    for (script, sites) in [
        (vec![Act::NoWord], [Silicon::Cpu, Silicon::Pl]),
        (vec![Act::Work, Act::NoWord], [Silicon::Pl, Silicon::Cpu]),
    ] {
        degraded_run(&script, Incident::AnswerLost, sites).assert_clean();
    }
}

#[test]
fn a_garbled_answer_is_one_incident() {
    let script = [Act::Garble];
    let sites = [Silicon::Cpu, Silicon::Pl];
    degraded_run(&script, Incident::BadMessage, sites).assert_clean();
}

#[test]
fn an_impossible_result_is_made_again() {
    let script = [Act::Work, Act::Corrupt];
    let sites = [Silicon::Pl, Silicon::Cpu];
    degraded_run(&script, Incident::ResultCorrupt, sites).assert_clean();
}

#[test]
fn a_wrong_length_is_a_stream_mismatch() {
    let sites = [Silicon::Cpu, Silicon::Pl];
    degraded_run(&[Act::Miscount], Incident::StreamMismatch, sites).assert_clean();
}

#[test]
fn withheld_slots_stay_in_quarantine_until_the_next_epoch() {
    let sites = [Silicon::Cpu, Silicon::Pl];
    let mut rig = degraded_run(&[Act::Withhold], Incident::SlotsWithheld, sites);
    for _ in 0..10 {
        rig.turn(ALL);
    }
    let audit = rig.machinery.data_plane.audit();
    assert_eq!((audit.frame.quarantined, audit.tensor.quarantined), (1, 1), "{audit:?}");
    assert_eq!((audit.frame.in_use, audit.tensor.in_use), (0, 0), "{audit:?}");
    rig.peer.crash();
    rig.until("the crash is seen", |rig| rig.peer_state() == PeerState::Down);
    rig.peer.start();
    rig.assert_clean();
}

#[test]
fn a_full_ring_is_one_incident_and_the_cpu_takes_over() {
    let reference = Rig::reference(4);
    let mut rig = Rig::new();
    rig.peer.deaf = true;
    // Gate settings fill the ring: 64 entries.
    for i in 0..80u64 {
        assert!(rig.agent.configure_gate(i, 1));
        rig.machinery.data_plane.poll(rig.agent.now());
    }
    rig.assert_incidents(&[Incident::RingFull]);
    for _ in 0..3 {
        let answer = rig.inspect(4);
        assert_eq!(answer.detections, reference);
        assert_eq!(answer.degraded.iter().collect::<Vec<_>>(), [Incident::RingFull]);
    }
    rig.assert_incidents(&[Incident::RingFull]);
    rig.peer.deaf = false;
    rig.turn(ALL);
    assert!(rig.inspect(4).degraded.is_empty());
    rig.assert_incidents(&[Incident::RingFull]);
    rig.assert_clean();
}

#[test]
fn a_failing_engine_is_an_unknown_verdict_with_a_code() {
    for (mood, code, incident) in [
        (Mood::FAILS, UnknownCode::EngineFailed, Incident::EngineFailed),
        (Mood::PANICS, UnknownCode::EngineFailed, Incident::EngineFailed),
        (Mood::NAN, UnknownCode::EngineNotFinite, Incident::EngineNotFinite),
    ] {
        let mut rig = Rig::new();
        rig.mood.set(mood);
        let answer = rig.inspect(1);
        assert_eq!(answer.code, Some(code));
        assert_eq!(answer.verdict().result, Outcome::Unknown);
        assert!(answer.deadline_met);
        assert!(answer.detections.is_empty());
        rig.assert_incidents(&[incident]);
        rig.assert_clean();
        rig.mood.set(Mood::WELL);
        assert_eq!(rig.inspect(1).code, None);
    }
}

#[test]
fn what_no_silicon_can_do_is_refused_once() {
    let mut bad = policy("bad", 0);
    bad.post.head_count = 0;
    let bad = Arc::new(bad);
    let mut rig = Rig::new();
    let frame = IngestedFrame { policy: Some(bad.clone()), ..rig.frame(1) };
    rig.peer.script.extend([Act::Work, Act::Fail(JobStatus::KernelRefused)]);
    let ticket = rig.agent.submit(frame).unwrap();
    let answer = rig.answer(ticket);
    assert_eq!(answer.code, Some(UnknownCode::Refused));
    assert!(answer.verdict().reason.contains("head_count"), "{:?}", answer.verdict());
    rig.assert_incidents(&[Incident::KernelRefused]);
    rig.assert_clean();

    rig.peer.crash();
    rig.until("the crash is seen", |rig| rig.peer_state() == PeerState::Down);
    let frame = IngestedFrame { policy: Some(bad), ..rig.frame(1) };
    let ticket = rig.agent.submit(frame).unwrap();
    assert_eq!(rig.answer(ticket).code, Some(UnknownCode::Refused));
    rig.assert_incidents(&[Incident::KernelRefused, Incident::R5Dead, Incident::CpuRefused]);
    rig.assert_clean();
}

#[test]
fn a_result_of_another_length_is_not_read_over_an_older_one() {
    let mut rig = Rig::new();
    rig.inspect(2);
    rig.peer.script.extend([Act::Work, Act::Miscount]);
    let answer = rig.inspect(1);
    assert_eq!(answer.detections, Rig::reference(1));
    rig.assert_incidents(&[Incident::ResultCorrupt]);
    rig.assert_clean();
}

#[test]
fn a_limit_on_detections_makes_no_part_good() {
    let mut narrow = policy("narrow", 1);
    narrow.post.max_detections = 1;
    let narrow = Arc::new(narrow);
    let mut rig = Rig::new();
    let seed = (1..=50).find(|seed| Rig::reference(*seed).len() > 1).expect("two objects");
    let ticket = rig.agent.submit(IngestedFrame { policy: Some(narrow), ..rig.frame(seed) });
    let answer = rig.answer(ticket.unwrap());
    assert_eq!((answer.detections.len(), answer.code), (1, Some(UnknownCode::DetectionsCut)));
    assert_eq!(
        answer.into_inspection().error.map(|error| error.field),
        Some("max_detections".into())
    );
    rig.assert_incidents(&[]);
    rig.assert_clean();
}
