//! An operator holds the peer: what it has ends, what comes goes by the CPU, nobody restarts it.

use std::time::Duration;

use super::*;
use crate::counters::StageName;

const WITHIN: Duration = Duration::from_millis(100);

/// Holds the peer and waits for the word that it has nothing.
fn hold(rig: &mut Rig) -> bool {
    let ended = rig.agent.hold(WITHIN);
    taken(rig, ended)
}

fn taken(rig: &mut Rig, ended: Ticket<bool>) -> bool {
    let (mut ended, mut quiet) = (Some(ended), None);
    rig.until("the hold", |_| {
        match ended.take().expect("not taken yet").try_take() {
            Ok(value) => quiet = Some(value.expect("an answer")),
            Err(back) => ended = Some(back),
        }
        quiet.is_some()
    });
    quiet.expect("the loop ended by it")
}

#[test]
fn a_job_under_way_ends_where_it_is_and_the_next_goes_by_the_cpu() {
    let reference = Rig::reference(7);
    let mut rig = Rig::new();
    let no_peer = Turns { peer: false, ..ALL };
    let under_way = rig.submit(7);
    rig.turn(no_peer);
    let ended = rig.agent.hold(WITHIN);
    rig.turn(no_peer);
    let Err(ended) = ended.try_take() else { panic!("the peer has a job") };
    let after = rig.submit(7);
    assert!(taken(&mut rig, ended), "the peer gave everything back");
    assert_eq!(rig.peer_state(), PeerState::Held);
    let (under_way, after) = (rig.answer(under_way), rig.answer(after));
    assert_eq!((&under_way.detections, &after.detections), (&reference, &reference));
    assert_eq!(silicon(&under_way)[StageName::Pre as usize], Some(Silicon::Pl));
    assert_eq!(silicon(&after)[StageName::Pre as usize], Some(Silicon::Cpu));
    assert_eq!(after.degraded.iter().collect::<Vec<_>>(), [Incident::R5Held]);
    rig.agent.release();
    rig.until("the peer is up", |rig| rig.peer_state() == PeerState::Up);
    assert!(rig.inspect(1).degraded.is_empty());
    rig.assert_incidents(&[]);
    rig.assert_clean();
}

#[test]
fn a_peer_that_sits_on_its_job_loses_it_to_the_cpu() {
    let mut rig = Rig::new();
    rig.peer.script.push_back(Act::Sit);
    let sat = rig.submit(7);
    rig.until("the peer sits", |rig| rig.peer.sat.len() == 1);
    assert!(!hold(&mut rig), "a DMA may be under way");
    assert_eq!(rig.answer(sat).degraded.iter().collect::<Vec<_>>(), [Incident::R5Held]);
    rig.peer.start();
    rig.agent.release();
    rig.until("the peer is up", |rig| rig.peer_state() == PeerState::Up);
    rig.assert_incidents(&[]);
    rig.assert_clean();
}

#[test]
fn what_becomes_of_a_held_peer_is_nobodys_incident() {
    let mut rig = Rig::with(|config| config.health.auto_restart = true);
    let restarts = rig.board.core.restarts.load(std::sync::atomic::Ordering::Relaxed);
    assert!(hold(&mut rig));
    rig.peer.crash();
    for _ in 0..1000 {
        rig.turn(ALL);
    }
    assert_eq!(rig.peer_state(), PeerState::Held);
    rig.assert_incidents(&[]);
    // A new life is taken up, and still gets no job.
    rig.peer.start();
    rig.turn(ALL);
    assert_eq!(rig.inspect(1).degraded.iter().collect::<Vec<_>>(), [Incident::R5Held]);
    rig.peer.crash();
    rig.turn(ALL);
    for _ in 0..100 {
        rig.turn(ALL);
    }
    // Given back dead: it has its time, then it is restarted as ever.
    rig.agent.release();
    rig.until("a restart", |rig| {
        rig.board.core.restarts.load(std::sync::atomic::Ordering::Relaxed) > restarts
    });
    rig.until("the peer is up", |rig| rig.peer_state() == PeerState::Up);
    rig.assert_incidents(&[Incident::R5Absent]);
    rig.assert_clean();
}
