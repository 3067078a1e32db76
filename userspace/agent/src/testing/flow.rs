//! The healthy path: results, gate, tensor dump, policy swap, ping, mappings.

use tandem_link::message::{FromPeer, ToPeer};
use tandem_model::pre::{Tables, preprocess};

use super::*;
use crate::slots::entries;

#[test]
fn a_job_runs_through_all_silicon_and_leaves_nothing_behind() {
    let mut rig = Rig::new();
    let answer = rig.inspect(9);
    let (pl, cpu) = (Some(Silicon::Pl), Some(Silicon::Cpu));
    assert_eq!(silicon(&answer), [cpu, pl, cpu, pl, cpu]);
    assert!(answer.deadline_met && answer.code.is_none());
    let inside = |b: [f32; 4]| b[0] < b[2] && b[1] < b[3] && b[2] <= 48.0 && b[3] <= 32.0;
    assert!(!answer.detections.is_empty());
    assert!(answer.detections.iter().all(|found| inside(found.r#box)));
    assert!(answer.detections.is_sorted_by(|a, b| a.score >= b.score));

    let inspection = answer.into_inspection();
    assert_eq!(inspection.image, "frame-9");
    assert_eq!(inspection.size, [48, 32]);
    assert_eq!((inspection.model.as_str(), inspection.recipe.as_str()), ("fake/1", "default"));
    let stages: Vec<_> = inspection.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(stages, ["ingest", "pre", "main", "post", "verdict"]);

    rig.assert_clean();
    rig.assert_incidents(&[]);
    assert_eq!(rig.count(Flow::Passed), 1);
    assert_eq!(rig.count(Flow::EngineHeadsCopied), 128);
    assert_eq!(rig.count(Flow::EngineTensorCopied), 0);
    assert_eq!(rig.count(Flow::IngestBytesIn), 10);
    assert_eq!(rig.count(Flow::IngestBytesOut), FRAME.bytes() as u64);
    let stats = rig.agent.stats();
    assert_eq!((stats.total.count, stats.stages.len()), (1, 5));
}

#[test]
fn the_tensor_is_what_the_model_would_be_given() {
    let mut rig = Rig::new();
    let mut frame = rig.frame(5);
    let source = frame.slot.bytes_mut()[..FRAME.bytes()].to_vec();
    let params = rig.agent.policy().pre_params(FRAME).unwrap();
    let mut expected = vec![0; params.tensor_bytes()];
    preprocess(&params, &Tables::NONE, &source, &mut expected).unwrap();
    let ticket = rig.agent.tensor(frame).unwrap();
    assert_eq!(rig.answer(ticket).tensor, expected);
    assert_eq!((rig.count(Flow::TensorsDumped), rig.count(Flow::Passed)), (1, 0));
    rig.assert_clean();
}

#[test]
fn only_a_pass_takes_the_reject_back() {
    let mut rig = Rig::new();
    let part = GateTag { tag: 41, epoch: 6 };
    rig.peer.say(&FromPeer::Triggered { tag: 41, gate_epoch: 6, at: 1, due: 2 });
    rig.until("a trigger", |rig| rig.count(Flow::GateTriggered) == 1);
    assert_eq!(rig.agent.try_next_trigger().unwrap().tag, part);

    let strict = Arc::new(policy("strict", 99));
    let frame = IngestedFrame { tag: Some(part), policy: Some(strict), ..rig.frame(1) };
    let ticket = rig.agent.submit(frame).unwrap();
    let answer = rig.answer(ticket);
    assert_eq!((answer.record.outcome, answer.tag), (Outcome::Fail, Some(part)));
    rig.mood.set(Mood::FAILS);
    let ticket = rig.submit_part(1, part);
    assert_eq!(rig.answer(ticket).record.outcome, Outcome::Unknown);
    rig.turn(ALL);
    assert!(rig.peer.told.is_empty(), "{:?}", rig.peer.told);

    rig.mood.set(Mood::WELL);
    let ticket = rig.submit_part(1, part);
    assert_eq!(rig.answer(ticket).record.outcome, Outcome::Pass);
    rig.turn(ALL);
    assert_eq!(rig.peer.told, [ToPeer::CancelReject { tag: 41, gate_epoch: 6 }]);
    assert_eq!(rig.count(Flow::GateCancelSent), 1);
}

#[test]
fn triggers_that_nobody_collects_are_dropped_and_counted() {
    let mut rig = Rig::new();
    for tag in 0..40 {
        rig.peer.say(&FromPeer::Triggered { tag, gate_epoch: 1, at: 1, due: 2 });
        rig.turn(ALL);
    }
    assert_eq!(rig.count(Flow::GateTriggered), 40);
    assert_eq!(rig.count(Flow::GateTriggersDropped), 8);
    assert_eq!(rig.agent.try_next_trigger().unwrap().tag.tag, 8);
}

#[test]
fn the_gate_is_set_again_after_each_epoch() {
    let mut rig = Rig::with(|config| {
        config.health.auto_restart = false;
        config.gate = Some((5, 2));
    });
    let set = ToPeer::ConfigureGate { delay: 5, pulse: 2 };
    rig.until("the gate is set", |rig| rig.peer.told == [set.clone()]);
    rig.peer.crash();
    rig.until("the crash is seen", |rig| rig.peer_state() == PeerState::Down);
    rig.peer.start();
    rig.until("the gate is set again", |rig| rig.peer.told == [set.clone(), set.clone()]);
}

#[test]
fn a_job_keeps_the_policy_that_it_began_with() {
    let mut rig = Rig::new();
    let before = rig.submit(1);
    rig.agent.swap_policy(Arc::new(policy("strict", 99))).unwrap();
    let after = rig.submit(1);
    let (before, after) = (rig.answer(before), rig.answer(after));
    assert_eq!((before.record.outcome, after.record.outcome), (Outcome::Pass, Outcome::Fail));
    let names = [before, after].map(|answer| answer.into_inspection().recipe);
    assert_eq!(names, ["default", "strict"]);
    let mut wide = policy("wide", 0);
    wide.width = 64;
    assert!(rig.agent.swap_policy(Arc::new(wide)).is_err(), "another model than the engine's");
}

#[test]
fn a_ping_measures_the_round_trip_or_is_gone() {
    let mut rig = Rig::new();
    let ticket = rig.agent.ping();
    for _ in 0..3 {
        rig.turn(ALL);
    }
    assert_eq!(ticket.try_take().unwrap().unwrap(), MS);
    rig.peer.deaf = true;
    let mut ticket = Some(rig.agent.ping());
    rig.until("the ping is given up", |_| match ticket.take().unwrap().try_take() {
        Ok(taken) => taken.is_err(),
        Err(back) => {
            ticket = Some(back);
            false
        }
    });
}

#[test]
fn more_jobs_than_slots_wait_their_turn() {
    let mut rig = Rig::new();
    let mut tickets = Vec::new();
    for seed in 0..40 {
        rig.until("a free frame slot", |rig| {
            let Some(slot) = rig.agent.try_reserve_frame() else { return false };
            drop(slot);
            true
        });
        tickets.push(rig.submit(seed));
    }
    for ticket in tickets {
        assert_eq!(rig.answer(ticket).record.outcome, Outcome::Pass);
    }
    assert_eq!(rig.count(Flow::Fallbacks), 0);
    rig.assert_clean();
}

#[test]
fn a_frame_that_cannot_be_is_refused_and_its_slot_freed() {
    let mut rig = Rig::new();
    let mut frame = rig.frame(1);
    frame.frame.stride = 10;
    assert!(rig.agent.submit(frame).is_err());
    let mut frame = rig.frame(1);
    frame.frame.height = 4000;
    assert!(rig.agent.submit(frame).is_err());
    rig.assert_clean();
    assert_eq!(rig.count(Flow::Submitted), 0);
}

/// The data plane maps payload without any right; each view has what its part needs.
#[test]
fn payload_is_out_of_reach_of_the_data_plane() {
    let rig = Rig::new();
    let inode = rig.board.inode();
    let guard = rig.machinery.data_plane.guard().addresses();
    let mapped: Vec<_> = entries().unwrap().into_iter().filter(|e| e.inode == inode).collect();
    let payload = 16 * u64::from(board::SLOT);
    let mut guarded = 0;
    for entry in &mapped {
        let ours = guard
            .iter()
            .any(|range| range.start <= entry.addresses.start && entry.addresses.end <= range.end);
        assert_eq!(ours, entry.rights == "---s", "{entry:?}");
        if ours {
            guarded += entry.addresses.len() as u64;
        }
    }
    assert_eq!(guarded, payload, "frame, tensor and heads slots");
    // What may be touched at all: ingest writes frames; the engine reads tensors and writes heads;
    // the fallback reads frames and heads and writes tensors and results; results are read.
    let size = |rights: &str| -> u64 {
        let of = mapped.iter().filter(|entry| entry.rights == rights);
        of.map(|entry| entry.addresses.len() as u64).sum::<u64>() / u64::from(board::SLOT)
    };
    assert_eq!((size("rw-s"), size("r--s")), (4 + 6 + 6 + 16, 6 + 4 + 6 + 16));
}
