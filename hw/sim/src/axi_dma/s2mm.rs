//! Stream to memory.

use tandem_regs::sg_descriptor::STATUS;

use super::Channel;
use crate::fabric::Fabric;

impl Channel {
    /// Offers the rest of a packet; `last` says that TLAST comes with its last byte. Returns how
    /// many bytes were taken: fewer than offered means that no buffer is left, and the stream
    /// stands still.
    ///
    /// "Scatter/Gather Mode": a packet longer than its descriptor goes on in the next one (RXSOF
    /// in the first, RXEOF in the last), a shorter one ends it early, and the next packet begins
    /// with the next descriptor.
    pub fn offer(&mut self, now: u64, fabric: &Fabric, bytes: &[u8], last: bool) -> usize {
        let mut taken = 0;
        while taken < bytes.len() {
            self.fetch(fabric);
            let Some(descriptor) = self.fetched else { break };
            let rest = &bytes[taken..];
            let room = (descriptor.len - self.moved) as usize;
            let piece = &rest[..room.min(rest.len())];
            if let Err(error) = fabric.write(descriptor.buffer + u64::from(self.moved), piece) {
                self.fail_data(&descriptor, error, fabric);
                break;
            }
            self.sof |= !self.in_packet;
            self.in_packet = true;
            self.moved += piece.len() as u32;
            taken += piece.len();
            let eof = last && taken == bytes.len();
            if !eof && self.moved < descriptor.len {
                continue;
            }
            let mut flags = STATUS::TRANSFERRED.val(self.moved).value;
            if self.sof {
                flags |= STATUS::RXSOF::SET.value;
            }
            if eof {
                flags |= STATUS::RXEOF::SET.value;
                self.in_packet = false;
            }
            if !self.complete(&descriptor, flags, fabric) {
                break;
            }
            if eof {
                self.packet_done(now);
            }
        }
        taken
    }
}
