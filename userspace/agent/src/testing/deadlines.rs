//! A job past its deadline is answered at once, wherever it is, and its slots are not lost.

use super::*;
use crate::job::UnknownCode;

fn expect_late(rig: &mut Rig, ticket: Ticket<Box<Answer>>, turns: Turns, state: &str) {
    let mut ticket = Some(ticket);
    let mut answer = None;
    rig.until_with("the deadline passes", turns, |_| match ticket.take().map(Ticket::try_take) {
        Some(Ok(taken)) => {
            answer = taken.ok();
            true
        }
        Some(Err(back)) => {
            ticket = Some(back);
            false
        }
        None => true,
    });
    let answer = answer.expect(state);
    assert_eq!(answer.code, Some(UnknownCode::Late), "{state}");
    assert!(!answer.deadline_met, "{state}");
    assert_eq!(answer.verdict().result, Outcome::Unknown, "{state}");
    assert_eq!(answer.degraded.iter().collect::<Vec<_>>(), [Incident::Late], "{state}");
    rig.assert_incidents(&[Incident::Late]);
    assert_eq!(rig.count(Flow::Unknown), 1, "{state}");
}

#[test]
fn in_the_programmable_logic() {
    for script in [vec![Act::Sit], vec![Act::Work, Act::Sit]] {
        let mut rig = Rig::new();
        rig.peer.script.extend(&script);
        let ticket = rig.submit(1);
        expect_late(&mut rig, ticket, ALL, "pl");
        let audit = rig.machinery.data_plane.audit();
        let quarantined = audit.frame.quarantined + audit.heads.quarantined;
        assert_eq!(quarantined, 1, "{audit:?}");
        rig.peer.get_up();
        rig.assert_clean();
        assert_eq!(rig.count(Flow::StaleDone), 1);
        rig.assert_incidents(&[Incident::Late]);
    }
}

#[test]
fn on_the_engine_lane() {
    let mut rig = Rig::new();
    let ticket = rig.submit(1);
    expect_late(&mut rig, ticket, Turns { engine: false, ..ALL }, "main");
    let audit = rig.machinery.data_plane.audit();
    assert_eq!((audit.tensor.in_use, audit.heads.in_use), (1, 1), "{audit:?}");
    rig.assert_clean();
}

#[test]
fn on_the_cpu_lane() {
    for script in [1, 2] {
        let mut rig = Rig::new();
        let fail = Act::Fail(tandem_link::message::JobStatus::Late);
        rig.peer.script.extend(if script == 1 { vec![fail] } else { vec![Act::Work, fail] });
        let ticket = rig.submit(1);
        // Late is counted by the firmware's answer, and not again by the deadline.
        expect_late(&mut rig, ticket, Turns { cpu: false, ..ALL }, "cpu");
        rig.assert_clean();
        rig.assert_incidents(&[Incident::Late]);
    }
}

#[test]
fn while_waiting_for_a_turn() {
    let mut rig = Rig::new();
    // Two jobs keep the programmable logic busy; the third never gets there.
    rig.peer.script.extend([Act::Sit, Act::Sit]);
    let long = |rig: &Rig, seed| {
        let deadline = Some(rig.agent.now() + 4 * DEADLINE);
        rig.agent.submit(IngestedFrame { deadline, ..rig.frame(seed) }).unwrap()
    };
    let (first, second) = (long(&rig, 1), long(&rig, 2));
    rig.until("the peer sits", |rig| rig.peer.sat.len() == 2);
    let third = rig.submit(3);
    expect_late(&mut rig, third, ALL, "waiting");
    rig.peer.get_up();
    for ticket in [first, second] {
        assert_eq!(rig.answer(ticket).code, None);
    }
    rig.assert_clean();
}

#[test]
fn before_it_was_taken_in() {
    let mut rig = Rig::new();
    let deadline = Some(rig.agent.now());
    let ticket = rig.agent.submit(IngestedFrame { deadline, ..rig.frame(1) }).unwrap();
    expect_late(&mut rig, ticket, ALL, "submitted");
    rig.assert_clean();
}

#[test]
fn an_earlier_deadline_overtakes() {
    let mut rig = Rig::new();
    let submit = |rig: &Rig, seed, after| {
        let deadline = Some(rig.agent.now() + after);
        rig.agent.submit(IngestedFrame { deadline, ..rig.frame(seed) }).unwrap()
    };
    rig.peer.script.extend([Act::Sit, Act::Sit]);
    let busy = [submit(&rig, 1, 3 * DEADLINE), submit(&rig, 2, 3 * DEADLINE)];
    rig.until("the peer sits", |rig| rig.peer.sat.len() == 2);
    let later = submit(&rig, 3, 2 * DEADLINE);
    let sooner = submit(&rig, 4, DEADLINE);
    rig.turn(ALL);
    rig.peer.script.extend([Act::Work, Act::Sit]);
    // One of the two comes free: the job with the earlier deadline gets it.
    let (id, work) = rig.peer.sat.remove(0);
    let kept = std::mem::take(&mut rig.peer.sat);
    rig.peer.sat.push((id, work));
    rig.peer.get_up();
    rig.peer.sat = kept;
    let [first, second] = busy;
    rig.answer(first);
    assert_eq!(rig.answer(sooner).name, "frame-4");
    rig.peer.script.clear();
    rig.peer.get_up();
    for ticket in [second, later] {
        assert_eq!(rig.answer(ticket).code, None);
    }
    rig.assert_clean();
}

#[test]
fn runs_that_never_come_back_do_not_block_the_rest() {
    let reference = Rig::reference(3);
    let mut rig = Rig::new();
    rig.peer.script.extend([Act::Sit, Act::Sit]);
    for ticket in [rig.submit(1), rig.submit(2)] {
        assert_eq!(rig.answer(ticket).code, Some(UnknownCode::Late));
    }
    // The peer beats, and still has both: it is not given a third one to sit on.
    let answer = rig.inspect(3);
    assert_eq!(answer.detections, reference);
    assert_eq!(answer.degraded.iter().collect::<Vec<_>>(), [Incident::SlotsWithheld]);
    rig.peer.get_up();
    rig.turn(ALL);
    assert!(rig.inspect(3).degraded.is_empty());
    rig.assert_incidents(&[Incident::Late, Incident::Late]);
    rig.assert_clean();
}
