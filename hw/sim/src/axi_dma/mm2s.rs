//! Memory to stream.

use tandem_regs::sg_descriptor::STATUS;

use super::{Channel, Descriptor};
use crate::fabric::{BusError, Fabric};

/// Reads of a descriptor's data: the offset from the buffer's first byte, and where to put it.
pub type ReadData<'a> = &'a mut dyn FnMut(usize, &mut [u8]) -> Result<(), BusError>;

/// The slave side of a stream: takes what a channel sends.
pub trait Sink {
    /// Takes the packet's next `len` bytes: calls `read(offset, bytes)` for each piece that it
    /// wants, with `offset` counted from the first of these `len` bytes.
    ///
    /// # Errors
    /// What `read` answers.
    fn accept(&mut self, len: usize, read: ReadData<'_>) -> Result<(), BusError>;
}

/// How far a packet came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pumped {
    /// TLAST was sent.
    Packet,
    /// The channel has no further descriptor (yet), or has halted.
    Starved,
}

impl Channel {
    /// Sends descriptors to `sink` until a packet ends or there are none left. `answer` replaces
    /// the answer of the first data read.
    ///
    /// "MM2S Descriptor Settings": TXEOF ends the packet; TXSOF only resets the realignment
    /// engine, so nothing is to be modelled of it.
    pub fn pump(
        &mut self,
        now: u64,
        fabric: &Fabric,
        mut answer: impl FnMut() -> Option<BusError>,
        sink: &mut dyn Sink,
    ) -> Pumped {
        loop {
            self.fetch(fabric);
            let Some(descriptor) = self.fetched else { return Pumped::Starved };
            let len = descriptor.len as usize;
            let moved = match answer() {
                Some(error) => Err(error),
                // The whole buffer is checked, wanted by the sink or not.
                None => fabric.probe_read(descriptor.buffer, len).and_then(|_| {
                    sink.accept(len, &mut |at, bytes| {
                        fabric.read(descriptor.buffer + at as u64, bytes)
                    })
                }),
            };
            if let Err(error) = moved {
                self.fail_data(&descriptor, error, fabric);
                return Pumped::Starved;
            }
            if self.sent(now, &descriptor, fabric) {
                return Pumped::Packet;
            }
        }
    }

    /// Sends at most as many bytes as `room` has, and no further than a descriptor or a packet
    /// goes. Returns how many were sent, and whether TLAST came with the last one.
    pub fn send(&mut self, now: u64, fabric: &Fabric, room: &mut [u8]) -> (usize, bool) {
        self.fetch(fabric);
        let Some(descriptor) = self.fetched else { return (0, false) };
        let count = room.len().min((descriptor.len - self.moved) as usize);
        let from = descriptor.buffer + u64::from(self.moved);
        if let Err(error) = fabric.read(from, &mut room[..count]) {
            self.fail_data(&descriptor, error, fabric);
            return (0, false);
        }
        self.moved += count as u32;
        let whole = self.moved == descriptor.len;
        (count, whole && self.sent(now, &descriptor, fabric))
    }

    /// All of `descriptor` has been sent. True: with it, a packet.
    fn sent(&mut self, now: u64, descriptor: &Descriptor, fabric: &Fabric) -> bool {
        let bytes = STATUS::TRANSFERRED.val(descriptor.len).value;
        let ended = self.complete(descriptor, bytes, fabric) && descriptor.eof;
        if ended {
            self.packet_done(now);
        }
        ended
    }
}
