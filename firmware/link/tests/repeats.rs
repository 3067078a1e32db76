//! Jobs that are recognised by what follows their head, while it lies in the ring.

use tandem_link::{
    Geometry, SharedMemory,
    job::{JobHead, Rest},
    layout::{ENTRY_BYTES, MESSAGE_BYTES, agent, peer},
    memory::HostMemory,
    peer::{LinkPeer, Received},
};

/// A ring to a linked peer, written by hand: an agent can put any bytes into it.
struct Ring {
    memory: HostMemory,
    peer: LinkPeer<HostMemory>,
    head: u32,
}

impl Ring {
    fn new() -> Self {
        let geometry = Geometry::with_slots(0);
        let memory = HostMemory::new(geometry.bytes());
        let master = tandem_link::master::LinkMaster::new(memory.clone(), geometry, &[], 1);
        drop(master.expect("formats"));
        let mut link = LinkPeer::attach(memory.clone()).expect("formatted");
        let epoch = link.announce(1);
        memory.store(agent::TO_PEER_START, 0);
        memory.store(agent::ACCEPTED, epoch);
        assert!(link.linked());
        Self { memory, peer: link, head: 0 }
    }

    /// Puts a message into the ring that is said to be `length` bytes long.
    fn send(&mut self, length: usize, bytes: &[u8]) {
        let entries = Geometry::with_slots(0).to_peer();
        let at = entries + self.head % 64 * ENTRY_BYTES;
        self.memory.store(at, length as u32);
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().next_multiple_of(4), 0);
        for (word, at) in padded.chunks(4).zip((at + 4..).step_by(4)) {
            self.memory.store(at, u32::from_le_bytes(word.try_into().expect("four")));
        }
        self.head += 1;
        self.memory.store(agent::TO_PEER_HEAD, self.head);
    }

    /// The head of the next message if it was recognised by `rest`, else its bytes.
    fn receive(&mut self, rest: &Rest) -> Result<JobHead, Vec<u8>> {
        let taken = self.peer.receive_job(|_, incoming| incoming.is(rest).then_some(()));
        let received = match taken.expect("a message").expect("whole") {
            Received::Job(head, ()) => Ok(head),
            Received::Bytes(bytes) => Err(bytes.to_vec()),
        };
        assert_eq!(self.memory.load(peer::TO_PEER_TAIL), self.head, "consumed");
        received
    }
}

/// A job's message with these bytes as its head, but for those that say that it is one.
fn message(head: [u8; JobHead::BYTES], params: &[u8]) -> Vec<u8> {
    let mut head = head;
    (head[0], head[13]) = (0, head[13] & 1);
    [&head[..], params].concat()
}

proptest::proptest! {
    /// What is recognised has the same parameters to the byte, whatever its head; and its head is right.
    #[test]
    fn the_same_parameters_and_no_others(
        heads in proptest::array::uniform2(proptest::array::uniform26(proptest::num::u8::ANY)),
        params in proptest::collection::vec(proptest::num::u8::ANY, 1..=Rest::ROOM),
        (byte, flip, cut) in (proptest::num::usize::ANY, 1..=255u8, proptest::num::usize::ANY),
    ) {
        let rest = Rest::of(&params).expect("there is room");
        let mut ring = Ring::new();
        for head in heads {
            let bytes = message(head, &params);
            ring.send(bytes.len(), &bytes);
            let (head, _) = JobHead::split(&bytes).expect("a job");
            assert_eq!(ring.receive(&rest), Ok(head));
        }
        let mut other = params.clone();
        other[byte % params.len()] ^= flip;
        for params in [&other[..], &params[..cut % params.len()], &[&params[..], &[0]].concat()] {
            let bytes = message(heads[0], params);
            ring.send(bytes.len(), &bytes);
            assert_eq!(ring.receive(&rest), Err(bytes));
        }
        // Said to be of another length than what would be recognised.
        let bytes = message(heads[0], &params);
        let said = 1 + cut % MESSAGE_BYTES;
        if said != bytes.len() {
            ring.send(said, &bytes);
            assert!(ring.receive(&rest).is_err(), "{said} bytes");
        }
    }
}

#[test]
fn what_is_no_job_is_shown_to_nobody() {
    let mut ring = Ring::new();
    for kind in 1..=255 {
        let mut bytes = message([0; JobHead::BYTES], &[1, 2, 3]);
        bytes[0] = kind;
        ring.send(bytes.len(), &bytes);
        let shown = ring.peer.receive_job(|_, _| Some(()));
        assert!(matches!(shown, Some(Ok(Received::Bytes(b))) if b == bytes), "variant {kind}");
    }
}

#[test]
fn parameters_that_are_too_long_have_no_rest() {
    assert!(Rest::of(&[7; Rest::ROOM]).is_some());
    assert!(Rest::of(&[7; Rest::ROOM + 1]).is_none());
}
