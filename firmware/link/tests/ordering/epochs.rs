//! Either side dies and comes back beside the other one at work.

use std::sync::Arc;

use loom::thread;
use tandem_link::{
    LinkError, SlotClass,
    layout::{agent, peer},
    message::{FromPeer, SlotRef, ToPeer},
    peer::LinkPeer,
};

use crate::{
    link::{AGENT, Master, PEER, Peer, block, master, pair, ping, pong},
    memory::{LoomMemory, Plain, Side, Weak, explore},
};

/// The dead life's hardware stops before the next life announces itself; only then is the payload
/// the agent's again.
fn slots_of_the_dead_are_reclaimed(weak: Weak) {
    explore(4, move || {
        let mem = block(weak);
        let (mut master, dead) = pair(&mem);
        let payload = Arc::new(Plain::new(0));
        let granted = master.slots().grant(master.slots().take(SlotClass::Frame).expect("free"));
        let other = thread::spawn({
            let (mem, payload) = (mem.of(Side::Peer), payload.clone());
            move || {
                payload.set(1); // DMA of the dead life, and its end
                drop(dead);
                LinkPeer::attach(mem).expect("formatted").announce(0);
            }
        });
        let granted = match master.poll_epoch() {
            Some(change) => {
                assert_eq!((change.previous, change.current), (PEER, PEER + 1));
                let owned = master.slots().reclaim_after_epoch(granted).expect("earlier life's");
                payload.set(2);
                drop(owned);
                None
            }
            None => Some(master.slots().reclaim_after_epoch(granted).expect_err("in use")),
        };
        other.join().expect("peer ends");
        if let Some(granted) = granted {
            assert!(master.poll_epoch().is_some(), "the announcement was lost");
            master.slots().reclaim_after_epoch(granted).expect("earlier life's");
            payload.set(2);
        }
    });
}

