//! The two ends of an AXI4-Stream: they drive it and check its rules.

use std::collections::VecDeque;

use crate::model::{Model, PORT_BYTES, Port};
use crate::{Rng, Stall};

/// Bytes from one TLAST to the next.
pub type Packet = Vec<u8>;

/// How a beat says which bytes are in it.
#[derive(Clone, Copy)]
enum Extent {
    /// It is always full.
    Full,
    /// A bit a byte.
    Keep(Port),
    /// How many, from byte 0 on; also in the middle of a packet.
    Count(Port),
}

/// The ports of one stream: AXI4-Stream's names (`x_tdata`), or those inside (`x_data`). Without
/// `last` every beat is a packet.
#[derive(Clone, Copy)]
struct Wires {
    data: Port,
    extent: Extent,
    last: Option<Port>,
    valid: Port,
    ready: Port,
    bytes: usize,
}

impl Wires {
    fn of(model: &Model, prefix: &str) -> Self {
        let t = if model.find(&format!("{prefix}_tdata")).is_some() { "t" } else { "" };
        let find = |name: &str| model.find(&format!("{prefix}_{t}{name}"));
        let port = |name: &str| model.port(&format!("{prefix}_{t}{name}"));
        let data = port("data");
        let bytes = data.bits() as usize / 8;
        assert!(bytes <= PORT_BYTES && bytes * 8 == data.bits() as usize, "{prefix}: width");
        let extent = match (find("keep"), find("count")) {
            (Some(keep), _) => Extent::Keep(keep),
            (None, Some(count)) => Extent::Count(count),
            (None, None) => Extent::Full,
        };
        Self { data, extent, last: find("last"), valid: port("valid"), ready: port("ready"), bytes }
    }
}

/// One transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Beat {
    data: [u8; PORT_BYTES],
    keep: u64,
    last: bool,
}

/// Drives packets into a kernel. Once valid it stays so, unchanged, until it is taken.
pub struct Source {
    wires: Wires,
    stall: Stall,
    queue: VecDeque<Packet>,
    /// Bytes of the first packet that were taken.
    sent: usize,
    /// The beat on the wires.
    beat: Option<(Beat, usize)>,
    /// What the wires show while there is no beat: a kernel may not look at it.
    noise: Rng,
    beats: u64,
}

impl Source {
    pub(crate) fn new(model: &Model, prefix: &str, stall: Stall) -> Self {
        Self {
            wires: Wires::of(model, prefix),
            stall,
            queue: VecDeque::new(),
            sent: 0,
            beat: None,
            noise: Rng::new(1),
            beats: 0,
        }
    }

    /// Everything that was pushed has been taken.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.beat.is_none()
    }

    /// Beats taken so far.
    pub fn beats(&self) -> u64 {
        self.beats
    }

    pub(crate) fn set_stall(&mut self, stall: Stall) {
        self.stall = stall;
    }

    pub(crate) fn push(&mut self, packet: Packet) {
        assert!(!packet.is_empty(), "a packet has at least one byte");
        self.queue.push_back(packet);
    }

    /// Forgets everything, also a beat on the wires: only where the kernel is in reset.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.beat = None;
        self.sent = 0;
    }

    pub(crate) fn drive(&mut self, model: &mut Model, reset: bool) {
        if reset {
            model.set(self.wires.valid, 0);
            return;
        }
        if self.beat.is_none() && !self.stall.holds() {
            self.beat = self.queue.front().map(|packet| {
                let rest = &packet[self.sent..];
                let room = match self.wires.extent {
                    Extent::Count(_) => self.noise.range(1, self.wires.bytes as u64) as usize,
                    Extent::Keep(_) | Extent::Full => self.wires.bytes,
                };
                let count = rest.len().min(room);
                let mut data = [0; PORT_BYTES];
                // Bytes that are not kept are noise.
                for byte in &mut data[count..self.wires.bytes] {
                    *byte = self.noise.next_u64() as u8;
                }
                data[..count].copy_from_slice(&rest[..count]);
                let keep = u64::MAX >> (64 - count);
                (Beat { data, keep, last: count == rest.len() }, count)
            });
        }
        let (beat, valid) = match &self.beat {
            Some((beat, _)) => (*beat, true),
            None => {
                let mut data = [0; PORT_BYTES];
                for byte in &mut data[..self.wires.bytes] {
                    *byte = self.noise.next_u64() as u8;
                }
                (Beat { data, keep: self.noise.next_u64(), last: self.noise.chance(512) }, false)
            }
        };
        model.set(self.wires.valid, u64::from(valid));
        model.set_bytes(self.wires.data, &beat.data[..self.wires.bytes]);
        if let Some(last) = self.wires.last {
            model.set(last, u64::from(beat.last));
        }
        match self.wires.extent {
            Extent::Keep(keep) => model.set(keep, beat.keep),
            Extent::Count(count) => model.set(count, u64::from(beat.keep.trailing_ones())),
            Extent::Full => {}
        }
    }

    pub(crate) fn observe(&mut self, model: &Model) {
        let Some((beat, count)) = self.beat else { return };
        if model.get(self.wires.ready) == 0 {
            return;
        }
        self.beat = None;
        self.beats += 1;
        self.sent += count;
        if beat.last {
            self.queue.pop_front();
            self.sent = 0;
        }
    }
}

