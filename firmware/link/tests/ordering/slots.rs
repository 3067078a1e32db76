//! A payload changes hands by its slot's words alone, and never has two owners.

use std::sync::Arc;

use loom::thread;
use tandem_link::{
    SlotClass,
    job::Rest,
    layout::{agent, peer, slot},
    message::{FromPeer, JobId, JobStatus, SlotRef, Stamps, ToPeer, Work},
    peer::{LinkPeer, Received},
    slot::Owned,
};
use tandem_model::pre::{Frame, Layout, PreParams};

use crate::{
    link::{Master, Peer, block, pair},
    memory::{LoomMemory, Plain, Weak, explore},
};

const GRANT: u32 = slot::word(0, slot::GRANT);
const RETURN: u32 = slot::returned(0);
/// What a first grant of the first slot is called.
const FIRST: SlotRef = SlotRef { index: 0, generation: 1 };

/// How the agent gets a slot back.
#[derive(Clone, Copy)]
enum Back {
    /// By its token.
    Reclaimed,
    /// By the table, after the token was dropped.
    Swept,
}

fn take(master: &Master, class: SlotClass) -> Option<Owned> {
    master.slots().take(class)
}

/// The peer uses the slot as soon as the slot words allow it, and returns it.
fn serve(peer: &mut LinkPeer<LoomMemory>, payload: &Plain) -> bool {
    let granted = peer.slot(FIRST).is_ok();
    if granted {
        assert_eq!(payload.get(), 5);
        payload.set(6);
        peer.release(FIRST).expect("granted");
    }
    granted
}

/// Out and back again, with no message: the slot's own words must order the payload.
fn changes_hands(back: Back, weak: Weak) {
    explore(4, move || {
        let mem = block(weak);
        let (master, mut peer) = pair(&mem);
        let payload = Arc::new(Plain::new(0));
        let other = thread::spawn({
            let payload = payload.clone();
            move || {
                let served = serve(&mut peer, &payload);
                (peer, served)
            }
        });
        payload.set(5);
        let granted = master.slots().grant(take(&master, SlotClass::Frame).expect("free"));
        assert_eq!(granted.slot_ref(), FIRST);
        let check = |owned: Owned| {
            assert_eq!(payload.get(), 6, "it came back before the peer was done");
            payload.set(7);
            drop(owned);
        };
        let again = |owned: Option<Owned>| owned.map(check).is_some();
        let (early, left) = match back {
            Back::Reclaimed => match granted.try_reclaim(master.slots()) {
                Ok(owned) => (again(Some(owned)), None),
                Err(granted) => (false, Some(granted)),
            },
            Back::Swept => {
                drop(granted);
                (again(take(&master, SlotClass::Frame)), None)
            }
        };
        let (mut peer, served) = other.join().expect("peer ends");
        if !served {
            assert!(!early && serve(&mut peer, &payload), "the grant was lost");
        }
        if !early {
            let owned = match left {
                Some(granted) => granted.try_reclaim(master.slots()).ok(),
                None => take(&master, SlotClass::Frame),
            };
            assert!(again(owned), "the slot was lost");
        }
    });
}

#[test]
fn a_payload_changes_hands_by_its_slot_words() {
    changes_hands(Back::Reclaimed, Weak::NONE);
}