#[test]
fn slots_come_back_when_the_hardware_of_the_dead_life_stands_still() {
    slots_of_the_dead_are_reclaimed(Weak::NONE);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_peer_epoch_stored_relaxed_is_caught() {
    slots_of_the_dead_are_reclaimed(Weak::stores(&[peer::EPOCH]));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_peer_epoch_loaded_relaxed_is_caught() {
    slots_of_the_dead_are_reclaimed(Weak::loads(&[peer::EPOCH]));
}

/// First numbers of the messages that belong to the second session.
const PINGS: u32 = 20;
const PONGS: u32 = 40;

/// What the peer's new life takes until the ring is empty.
fn listen(peer: &mut Peer, heard: &mut Vec<ToPeer>) {
    while let Some(message) = peer.receive() {
        heard.push(message.expect("a whole message"));
    }
}

/// The agent's turn: accept, then send two messages, for which a new session has room at once.
fn accept_and_fill(master: &mut Master) -> bool {
    let accepted = master.poll_epoch().is_some();
    if accepted {
        for number in PINGS..PINGS + 2 {
            assert_eq!(master.send(&ping(number)), Ok(()), "a new session has an empty ring");
        }
        match master.receive() {
            None => {}
            answer => assert_eq!(answer, Some(Ok(pong(PONGS))), "of an earlier life"),
        }
    }
    accepted
}

/// The peer dies with messages in both rings and comes back beside an agent at work.
fn nothing_crosses_from_one_life_to_the_next(weak: Weak) {
    explore(4, move || {
        let mem = block(weak);
        let (mut master, mut dead) = pair(&mem);
        master.send(&ping(1)).expect("room");
        master.send(&ping(2)).expect("room");
        let other = thread::spawn({
            let mem = mem.of(Side::Peer);
            move || {
                assert_eq!(dead.receive(), Some(Ok(ping(1))));
                dead.send(&pong(9)).expect("room");
                drop(dead);
                let mut peer = LinkPeer::attach(mem).expect("formatted");
                peer.announce(0);
                let mut heard = Vec::new();
                listen(&mut peer, &mut heard);
                if peer.linked() {
                    peer.send(&pong(PONGS)).expect("a new session has an empty ring");
                }
                (peer, heard)
            }
        });
        let accepted = accept_and_fill(&mut master);
        let (mut peer, mut heard) = other.join().expect("peer ends");
        if !accepted {
            assert!(accept_and_fill(&mut master), "the announcement was lost");
        }
        listen(&mut peer, &mut heard);
        assert_eq!(heard, [ping(PINGS), ping(PINGS + 1)], "not what this session sent");
    });
}

#[test]
fn a_new_life_of_the_peer_hears_and_answers_nothing_of_the_earlier_one() {
    nothing_crosses_from_one_life_to_the_next(Weak::NONE);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn an_announcement_stored_relaxed_lets_the_past_through() {
    nothing_crosses_from_one_life_to_the_next(Weak::stores(&[peer::EPOCH]));
}

#[test]
#[should_panic(expected = "IndexCorrupt")]
fn an_acceptance_stored_relaxed_lets_the_past_through() {
    nothing_crosses_from_one_life_to_the_next(Weak::stores(&[agent::ACCEPTED]));
}

#[test]
#[should_panic(expected = "a new session has an empty ring")]
fn a_join_stored_relaxed_leaves_the_dead_tail_in_force() {
    nothing_crosses_from_one_life_to_the_next(Weak::stores(&[peer::SYNCED]));
}

/// The peer of an agent that may be gone: takes what there is, lets its hardware work, and begins
/// a new life when it notices.
fn peer_of_a_dying_agent(mem: &LoomMemory, mut peer: Peer, payload: &Plain) -> Option<Peer> {
    match peer.receive() {
        None => return Some(peer),
        Some(Ok(message)) => assert_eq!(message, ping(1)),
        Some(Err(error)) => {
            assert_eq!(error, LinkError::AgentRestarted);
            return again(mem);
        }
    }
    payload.set(1); // the hardware does what the message says, and is done
    match peer.send(&pong(1)) {
        Ok(()) => Some(peer),
        Err(error) => {
            assert_eq!(error, LinkError::AgentRestarted);
            again(mem)
        }
    }
}

fn again(mem: &LoomMemory) -> Option<Peer> {
    let mut peer = LinkPeer::attach(mem.clone()).ok()?;
    peer.announce(0);
    Some(peer)
}

/// The next agent's turn: only a peer that serves it counts, and only then are the slots free.
fn next_agent(master: &mut Master, payload: &Plain) -> bool {
    assert_eq!(master.receive(), None, "an answer to the earlier agent");
    let change = master.poll_epoch();
    assert!(change.is_none_or(|change| change.current == PEER + 1), "a life that is over");
    let accepted = change.is_some();
    match master.slots().take(SlotClass::Frame) {
        Some(_) => payload.set(2),
        None => assert!(!accepted, "an accepted peer frees the slots"),
    }
    if accepted {
        master.send(&ping(PINGS)).expect("a new session has an empty ring");
    }
    accepted
}

/// The agent restarts while the peer is in the middle of a message.
fn an_agent_restarts(weak: Weak) {
    explore(4, move || {
        let mem = block(weak);
        let (mut first, peer) = pair(&mem);
        first.send(&ping(1)).expect("room");
        drop(first);
        let payload = Arc::new(Plain::new(0));
        let other = thread::spawn({
            let (mem, payload) = (mem.of(Side::Peer), payload.clone());
            move || peer_of_a_dying_agent(&mem, peer, &payload)
        });
        let mut second = master(&mem, AGENT + 1, 2);
        let accepted = next_agent(&mut second, &payload);
        let peer = other.join().expect("peer ends");
        let mut peer = match peer {
            Some(peer) if peer.agent_epoch() == AGENT + 1 => peer,
            // It had not noticed yet, or found a block that was being formatted.
            other => {
                if let Some(mut peer) = other {
                    assert_eq!(peer.receive(), Some(Err(LinkError::AgentRestarted)));
                }
                again(&mem.of(Side::Peer)).expect("formatted")
            }
        };
        if !accepted {
            assert!(next_agent(&mut second, &payload), "the announcement was lost");
        }
        assert_eq!(peer.receive(), Some(Ok(ping(PINGS))), "not what this session sent");
        assert_eq!(peer.send(&pong(PONGS)), Ok(()));
        assert_eq!(second.receive(), Some(Ok::<FromPeer, _>(pong(PONGS))));
    });
}

#[test]
fn an_agent_that_restarts_gets_no_slot_and_no_message_of_the_earlier_one() {
    an_agent_restarts(Weak::NONE);
}

#[test]
#[should_panic(expected = "a life that is over")]
fn an_announcement_to_the_next_agent_stored_relaxed_is_caught() {
    an_agent_restarts(Weak::stores(&[peer::SERVES]));
}

/// An agent with one slot is followed by one with two, while a peer attaches.
fn attach_beside_formatting(weak: Weak) {
    explore(4, move || {
        let mem = block(weak);
        drop(master(&mem, AGENT, 1));
        let other = thread::spawn({
            let mem = mem.clone();
            move || drop(master(&mem, AGENT + 1, 2))
        });
        match LinkPeer::attach(mem.of(Side::Peer)) {
            Err(error) => assert_eq!(error, LinkError::NotReady),
            Ok(peer) => {
                let second = SlotRef { index: 1, generation: 1 };
                let unknown = peer.slot(second) == Err(LinkError::NoSuchSlot(1));
                assert_eq!(unknown, peer.agent_epoch() == AGENT, "geometry of another agent");
            }
        }
        other.join().expect("agent ends");
        let peer = LinkPeer::attach(mem.of(Side::Peer)).expect("formatted");
        assert_eq!(peer.agent_epoch(), AGENT + 1);
    });
}

#[test]
fn a_peer_attaches_to_the_geometry_of_one_agent() {
    attach_beside_formatting(Weak::NONE);
}

#[test]
#[should_panic(expected = "geometry of another agent")]
fn an_agent_epoch_stored_relaxed_is_caught() {
    attach_beside_formatting(Weak::stores(&[agent::EPOCH]));
}

#[test]
#[should_panic(expected = "geometry of another agent")]
fn a_geometry_stored_relaxed_is_caught() {
    attach_beside_formatting(Weak::stores(&[agent::SLOT_COUNT]));
}
