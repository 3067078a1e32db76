//! The shared block: ring entries, both ends of a link, and the log ring.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use tandem_link::job::JobHead;
use tandem_link::layout::{ENTRY_BYTES, Geometry, MESSAGE_BYTES};
use tandem_link::log::{
    DATA_AT, HEAD_AT, LogReader, LogWriter, MAGIC, MAGIC_AT, TAIL_AT, capacity,
};
use tandem_link::master::{LinkMaster, fresh_epoch};
use tandem_link::memory::HostMemory;
use tandem_link::message::{FromPeer, Lane, PostJob, PreJob, SlotRef, ToPeer, Work};
use tandem_link::peer::LinkPeer;
use tandem_link::ring::{Consumer, Place, Producer, decode};
use tandem_link::slot::{Granted, Owned};
use tandem_link::{LinkError, SharedMemory, SlotClass, SlotInit};
use tandem_model::pre::{Frame, Layout, PreParams};

use crate::input::Input;

/// One ring entry as the other side may have left it: its length word, then its bytes. Decoded
/// both as a message to the peer and as one from it; what decodes must survive a second trip.
pub fn link_messages(bytes: &[u8]) -> bool {
    head(bytes.get(4..).unwrap_or_default());
    let to_peer = entry::<ToPeer>(bytes);
    if let Some(ToPeer::Job { work, .. }) = &to_peer {
        // The firmware asks this of every job.
        let _ = match work {
            Work::Pre(job) => job.params.validate().is_ok(),
            Work::Post(job) => job.params.validate().is_ok(),
        };
    }
    entry::<FromPeer>(bytes).is_some() || to_peer.is_some()
}

/// Where the firmware takes a job by its head, it gets what the whole message says.
fn head(bytes: &[u8]) {
    let Some((head, params)) = JobHead::split(bytes) else { return };
    let whole = decode::<ToPeer>(bytes);
    let work = match head.lane {
        Lane::Pre => decode(params)
            .map(|params| Work::Pre(PreJob { frame: head.input, tensor: head.output, params })),
        Lane::Post => decode(params)
            .map(|params| Work::Post(PostJob { heads: head.input, result: head.output, params })),
    };
    let JobHead { id, deadline, .. } = head;
    assert_eq!(whole, work.map(|work| ToPeer::Job { id, deadline, work }));
}

fn entry<T: Serialize + DeserializeOwned + Clone + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let place = Place { head: 0, tail: 64, entries: 128, count: 2 };
    let mem = HostMemory::new(128 + 2 * ENTRY_BYTES);
    let entry = &bytes[..bytes.len().min(ENTRY_BYTES as usize)];
    let mut input = Input(entry);
    let length = input.word();
    mem.store(128, length);
    for at in (132..128 + ENTRY_BYTES).step_by(4) {
        mem.store(at, input.word());
    }
    let mut consumer = Consumer::start(&mem, place, 0);
    mem.store(place.head, 1);
    let message = consumer.pop::<_, T>(&mem).expect("the ring holds an entry");
    assert_eq!(mem.load(place.tail), 1, "a bad entry is consumed, too");
    if length == 0 || length as usize > MESSAGE_BYTES {
        assert_eq!(message, Err(LinkError::BadLength(length)));
    }
    let message = message.ok()?;
    let mut producer = Producer::resume(&mem, place);
    let tail = producer.tail(&mem);
    producer.push(&mem, tail, &message).expect("what fitted once fits again");
    assert_eq!(consumer.pop::<_, T>(&mem), Some(Ok(message.clone())));
    assert_eq!(consumer.pop::<_, T>(&mem), None);
    Some(message)
}

/// Two entries each way and four slots: small, so that the fuzzer meets every word.
const GEOMETRY: Geometry = Geometry { ring_entries: 2, slots: 4 };

/// Both ends of a link at work in a block that somebody else writes to, too. Every call returns,
/// a ring never gives more than it holds, and no slot is owned twice.
pub fn link_ends(bytes: &[u8]) -> bool {
    let mut input = Input(bytes);
    let fill = input.word();
    let mem = HostMemory::filled(GEOMETRY.bytes(), |word| fill.wrapping_mul(word | 1));
    let mut ends = Ends { mem, master: None, peer: None, owned: Vec::new(), granted: Vec::new() };
    let mut spoke = false;
    while !input.is_empty() {
        spoke |= ends.step(&mut input);
    }
    spoke
}

struct Ends {
    mem: HostMemory,
    master: Option<LinkMaster<HostMemory>>,
    peer: Option<LinkPeer<HostMemory>>,
    owned: Vec<Owned>,
    granted: Vec<Granted>,
}

impl Ends {
    /// One call; true when a message arrived.
    fn step(&mut self, input: &mut Input<'_>) -> bool {
        match input.byte() % 8 {
            0 => {
                let at = u32::from(input.half()) % (self.mem.size() / 4) * 4;
                self.mem.store(at, input.word());
            }
            1 => self.restart(input.word()),
            2 => self.peer = LinkPeer::attach(self.mem.clone()).ok(),
            3 | 4 => return self.peer_step(input),
            _ => return self.master_step(input),
        }
        false
    }

    fn restart(&mut self, seed: u32) {
        // Tokens of the earlier life die with it, as they do in a process that ends.
        (self.owned, self.granted) = (Vec::new(), Vec::new());
        let slots: Vec<_> = (0..)
            .zip(SlotClass::ALL)
            .map(|(i, class)| SlotInit { class, addr: i * 0x1000, capacity: 0x1000 })
            .collect();
        let epoch = fresh_epoch(&self.mem, seed);
        self.master = LinkMaster::new(self.mem.clone(), GEOMETRY, &slots, epoch).ok();
    }

