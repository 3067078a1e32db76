//! Epochs: who may come back when, and what the other side sees of it.

use std::cell::Cell;

use tandem_link::{
    Geometry, LinkError, SharedMemory, SlotClass, SlotInit,
    layout::{self, agent, peer},
    master::{EpochChange, LinkMaster, fresh_epoch},
    memory::HostMemory,
    message::{FromPeer, ToPeer},
    peer::LinkPeer,
    seqlock,
};

const GEOMETRY: Geometry = Geometry { ring_entries: 4, slots: 2 };
const SLOTS: [SlotInit; 2] = [
    SlotInit { class: SlotClass::Frame, addr: 0x4100_0000, capacity: 0x1000 },
    SlotInit { class: SlotClass::Tensor, addr: 0x4100_1000, capacity: 0x2000 },
];

fn master(mem: &HostMemory, epoch: u32) -> LinkMaster<HostMemory> {
    LinkMaster::new(mem.clone(), GEOMETRY, &SLOTS, epoch).unwrap()
}

fn ping(sequence: u32) -> ToPeer {
    ToPeer::Ping { sequence }
}

fn pong(sequence: u32) -> FromPeer {
    FromPeer::Pong { sequence }
}

/// A linked pair on a fresh block.
fn pair(mem: &HostMemory) -> (LinkMaster<HostMemory>, LinkPeer<HostMemory>) {
    let mut master = master(mem, 1);
    let mut peer = LinkPeer::attach(mem.clone()).unwrap();
    peer.announce(7);
    assert_eq!(master.poll_epoch(), Some(EpochChange { previous: 0, current: 7 }));
    assert!(peer.linked());
    (master, peer)
}

#[test]
fn either_side_may_be_first() {
    let mem = HostMemory::new(GEOMETRY.bytes());
    assert_eq!(LinkPeer::attach(mem.clone()).unwrap_err(), LinkError::NotReady);
    let mut master = master(&mem, 1);
    assert_eq!(master.send(&ping(1)), Err(LinkError::NotLinked));
    let mut peer = LinkPeer::attach(mem.clone()).unwrap();
    assert_eq!(master.poll_epoch(), None, "attach alone announces nothing");
    peer.announce(7);
    assert_eq!(peer.send(&pong(1)), Err(LinkError::NotLinked), "the agent has not accepted");
    assert!(master.poll_epoch().is_some());
    assert_eq!(master.poll_epoch(), None, "an epoch is accepted once");
    master.send(&ping(2)).unwrap();
    assert_eq!(peer.receive(), Some(Ok(ping(2))));
    peer.send(&pong(2)).unwrap();
    assert_eq!(master.receive(), Some(Ok(pong(2))));
}

#[test]
fn memory_as_it_is_at_power_up_links_as_well_as_zeros() {
    for seed in [0x9E37_79B9u32, 0xFFFF_FFFF, 0x8000_0001] {
        let mem = HostMemory::filled(GEOMETRY.bytes(), |i| i.wrapping_add(1).wrapping_mul(seed));
        assert!(LinkPeer::attach(mem.clone()).is_err());
        let mut master = master(&mem, fresh_epoch(&mem, 5));
        assert_eq!(master.poll_epoch(), None, "noise is not a peer");
        assert!(
            master.slots().take(SlotClass::Frame).is_some(),
            "no earlier agent: slots are free"
        );
        let mut peer = LinkPeer::attach(mem.clone()).unwrap();
        let epoch = peer.announce(1);
        assert_eq!(master.poll_epoch().unwrap().current, epoch);
        for sequence in 0..10 {
            master.send(&ping(sequence)).unwrap();
            assert_eq!(peer.receive(), Some(Ok(ping(sequence))));
            peer.send(&pong(sequence)).unwrap();
            assert_eq!(master.receive(), Some(Ok(pong(sequence))));
        }
    }
}

#[test]
fn a_peer_that_comes_back_sees_and_answers_nothing_of_its_previous_life() {
    let mem = HostMemory::new(GEOMETRY.bytes());
    let (mut master, mut peer) = pair(&mem);
    master.send(&ping(1)).unwrap();
    peer.send(&pong(91)).unwrap();
    drop(peer);
    // The agent does not know yet and fills the ring.
    while master.send(&ping(2)).is_ok() {}
    let mut peer = LinkPeer::attach(mem.clone()).unwrap();
    assert_eq!(peer.announce(8), 8);
    assert_eq!(peer.receive(), None, "nothing before the agent accepted");
    assert_eq!(master.poll_epoch(), Some(EpochChange { previous: 7, current: 8 }));
    assert_eq!(master.receive(), None, "the answer of the previous life is gone");
    // The whole ring is free at once, although the new life has not looked at it yet.
    for sequence in 10..14 {
        master.send(&ping(sequence)).unwrap();
    }
    assert_eq!(master.send(&ping(14)), Err(LinkError::Full));
    for sequence in 10..14 {
        assert_eq!(peer.receive(), Some(Ok(ping(sequence))));
    }
    assert_eq!(peer.receive(), None);
}

