//! Engines that may be lost, and one that stands by.

use super::*;
use crate::job::UnknownCode;

/// A peer that is up, workers, and perhaps an engine that stands by; each with its mood.
fn rig<const N: usize>(spare: bool) -> (Rig, [Mood; N], Mood) {
    let moods: [Mood; N] = std::array::from_fn(|_| Mood::default());
    let stands_by = Mood::default();
    let engines = Engines {
        main: moods.iter().map(FakeEngine::remote).collect(),
        spare: spare.then(|| FakeEngine::local(&stands_by)),
    };
    let mut rig = Rig::on(|config| config.health.auto_restart = false, moods[0].clone(), engines);
    rig.peer.start();
    rig.until("the peer is up", |rig| rig.peer_state() == PeerState::Up);
    (rig, moods, stands_by)
}

/// Inspects, compares with a flawless run, and says what degraded it.
#[track_caller]
fn good(rig: &mut Rig, seed: u8) -> Vec<Incident> {
    let answer = rig.inspect(seed);
    assert_eq!((answer.code, answer.deadline_met), (None, true), "{:?}", answer.detail);
    assert_eq!(answer.detections, Rig::reference(seed));
    answer.degraded.iter().collect()
}

#[test]
fn while_a_worker_is_lost_the_other_engine_answers_and_one_incident_says_so() {
    let (mut rig, [worker], _) = rig(true);
    assert_eq!(good(&mut rig, 1), []);
    let [out, back] = [Flow::WorkerBytesOut, Flow::WorkerBytesIn].map(|flow| rig.count(flow));
    assert_eq!((out, back), (3 * u64::from(SIDE) * u64::from(SIDE), 128));
    worker.set(Mood::DROPS);
    for seed in 1..4 {
        assert_eq!(good(&mut rig, seed), [Incident::WorkerLost]);
    }
    rig.assert_incidents(&[Incident::WorkerLost]);
    assert_eq!(rig.count(Flow::Fallbacks), 3);
    worker.set(Mood::WELL);
    rig.turn(ALL);
    assert_eq!(good(&mut rig, 4), []);
    assert_eq!(rig.count(Flow::Fallbacks), 3);
    worker.set(Mood::LOST);
    assert_eq!(good(&mut rig, 5), [Incident::WorkerLost]);
    rig.assert_incidents(&[Incident::WorkerLost, Incident::WorkerLost]);
    rig.assert_clean();
}

#[test]
fn a_loss_between_two_jobs_is_seen_and_costs_the_next_job_nothing() {
    let (mut rig, [worker], _) = rig(true);
    worker.set(Mood::LOST);
    rig.turn(ALL);
    rig.assert_incidents(&[Incident::WorkerLost]);
    assert_eq!(good(&mut rig, 1), [Incident::WorkerLost]);
    rig.assert_incidents(&[Incident::WorkerLost]);
    rig.assert_clean();
}

#[test]
fn without_another_engine_a_lost_worker_is_an_unknown_verdict() {
    let (mut rig, [worker], _) = rig(false);
    worker.set(Mood::LOST);
    for seed in 1..4 {
        let answer = rig.inspect(seed);
        assert_eq!(answer.code, Some(UnknownCode::EngineFailed));
        assert_eq!(answer.detail.as_deref(), Some("w: planted"));
        assert_eq!(answer.degraded.iter().collect::<Vec<_>>(), [Incident::WorkerLost]);
    }
    rig.assert_incidents(&[Incident::WorkerLost]);
    worker.set(Mood::WELL);
    rig.turn(ALL);
    assert_eq!(good(&mut rig, 4), []);
    rig.assert_clean();
}

#[test]
fn of_two_workers_the_one_that_is_left_answers() {
    let (mut rig, [first, second], _) = rig(false);
    first.set(Mood::DROPS);
    assert_eq!(good(&mut rig, 1), [Incident::WorkerLost]);
    for seed in 2..5 {
        assert_eq!(good(&mut rig, seed), [], "nothing is sent to the lost one");
    }
    rig.assert_incidents(&[Incident::WorkerLost]);
    second.set(Mood::DROPS);
    assert_eq!(rig.inspect(5).code, Some(UnknownCode::EngineFailed));
    rig.assert_incidents(&[Incident::WorkerLost, Incident::WorkerLost]);
    rig.assert_clean();
}

#[test]
fn what_a_workers_runtime_cannot_run_the_other_engine_does() {
    let (mut rig, [worker], spare) = rig(true);
    worker.set(Mood::FAILS);
    assert_eq!(good(&mut rig, 1), [Incident::EngineFailed]);
    rig.assert_incidents(&[Incident::EngineFailed]);
    spare.set(Mood::FAILS);
    let answer = rig.inspect(2);
    assert_eq!(answer.code, Some(UnknownCode::EngineFailed));
    // Two engines failed at it.
    rig.assert_incidents(&[Incident::EngineFailed; 3]);
    rig.assert_clean();
}

#[test]
fn a_worker_that_is_too_slow_is_late_and_nothing_else() {
    let (mut rig, [worker], _) = rig(true);
    worker.set(Mood::LATE);
    let answer = rig.inspect(1);
    assert_eq!((answer.code, answer.deadline_met), (Some(UnknownCode::Late), false));
    rig.assert_incidents(&[Incident::Late]);
    rig.assert_clean();
}
