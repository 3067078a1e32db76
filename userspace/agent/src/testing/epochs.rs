//! The peer freezes, dies, comes back: jobs go on, slots come back, nobody restarts the agent.

use std::sync::atomic::Ordering;

use super::*;

/// Where in its life a job is when the peer fails.
const STATES: [&str; 5] = ["ingested", "pre", "main", "inferred", "post"];

/// A rig with one job stopped at a state, and the turns that keep it there.
fn stopped_at(state: &str, rig: &mut Rig) -> (Ticket<Box<Answer>>, Turns) {
    let no_engine = Turns { engine: false, ..ALL };
    match state {
        "ingested" => (rig.submit(7), ALL),
        "pre" => {
            rig.peer.script.push_back(Act::Sit);
            let ticket = rig.submit(7);
            rig.until("the peer sits", |rig| rig.peer.sat.len() == 1);
            (ticket, ALL)
        }
        "main" => {
            let ticket = rig.submit(7);
            for _ in 0..5 {
                rig.turn(no_engine);
            }
            (ticket, no_engine)
        }
        "inferred" => {
            let ticket = rig.submit(7);
            for _ in 0..5 {
                rig.turn(no_engine);
            }
            assert!(rig.machinery.engines[0].poll());
            (ticket, ALL)
        }
        "post" => {
            rig.peer.script.extend([Act::Work, Act::Sit]);
            let ticket = rig.submit(7);
            rig.until("the peer sits", |rig| rig.peer.sat.len() == 1);
            (ticket, ALL)
        }
        other => panic!("{other}"),
    }
}

fn down(rig: &mut Rig, turns: Turns) {
    rig.until_with("the outage is seen", turns, |rig| rig.peer_state() == PeerState::Down);
}

#[test]
fn a_crash_at_any_state_costs_speed_only() {
    let reference = Rig::reference(7);
    for state in STATES {
        let mut rig = Rig::new();
        let (ticket, turns) = stopped_at(state, &mut rig);
        rig.peer.crash();
        down(&mut rig, turns);
        let answer = rig.answer(ticket);
        assert_eq!(answer.detections, reference, "{state}");
        assert_eq!(answer.degraded.iter().collect::<Vec<_>>(), [Incident::R5Dead], "{state}");
        rig.assert_incidents(&[Incident::R5Dead]);
        rig.peer.start();
        rig.until("the peer is back", |rig| rig.peer_state() == PeerState::Up);
        assert!(rig.inspect(1).degraded.is_empty());
        rig.assert_incidents(&[Incident::R5Dead]);
        rig.assert_clean();
    }
}

#[test]
fn a_new_epoch_out_of_the_blue_is_one_death() {
    let reference = Rig::reference(7);
    for state in ["pre", "main", "post"] {
        let mut rig = Rig::new();
        let (ticket, _) = stopped_at(state, &mut rig);
        rig.peer.start();
        let answer = rig.answer(ticket);
        assert_eq!(answer.detections, reference, "{state}");
        let degraded: Vec<_> = answer.degraded.iter().collect();
        let expected: &[_] = if state == "main" { &[] } else { &[Incident::R5Dead] };
        assert_eq!(degraded, expected, "{state}");
        rig.assert_incidents(&[Incident::R5Dead]);
        rig.assert_clean();
    }
}

#[test]
fn a_freeze_at_any_state_is_one_incident_and_a_restart_heals_it() {
    let reference = Rig::reference(7);
    for state in STATES {
        let mut rig = Rig::with(|config| config.health.auto_restart = true);
        let restarts = rig.board.core.restarts.load(Ordering::Relaxed);
        let (ticket, turns) = stopped_at(state, &mut rig);
        rig.peer.frozen = true;
        let still = Turns { supervisor: false, ..turns };
        down(&mut rig, still);
        rig.assert_incidents(&[Incident::R5Frozen]);
        let answer = rig.answer(ticket);
        assert_eq!(answer.detections, reference, "{state}");
        assert_eq!(answer.degraded.iter().collect::<Vec<_>>(), [Incident::R5Frozen], "{state}");
        rig.until("the peer is back", |rig| rig.peer_state() == PeerState::Up);
        assert_eq!(rig.board.core.restarts.load(Ordering::Relaxed), restarts + 1);
        let after = rig.inspect(1);
        assert!(after.degraded.is_empty());
        assert_eq!(silicon(&after)[1], Some(Silicon::Pl));
        rig.assert_incidents(&[Incident::R5Frozen]);
        rig.assert_clean();
    }
}