#[test]
fn epochs_of_the_peer_only_count_up() {
    let mem = HostMemory::new(GEOMETRY.bytes());
    let (mut master, _) = pair(&mem);
    let mut expected = 7;
    for proposal in [7, 1, 0, 100, 100, 99] {
        let mut peer = LinkPeer::attach(mem.clone()).unwrap();
        expected = if proposal > expected { proposal } else { expected + 1 };
        assert_eq!(peer.announce(proposal), expected);
        assert_eq!(master.poll_epoch().map(|change| change.current), Some(expected));
    }
    // Wraps past 0.
    mem.store(peer::EPOCH, u32::MAX);
    assert_eq!(LinkPeer::attach(mem.clone()).unwrap().announce(0), 1);
}

#[test]
fn an_agent_that_restarts_is_noticed_and_waits_for_a_new_epoch() {
    let mem = HostMemory::new(GEOMETRY.bytes());
    let (mut first, mut peer) = pair(&mem);
    first.send(&ping(1)).unwrap();
    peer.send(&pong(2)).unwrap();
    drop(first);
    assert_eq!(
        LinkMaster::new(mem.clone(), GEOMETRY, &SLOTS, 1).unwrap_err(),
        LinkError::EpochReused(1)
    );
    let mut second = master(&mem, 2);
    assert_eq!(second.poll_epoch(), None, "the peer serves the earlier agent");
    assert!(second.slots().take(SlotClass::Frame).is_none(), "its DMA may still run");
    assert_eq!(peer.receive(), Some(Err(LinkError::AgentRestarted)));
    assert_eq!(peer.send(&pong(3)), Err(LinkError::AgentRestarted));
    let mut peer = LinkPeer::attach(mem.clone()).unwrap();
    assert_eq!(peer.announce(0), 8);
    assert_eq!(second.poll_epoch(), Some(EpochChange { previous: 0, current: 8 }));
    assert!(second.slots().take(SlotClass::Frame).is_some());
    assert_eq!(peer.receive(), None, "the message to the earlier life is gone");
    assert_eq!(second.receive(), None);
}

/// Another agent takes over just before the access of this number.
struct Interrupted {
    mem: HostMemory,
    restart_at: Cell<Option<u32>>,
    access: Cell<u32>,
}

impl Interrupted {
    fn step(&self) {
        if self.restart_at.get() == Some(self.access.replace(self.access.get() + 1)) {
            self.restart_at.set(None);
            master(&self.mem, 2);
        }
    }
}

impl SharedMemory for Interrupted {
    fn size(&self) -> u32 {
        self.mem.size()
    }
    fn load(&self, offset: u32) -> u32 {
        self.step();
        self.mem.load(offset)
    }
    fn store(&self, offset: u32, value: u32) {
        self.step();
        self.mem.store(offset, value);
    }
}

#[test]
fn no_message_is_taken_from_an_agent_that_is_gone_by_then() {
    for restart_at in 0.. {
        let mem = HostMemory::new(GEOMETRY.bytes());
        let mut master = master(&mem, 1);
        let watched = Interrupted { mem, restart_at: Cell::new(None), access: Cell::new(0) };
        let mut peer = LinkPeer::attach(&watched).unwrap();
        peer.announce(7);
        master.poll_epoch().unwrap();
        master.send(&ping(1)).unwrap();
        watched.access.set(0);
        watched.restart_at.set(Some(restart_at));
        let message = peer.receive();
        if watched.restart_at.get().is_some() {
            assert_eq!(message, Some(Ok(ping(1))), "the call ended before the restart");
            assert!(restart_at > 4);
            break;
        }
        assert!(!matches!(message, Some(Ok(_))), "at access {restart_at}");
        assert_eq!(peer.receive(), Some(Err(LinkError::AgentRestarted)));
    }
}

#[test]
fn a_grant_to_an_earlier_life_means_nothing_to_the_next() {
    let mem = HostMemory::new(GEOMETRY.bytes());
    let (mut master, peer) = pair(&mem);
    let granted = master.slots().grant(master.slots().take(SlotClass::Frame).unwrap());
    let slot = granted.slot_ref();
    assert!(peer.slot(slot).is_ok());
    let mut next = LinkPeer::attach(mem.clone()).unwrap();
    next.announce(0);
    master.poll_epoch().unwrap();
    assert!(next.linked());
    assert!(matches!(next.slot(slot), Err(LinkError::StaleSlot { .. })));
    assert!(granted.try_reclaim(master.slots()).is_err(), "nobody returned it");
}

#[test]
fn an_agent_that_restarts_between_attach_and_announcement_is_noticed() {
    let mem = HostMemory::new(GEOMETRY.bytes());
    let _first = master(&mem, 1);
    let mut peer = LinkPeer::attach(mem.clone()).unwrap();
    let mut second = master(&mem, 2);
    peer.announce(3);
    assert_eq!(second.poll_epoch(), None);
    assert_eq!(peer.receive(), Some(Err(LinkError::AgentRestarted)));
}