/// Takes packets from a kernel and checks the rules of the stream.
pub struct Sink {
    wires: Wires,
    name: String,
    stall: Stall,
    ready: bool,
    /// A beat that was offered and not taken: it must stay.
    offered: Option<Beat>,
    open: Packet,
    packets: Vec<Packet>,
    beats: u64,
    last_beat: u64,
}

impl Sink {
    pub(crate) fn new(model: &Model, prefix: &str, stall: Stall) -> Self {
        Self {
            wires: Wires::of(model, prefix),
            name: format!("{}.{prefix}", model.name()),
            stall,
            ready: false,
            offered: None,
            open: Packet::new(),
            packets: Vec::new(),
            beats: 0,
            last_beat: 0,
        }
    }

    /// Whole packets that came and were not taken out yet.
    pub fn packets(&self) -> &[Packet] {
        &self.packets
    }

    /// Bytes of the packet that has not ended yet.
    pub fn open(&self) -> &[u8] {
        &self.open
    }

    /// Beats so far.
    pub fn beats(&self) -> u64 {
        self.beats
    }

    /// Clock of the last beat.
    pub fn last_beat(&self) -> u64 {
        self.last_beat
    }

    pub(crate) fn take(&mut self) -> Vec<Packet> {
        std::mem::take(&mut self.packets)
    }

    pub(crate) fn set_stall(&mut self, stall: Stall) {
        self.stall = stall;
    }

    pub(crate) fn clear(&mut self) {
        self.offered = None;
        self.open.clear();
        self.packets.clear();
    }

    pub(crate) fn drive(&mut self, model: &mut Model) {
        self.ready = !self.stall.holds();
        model.set(self.wires.ready, u64::from(self.ready));
    }

    /// In reset nothing is checked but that nothing is offered.
    pub(crate) fn observe(&mut self, model: &Model, clock: u64, reset: bool) {
        let name = &self.name;
        let valid = model.get(self.wires.valid) != 0;
        if reset {
            self.offered = None;
            self.open.clear();
            return;
        }
        if !valid {
            assert!(self.offered.is_none(), "{name}: tvalid fell before tready, clock {clock}");
            return;
        }
        let bytes = self.wires.bytes;
        let full = u64::MAX >> (64 - bytes);
        let mut data = [0; PORT_BYTES];
        model.get_bytes(self.wires.data, &mut data[..bytes]);
        let keep = match self.wires.extent {
            Extent::Keep(port) => model.get(port),
            Extent::Count(_) | Extent::Full => full,
        };
        let last = self.wires.last.is_none_or(|port| model.get(port) != 0);
        let count = keep.trailing_ones() as usize;
        assert!(
            count > 0 && keep == u64::MAX >> (64 - count),
            "{name}: tkeep {keep:#b} is not bytes 0 to n, clock {clock}"
        );
        assert!(
            last || keep == full,
            "{name}: tkeep {keep:#b} is not full before the packet's end, clock {clock}"
        );
        // Bytes that are not kept may change.
        data[count..].fill(0);
        let beat = Beat { data, keep, last };
        if let Some(offered) = self.offered {
            assert!(offered == beat, "{name}: a beat changed before tready, clock {clock}");
        }
        if !self.ready {
            self.offered = Some(beat);
            return;
        }
        self.offered = None;
        self.beats += 1;
        self.last_beat = clock;
        self.open.extend_from_slice(&data[..count]);
        if last {
            self.packets.push(std::mem::take(&mut self.open));
        }
    }
}