#[test]
fn a_dropped_grant_comes_back_by_its_return_word() {
    changes_hands(Back::Swept, Weak::NONE);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_grant_stored_relaxed_is_caught() {
    changes_hands(Back::Reclaimed, Weak::stores(&[GRANT]));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_grant_loaded_relaxed_is_caught() {
    changes_hands(Back::Reclaimed, Weak::loads(&[GRANT]));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_return_stored_relaxed_is_caught() {
    changes_hands(Back::Reclaimed, Weak::stores(&[RETURN]));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_return_loaded_relaxed_is_caught() {
    changes_hands(Back::Reclaimed, Weak::loads(&[RETURN]));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_swept_return_stored_relaxed_is_caught() {
    changes_hands(Back::Swept, Weak::stores(&[RETURN]));
}

/// Takes a job if one is there: its id and slots. It is recognised in the ring if that can be.
fn job(peer: &mut Peer, known: Option<Rest>) -> Option<(JobId, [SlotRef; 2])> {
    let Some(known) = known else {
        let message = peer.receive()?;
        let Ok(ToPeer::Job { id, work: Work::Pre(job), .. }) = message else {
            panic!("{message:?}")
        };
        return Some((id, [job.frame, job.tensor]));
    };
    let received = peer.receive_job(|_, rest| rest.is(&known).then_some(()))?;
    let Ok(Received::Job(head, ())) = received else { panic!("{received:?}") };
    Some((head.id, [head.input, head.output]))
}

/// The peer takes a job if one is there, works on both payloads, returns them, and says so.
fn work(peer: &mut Peer, payloads: &[Plain; 2], known: Option<Rest>) -> bool {
    let Some((id, slots)) = job(peer, known) else { return false };
    for (slot, payload) in slots.into_iter().zip(payloads) {
        peer.slot(slot).expect("a job names slots that are granted");
        payload.set(payload.get() + 1);
        peer.release(slot).expect("granted");
    }
    let (status, stamps) = (JobStatus::Ok, Stamps::default());
    peer.send(&FromPeer::Done { id, status, stamps, written: 0 }).expect("room");
    true
}

/// A job goes out and is answered: once the answer is here, so are both slots. The peer may know the
/// job's parameters.
fn job_round_trip(weak: Weak, known: bool) {
    let picture = Frame::rgb8(4, 4);
    let params =
        PreParams::letterbox(picture, picture.full(), 8, 8, [0; 3], Layout::Planar).unwrap();
    let mut bytes = [0; Rest::ROOM];
    let bytes = postcard::to_slice(&params, &mut bytes).expect("fits");
    let known = known.then(|| Rest::of(bytes).expect("fits"));
    explore(4, move || {
        let mem = block(weak);
        let (mut master, mut peer) = pair(&mem);
        let payloads = Arc::new([Plain::new(0), Plain::new(0)]);
        let other = thread::spawn({
            let payloads = payloads.clone();
            move || {
                let worked = work(&mut peer, &payloads, known);
                (peer, worked)
            }
        });
        let frame = take(&master, SlotClass::Frame).expect("free");
        let tensor = take(&master, SlotClass::Tensor).expect("free");
        payloads.iter().for_each(|payload| payload.set(5));
        let (frame, tensor) = master.submit_pre(3, 0, frame, tensor, params.clone()).expect("room");
        let mut answer = master.receive();
        let (mut peer, worked) = other.join().expect("peer ends");
        if !worked {
            assert!(work(&mut peer, &payloads, known), "the job was lost");
        }
        answer = answer.or_else(|| master.receive());
        assert!(matches!(answer, Some(Ok(FromPeer::Done { id: 3, .. }))), "{answer:?}");
        for (granted, payload) in [frame, tensor].into_iter().zip(payloads.iter()) {
            granted.try_reclaim(master.slots()).expect("returned before the answer");
            assert_eq!(payload.get(), 6);
        }
    });
}

#[test]
fn a_job_and_its_answer_carry_both_slots() {
    job_round_trip(Weak::NONE, false);
}

#[test]
fn a_job_that_is_recognised_in_the_ring_carries_both_slots() {
    job_round_trip(Weak::NONE, true);
}

#[test]
#[should_panic]
fn a_job_to_be_recognised_behind_a_head_stored_relaxed_is_caught() {
    job_round_trip(Weak::stores(&[agent::TO_PEER_HEAD]), true);
}

#[test]
#[should_panic]
fn a_job_to_be_recognised_behind_a_head_loaded_relaxed_is_caught() {
    job_round_trip(Weak::loads(&[agent::TO_PEER_HEAD]), true);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_job_behind_a_head_stored_relaxed_is_caught() {
    job_round_trip(Weak::stores(&[agent::TO_PEER_HEAD]), false);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn an_answer_behind_a_head_stored_relaxed_is_caught() {
    job_round_trip(Weak::stores(&[peer::FROM_PEER_HEAD]), false);
}