#[test]
fn without_a_new_epoch_the_agent_may_vouch_that_all_dma_is_stopped() {
    let mem = HostMemory::new(GEOMETRY.bytes());
    let (mut master, peer) = pair(&mem);
    let frame = master.slots().take(SlotClass::Frame).unwrap();
    let granted = master.slots().grant(frame);
    drop(peer);
    let granted = master.slots().reclaim_after_epoch(granted).unwrap_err();
    master.assume_quiesced();
    assert!(!master.is_linked());
    assert_eq!(master.slots().reclaim_after_epoch(granted).unwrap().addr(), SLOTS[0].addr);
    assert_eq!(master.poll_epoch(), None, "the old epoch does not come back");
    let mut peer = LinkPeer::attach(mem.clone()).unwrap();
    assert_eq!(peer.announce(8), 8);
    assert_eq!(master.poll_epoch(), Some(EpochChange { previous: 7, current: 8 }));
}

#[test]
fn an_agent_that_died_while_it_formatted_leaves_the_slots_withheld() {
    let mem = HostMemory::new(GEOMETRY.bytes());
    let (first, _peer) = pair(&mem);
    drop(first);
    mem.store(agent::MAGIC, layout::FORMATTING); // the next agent's first store, and it dies
    let second = LinkMaster::new(mem, GEOMETRY, &SLOTS, 5).unwrap();
    assert!(second.slots().take(SlotClass::Frame).is_none());
}

#[test]
fn blocks_that_do_not_fit_are_refused_by_name() {
    let mem = HostMemory::new(GEOMETRY.bytes());
    let _master = master(&mem, 1);
    mem.store(agent::VERSION, 9);
    assert_eq!(
        LinkPeer::attach(mem.clone()).unwrap_err(),
        LinkError::Layout { field: "version", have: 9, want: layout::LAYOUT_VERSION }
    );
    mem.store(agent::VERSION, layout::LAYOUT_VERSION);
    mem.store(agent::RING_ENTRIES, 3);
    assert!(matches!(LinkPeer::attach(mem.clone()), Err(LinkError::Geometry(_))));
    mem.store(agent::RING_ENTRIES, 1024);
    assert!(matches!(LinkPeer::attach(mem.clone()), Err(LinkError::TooSmall { .. })));
    let small = HostMemory::new(GEOMETRY.bytes() - 4);
    assert!(matches!(LinkMaster::new(small, GEOMETRY, &SLOTS, 1), Err(LinkError::TooSmall { .. })));
    let three = Geometry { ring_entries: 4, slots: 3 };
    assert!(matches!(LinkMaster::new(mem, three, &SLOTS, 2), Err(LinkError::Geometry(_))));
}

#[test]
fn heartbeats_and_their_time_cross_the_link() {
    let mem = HostMemory::new(GEOMETRY.bytes());
    let (mut master, mut peer) = pair(&mem);
    let before = master.peer_heartbeat();
    peer.heartbeat(0x1_2345_6789);
    assert_eq!(master.peer_heartbeat(), before + 1);
    assert_eq!(master.peer_beat_at(), Some(0x1_2345_6789));
    // A peer that died while writing the time: told, not guessed; and the next life repairs it.
    mem.store(peer::BEAT_AT, mem.load(peer::BEAT_AT) | 1);
    assert_eq!(master.peer_beat_at(), None);
    seqlock::write(&mem, peer::BEAT_AT, 5);
    assert_eq!(master.peer_beat_at(), Some(5));
    master.heartbeat();
    assert_eq!(peer.agent_heartbeat(), 1);
}

#[test]
fn no_word_overlaps_another_and_none_has_two_writers() {
    let own = [
        agent::MAGIC,
        agent::VERSION,
        agent::RING_ENTRIES,
        agent::ENTRY_BYTES,
        agent::SLOT_COUNT,
        agent::EPOCH,
        agent::ACCEPTED,
        agent::TO_PEER_START,
        agent::HEARTBEAT,
        agent::TO_PEER_HEAD,
        agent::FROM_PEER_TAIL,
    ];
    let theirs = [
        peer::EPOCH,
        peer::SERVES,
        peer::FROM_PEER_START,
        peer::SYNCED,
        peer::HEARTBEAT,
        peer::BEAT_AT,
        peer::BEAT_AT + 4,
        peer::BEAT_AT + 8,
        peer::TO_PEER_TAIL,
        peer::FROM_PEER_HEAD,
    ];
    for mine in own {
        assert!(theirs.iter().all(|word| word / 64 != mine / 64), "{mine:#x} shares a line");
    }
    let table_end = layout::slot::word(layout::MAX_SLOTS as u16, 0);
    assert!(theirs.iter().all(|word| *word < layout::slot::TABLE));
    assert!(table_end <= peer::RETURNS);
    assert!(layout::slot::returned(layout::MAX_SLOTS as u16) <= layout::RINGS);
}