#[test]
fn slots_of_a_hung_peer_are_not_reused_before_it_gives_them_back() {
    let mut rig = Rig::new();
    let (ticket, turns) = stopped_at("pre", &mut rig);
    rig.peer.frozen = true;
    down(&mut rig, turns);
    rig.answer(ticket);
    let audit = rig.machinery.data_plane.audit();
    assert_eq!((audit.frame.quarantined, audit.tensor.quarantined), (1, 1), "{audit:?}");
    // There is enough left to go on.
    for seed in 0..12 {
        assert_eq!(rig.inspect(seed).degraded.iter().collect::<Vec<_>>(), [Incident::R5Frozen]);
    }
    // It thaws and finishes its old job: the slots are back, the answer is stale, and it is well.
    rig.peer.frozen = false;
    rig.peer.get_up();
    rig.until("it is up again", |rig| rig.peer_state() == PeerState::Up);
    assert_eq!(rig.count(Flow::StaleDone), 1);
    assert!(rig.inspect(1).degraded.is_empty());
    rig.assert_incidents(&[Incident::R5Frozen]);
    rig.assert_clean();
}

#[test]
fn without_a_peer_everything_runs_on_the_cpu() {
    let reference = Rig::reference(5);
    let mut rig = Rig::absent(|config| config.health.auto_restart = false);
    let answer = rig.inspect(5);
    assert_eq!(answer.detections, reference);
    assert_eq!(answer.degraded.iter().collect::<Vec<_>>(), [Incident::R5Absent]);
    rig.until("it is given up", |rig| rig.peer_state() == PeerState::Down);
    rig.assert_incidents(&[Incident::R5Absent]);
    rig.peer.start();
    rig.until("it came late", |rig| rig.peer_state() == PeerState::Up);
    assert!(rig.inspect(5).degraded.is_empty());
    rig.assert_clean();
}

#[test]
fn a_restart_that_fails_is_counted_and_tried_again() {
    let mut rig = Rig::with(|config| config.health.auto_restart = true);
    rig.board.core.unwilling.store(true, Ordering::Relaxed);
    rig.peer.crash();
    let seen = |rig: &mut Rig| rig.agent.counters().incidents(Incident::R5RestartFailed);
    let board = rig.board.clone();
    // The rig starts a new life after each restart; this core does not want one.
    let no_supervisor = Turns { supervisor: false, ..ALL };
    rig.until_with("the failure is seen", no_supervisor, |rig| {
        let _ = rig.machinery.supervisor.poll();
        seen(rig) == 1
    });
    board.core.unwilling.store(false, Ordering::Relaxed);
    rig.until("it is up again", |rig| rig.peer_state() == PeerState::Up);
    rig.assert_incidents(&[Incident::R5Dead, Incident::R5RestartFailed]);
    rig.assert_clean();
}

#[test]
fn an_operators_restart_is_no_incident() {
    let mut rig = Rig::with(|config| config.health.auto_restart = true);
    let (ticket, _) = stopped_at("pre", &mut rig);
    assert!(rig.agent.restart_core());
    let answer = rig.answer(ticket);
    assert!(!answer.degraded.is_empty());
    rig.until("it is up again", |rig| rig.peer_state() == PeerState::Up);
    rig.assert_incidents(&[]);
    assert_eq!(rig.count(Flow::R5Restarts), 1);
    rig.assert_clean();
}
