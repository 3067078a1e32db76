//! What a chain is after a job, held against its plan.

use core::ops::Range;

use tandem_regs::sg_descriptor::{STATUS, offset};

use super::{Chain, DESCRIPTOR_BYTES, Words, ZEROES};
use crate::bus::Bus;
use crate::dma::error::{Direction, DmaError, descriptor_error};
use crate::dma::limits::Limits;
use crate::dma::plan::{Plan, Segment};

/// Bits of a status word below its flags (PG021).
const LENGTH_BITS: u32 = 26;

/// The DMA may have written to memory that it was not given: [`Chain::astray`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Astray {
    /// The job's own input may be hit, too.
    pub own: bool,
}

/// How much of a chain is compared with its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// Only where the data went. With the status words checked this is enough after a success:
    /// another wrong word shows as a missing completion or a wrong length, or had no effect.
    Buffers,
    /// Every word that software wrote.
    All,
}

/// Wrapping sums over a chain: what [`Chain::glance`] compares in place of each word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// Of the BUFFER words.
    buffers: u32,
    /// Of the status words after a job that went as planned.
    status: u32,
    /// Of the lengths; 0 where [`Chain::glance`] can prove nothing.
    bytes: u32,
}

impl Sums {
    /// Of the chain of a plan with `count` descriptors.
    pub(super) fn of(plan: &Plan, limits: Limits, count: u32) -> Self {
        let (mut buffers, mut status, mut bytes) = (0u32, 0u32, 0u64);
        for segment in plan.segments(limits) {
            buffers = buffers.wrapping_add(segment.addr);
            status = status.wrapping_add(planned(plan, &segment));
            bytes += u64::from(segment.bytes);
        }
        // With fewer bytes than this their sum stays below the flags, and one packet a descriptor
        // makes the channel's count of packets a count of descriptors.
        let provable = plan.exact()
            && bytes < 1 << LENGTH_BITS
            && (plan.direction() == Direction::Mm2s || plan.packets() == count);
        let bytes = if provable { bytes as u32 } else { 0 };
        Self { buffers, status, bytes }
    }
}

/// The status word of a segment that went as planned.
fn planned(plan: &Plan, segment: &Segment) -> u32 {
    let mut status = STATUS::COMPLETE::SET.value | segment.bytes;
    if plan.direction() == Direction::S2mm {
        status |= STATUS::RXSOF.val(segment.first.into()).value;
        status |= STATUS::RXEOF.val(segment.last.into()).value;
    }
    status
}

impl Chain {
    /// Wrapping sums of all BUFFER and all status words in memory: two reads a descriptor.
    #[inline(always)]
    fn sums<B: Bus>(&self, bus: &B) -> [u32; 2] {
        let (mut buffers, mut status) = (0u32, 0u32);
        self.each(|at| {
            buffers = buffers.wrapping_add(bus.read32(at.wrapping_add(offset::BUFFER)));
            status = status.wrapping_add(bus.read32(at.wrapping_add(offset::STATUS)));
        });
        [buffers, status]
    }

    /// Whether the sums alone prove what [`Chain::examine`] would find out word by word. The caller
    /// has seen the channel without an error and with its interrupt pending, which counts the ends
    /// of as many packets as were planned.
    ///
    /// Why that is enough: the status words were 0, so a descriptor that moved bytes was completed
    /// by the DMA. None moves more than it was given, and together they fit below the flags, so the
    /// right total is the right length everywhere. As many packets as descriptors have ended, each
    /// in one of them. A descriptor's error would have stopped the channel. One buffer address that
    /// is not what was written changes their sum; changes of several whose sum is 0 modulo 2^32 are not
    /// seen.
    #[inline(always)]
    fn glance<B: Bus>(&self, bus: &B) -> bool {
        let Sums { buffers, status, bytes } = self.sums;
        bytes != 0 && self.sums(bus) == [buffers, status]
    }

    /// Compares the descriptors in memory with the plan.
    ///
    /// # Errors
    /// [`DmaError::DescriptorCorrupt`].
    pub fn verify<B: Bus>(&self, bus: &B, level: Verify) -> Result<(), DmaError> {
        let same = |(at, words, _): (u32, Words, Segment)| {
            bus.read32(at + offset::BUFFER) == words.buffer
                && (level == Verify::Buffers
                    || bus.read32(at + offset::NXTDESC) == words.next
                        && bus.read32(at + offset::CONTROL) == words.control
                        && ZEROES.iter().all(|zero| bus.read32(at + zero) == 0))
        };
        if self.expected().all(same) { Ok(()) } else { Err(DmaError::DescriptorCorrupt) }
    }