    fn peer_step(&mut self, input: &mut Input<'_>) -> bool {
        let Some(peer) = &mut self.peer else { return false };
        match input.byte() % 6 {
            0 => {
                assert_ne!(peer.announce(input.word()), 0);
            }
            1 => peer.heartbeat(input.long()),
            2 => {
                let _ = peer.send(&FromPeer::Pong { sequence: input.word() });
            }
            3 => {
                let slot = SlotRef { index: input.half(), generation: input.word() };
                if peer.slot(slot).is_ok() {
                    assert!(u32::from(slot.index) < GEOMETRY.slots);
                    peer.release(slot).expect("it was granted a moment ago");
                    assert!(peer.slot(slot).is_err(), "returned, so no longer ours");
                }
            }
            _ => {
                let restarted = Err(LinkError::AgentRestarted);
                let received = std::iter::from_fn(|| peer.receive())
                    .take_while(|message| *message != restarted);
                return bounded(received);
            }
        }
        assert!(peer.free() <= GEOMETRY.ring_entries);
        false
    }

    fn master_step(&mut self, input: &mut Input<'_>) -> bool {
        let Some(master) = &mut self.master else { return false };
        match input.byte() % 8 {
            0 => {
                if let Some(change) = master.poll_epoch() {
                    assert_eq!(master.peer_epoch(), change.current);
                    assert_ne!(change.current, change.previous);
                }
            }
            1 => {
                let _ = master.send(&ToPeer::Ping { sequence: input.word() });
            }
            2 => master.assume_quiesced(),
            3 => {
                let class = SlotClass::ALL[usize::from(input.byte() % 4)];
                self.owned.extend(master.slots().take(class));
            }
            4 => self.submit(),
            5 => self.reclaim(),
            6 => {
                master.heartbeat();
                let _ = (master.peer_beat_at(), master.peer_heartbeat());
            }
            _ => return bounded(std::iter::from_fn(|| master.receive())),
        }
        self.check_tokens();
        false
    }

    fn submit(&mut self) {
        let (Some(master), Some(input), Some(output)) =
            (&mut self.master, self.owned.pop(), self.owned.pop())
        else {
            return;
        };
        let frame = Frame::rgb8(4, 4);
        let params = PreParams::letterbox(frame, frame.full(), 8, 8, [0; 3], Layout::Planar)
            .expect("these parameters are good");
        match master.submit_pre(1, 2, input, output, params) {
            Ok((input, output)) => self.granted.extend([input, output]),
            Err(refused) => self.owned.extend([refused.input, refused.output]),
        }
    }

    fn reclaim(&mut self) {
        let Some(master) = &self.master else { return };
        for granted in std::mem::take(&mut self.granted) {
            let reclaimed = granted
                .try_reclaim(master.slots())
                .or_else(|granted| master.slots().reclaim_after_epoch(granted));
            match reclaimed {
                Ok(owned) => self.owned.push(owned),
                Err(granted) => self.granted.push(granted),
            }
        }
    }

    fn check_tokens(&self) {
        let owned = self.owned.iter().map(Owned::index);
        let granted = self.granted.iter().map(|granted| granted.slot_ref().index);
        let mut held: Vec<_> = owned.chain(granted).collect();
        held.sort_unstable();
        held.dedup();
        assert_eq!(held.len(), self.owned.len() + self.granted.len(), "a slot was given twice");
    }
}

/// Counts until the ring is empty: at most a whole ring, or the one error that empties it.
fn bounded<T>(received: impl Iterator<Item = Result<T, LinkError>>) -> bool {
    let received: Vec<_> = received.take(GEOMETRY.ring_entries as usize + 1).collect();
    assert!(received.len() <= GEOMETRY.ring_entries as usize, "more than the ring holds");
    received.iter().any(Result::is_ok)
}

/// The agent's reader on a log ring whose every word may be anything: it never gives more than the
/// ring holds and always catches up.
pub fn log_ring(bytes: &[u8]) -> bool {
    let mut input = Input(bytes);
    let size = DATA_AT + u32::from(input.byte()) * 4;
    let fill = input.word();
    let mem = HostMemory::filled(size, |word| fill.wrapping_mul(word));
    mem.store(MAGIC_AT, if input.byte() == 0 { fill } else { MAGIC });
    let mut reader = LogReader::new(mem.clone());
    let mut delivered = false;
    while !input.is_empty() {
        match input.byte() % 4 {
            0 => mem.store(u32::from(input.half()) % (size / 4) * 4, input.word()),
            1 => {
                let frame = vec![input.byte(); usize::from(input.byte())];
                LogWriter::attach(mem.clone()).write(&frame);
            }
            2 => mem.store(HEAD_AT, mem.load(TAIL_AT).wrapping_add(u32::from(input.half()))),
            _ => {
                let mut sink = Vec::new();
                let formatted = mem.load(MAGIC_AT) == MAGIC;
                reader.drain(&mut sink);
                assert!(sink.len() <= capacity(size) as usize);
                assert!(!formatted || mem.load(TAIL_AT) == mem.load(HEAD_AT));
                assert!(formatted || sink.is_empty());
                delivered |= !sink.is_empty();
            }
        }
    }
    delivered
}
