//! A whole link in memory that loom watches.

use tandem_link::{
    Geometry, SharedMemory, SlotClass, SlotInit,
    layout::{ENTRY_BYTES, agent, peer, slot},
    master::LinkMaster,
    message::{FromPeer, ToPeer},
    peer::LinkPeer,
};

use crate::memory::{Entries, LoomMemory, Side, Weak, Words};

pub type Master = LinkMaster<LoomMemory>;
pub type Peer = LinkPeer<LoomMemory>;

/// Agent epoch and peer epoch that [`pair`] begins with.
pub const AGENT: u32 = 1;
pub const PEER: u32 = 7;
/// Entries of each ring.
const COUNT: u32 = 2;
const SLOTS: [SlotInit; 2] = [
    SlotInit { class: SlotClass::Frame, addr: 0x1000, capacity: 0x1000 },
    SlotInit { class: SlotClass::Tensor, addr: 0x2000, capacity: 0x1000 },
];

/// A block for two slots and two rings. Nobody may read an entry that the other side may be
/// writing, not even across a restart.
pub fn block(weak: Weak) -> LoomMemory {
    let geometry = Geometry { ring_entries: COUNT, slots: 2 };
    let mut agent = vec![
        agent::MAGIC,
        agent::VERSION,
        agent::RING_ENTRIES,
        agent::ENTRY_BYTES,
        agent::SLOT_COUNT,
        agent::EPOCH,
        agent::ACCEPTED,
        agent::TO_PEER_START,
        agent::TO_PEER_HEAD,
        agent::FROM_PEER_TAIL,
    ];
    let mut peer = vec![
        peer::EPOCH,
        peer::SERVES,
        peer::FROM_PEER_START,
        peer::SYNCED,
        peer::TO_PEER_TAIL,
        peer::FROM_PEER_HEAD,
    ];
    for index in [0, 1] {
        let fields = [slot::GRANT, slot::ADDR, slot::CAPACITY, slot::CLASS];
        agent.extend(fields.map(|field| slot::word(index, field)));
        peer.push(slot::returned(index));
    }
    let ring = |start: u32| (start..start + COUNT * ENTRY_BYTES).step_by(4).collect();
    let (agent_entries, peer_entries) = (ring(geometry.to_peer()), ring(geometry.from_peer()));
    let words = Words { agent, peer, agent_entries, peer_entries };
    LoomMemory::new(words, Entries::Exclusive, weak)
}

/// An agent with as many slots.
pub fn master(mem: &LoomMemory, epoch: u32, slots: u32) -> Master {
    let geometry = Geometry { ring_entries: COUNT, slots };
    LinkMaster::new(mem.clone(), geometry, &SLOTS[..slots as usize], epoch).expect("formats")
}

/// Both ends, linked, before anything runs beside anything.
pub fn pair(mem: &LoomMemory) -> (Master, Peer) {
    let mut master = master(mem, AGENT, 2);
    let mut peer = LinkPeer::attach(mem.of(Side::Peer)).expect("formatted");
    assert_eq!(peer.announce(PEER), PEER);
    assert!(master.poll_epoch().is_some() && peer.linked());
    assert_eq!(mem.load(peer::SYNCED), PEER);
    (master, peer)
}

pub fn ping(sequence: u32) -> ToPeer {
    ToPeer::Ping { sequence }
}

pub fn pong(sequence: u32) -> FromPeer {
    FromPeer::Pong { sequence }
}