    /// Where the DMA may have written because a word in memory is not what was written there.
    /// `own` is the job's input. A pointer that is not aligned is refused before anything is moved.
    pub fn astray<B: Bus>(&self, bus: &B, own: &Range<u32>) -> Option<Astray> {
        let writes = self.plan.direction() == Direction::S2mm;
        let mut astray = None;
        for (at, words, segment) in self.expected() {
            let buffer = bus.read32(at + offset::BUFFER);
            let next = bus.read32(at + offset::NXTDESC) ^ words.next;
            if writes && buffer != words.buffer {
                let end = buffer.saturating_add(segment.bytes);
                astray = Some(Astray { own: buffer < own.end && own.start < end });
            } else if next != 0 && next.is_multiple_of(DESCRIPTOR_BYTES) && astray.is_none() {
                astray = Some(Astray { own: false });
            }
        }
        astray
    }

    /// The tail's status word says complete.
    pub fn tail_complete<B: Bus>(&self, bus: &B) -> bool {
        STATUS::COMPLETE.is_set(bus.read32(self.tail().wrapping_add(offset::STATUS)))
    }

    /// Checks each descriptor after the end of the job: complete, without error, as many bytes as
    /// planned, packets where they belong, data where it belongs. Returns the bytes moved.
    ///
    /// `announced`: the channel stands without an error and says that all planned packets have
    /// ended. Then sums over the chain prove the rest, unless they differ from the planned ones.
    ///
    /// # Errors
    /// The status words' error, [`DmaError::StreamMismatch`], or (instead of either, because it
    /// explains them) [`DmaError::DescriptorCorrupt`].
    #[inline(always)]
    pub fn collect<B: Bus>(&self, bus: &B, announced: bool) -> Result<u32, DmaError> {
        if announced && self.glance(bus) { Ok(self.sums.bytes) } else { self.examine(bus) }
    }

    /// [`Chain::collect`] word by word.
    #[inline(never)]
    fn examine<B: Bus>(&self, bus: &B) -> Result<u32, DmaError> {
        let mut total = 0;
        for (at, words, segment) in self.expected() {
            let status = bus.read32(at + offset::STATUS);
            match self.judge(status, &segment) {
                Ok(bytes) => total += bytes,
                Err(error) => return Err(self.explain(bus, error)),
            }
            if bus.read32(at + offset::BUFFER) != words.buffer {
                return Err(DmaError::DescriptorCorrupt);
            }
        }
        Ok(total)
    }

    /// One status word against its segment.
    fn judge(&self, status: u32, segment: &Segment) -> Result<u32, DmaError> {
        if let Some(error) = descriptor_error(status) {
            return Err(error);
        }
        let bytes = STATUS::TRANSFERRED.read(status);
        let full = if self.plan.exact() {
            bytes == segment.bytes
        } else {
            (1..=segment.bytes).contains(&bytes)
        };
        // RXSOF and RXEOF belong to S2MM alone.
        let borders = self.plan.direction() == Direction::Mm2s
            || STATUS::RXSOF.is_set(status) == segment.first
                && STATUS::RXEOF.is_set(status) == segment.last;
        if STATUS::COMPLETE.is_set(status) && full && borders {
            Ok(bytes)
        } else {
            Err(DmaError::StreamMismatch)
        }
    }

    /// Finds the cause of `error`: a descriptor that is not what was written explains any other.
    /// Slow (it may read the whole chain): for after a failure.
    #[inline(never)]
    pub fn explain<B: Bus>(&self, bus: &B, error: DmaError) -> DmaError {
        // All status words were 0 at the start, and the DMA completes no descriptor without bytes.
        let planted = |(at, ..): (u32, Words, Segment)| {
            let status = bus.read32(at + offset::STATUS);
            STATUS::COMPLETE.is_set(status)
                && STATUS::TRANSFERRED.read(status) == 0
                && descriptor_error(status).is_none()
        };
        if self.verify(bus, Verify::All).is_err()
            || error == DmaError::SgInternal && self.expected().any(planted)
        {
            DmaError::DescriptorCorrupt
        } else {
            error
        }
    }
}
