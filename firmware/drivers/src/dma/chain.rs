//! Chains: a plan as descriptors in memory; building, reuse, verification, status.

use core::ops::Range;

use tandem_regs::sg_descriptor::{CONTROL, STATUS, offset};

use super::error::{Direction, DmaError, descriptor_error};
use super::limits::{Limits, PlanError};
use super::plan::{Plan, Segment};
use crate::bus::Bus;

/// Bits of a status word below its flags (PG021).
const LENGTH_BITS: u32 = 26;

/// Bytes from one descriptor to the next; also their alignment (PG021).
pub const DESCRIPTOR_BYTES: u32 = 64;

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

/// A chain in memory. It holds its plan, which is the reference for all checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    first: u32,
    count: u32,
    plan: Plan,
    limits: Limits,
    sums: Sums,
}

/// Wrapping sums over a chain: what [`Chain::glance`] compares in place of each word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    /// Of the BUFFER words.
    buffers: u32,
    /// Of the status words after a job that went as planned.
    status: u32,
    /// Of the lengths; 0 where [`Chain::glance`] can prove nothing.
    bytes: u32,
}

/// The words of a descriptor that are not always zero.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Words {
    next: u32,
    buffer: u32,
    control: u32,
}

impl Chain {
    /// Bus address of the first descriptor: CURDESC.
    #[must_use]
    pub const fn first(&self) -> u32 {
        self.first
    }

    /// Bus address of the last descriptor: TAILDESC.
    #[must_use]
    pub const fn tail(&self) -> u32 {
        self.first + (self.count - 1) * DESCRIPTOR_BYTES
    }

    /// Descriptors.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// What the chain moves.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The chain of `plan` at `first`; nothing is written yet.
    fn new(first: u32, plan: Plan, limits: Limits) -> Self {
        let count = plan.descriptors(limits);
        let mut chain = Self { first, count, plan, limits, sums: Sums::default() };
        let (mut buffers, mut status, mut bytes) = (0u32, 0u32, 0u64);
        for segment in plan.segments(limits) {
            buffers = buffers.wrapping_add(segment.addr);
            status = status.wrapping_add(chain.planned(&segment));
            bytes += u64::from(segment.bytes);
        }
        // With fewer bytes than this their sum stays below the flags, and one packet a descriptor
        // makes the channel's count of packets a count of descriptors.
        let provable = plan.exact()
            && bytes < 1 << LENGTH_BITS
            && (plan.direction() == Direction::Mm2s || plan.packets() == count);
        let bytes = if provable { bytes as u32 } else { 0 };
        chain.sums = Sums { buffers, status, bytes };
        chain
    }

    /// The status word of a segment that went as planned.
    fn planned(&self, segment: &Segment) -> u32 {
        let mut status = STATUS::COMPLETE::SET.value | segment.bytes;
        if self.plan.direction() == Direction::S2mm {
            status |= STATUS::RXSOF.val(segment.first.into()).value;
            status |= STATUS::RXEOF.val(segment.last.into()).value;
        }
        status
    }

    /// Every descriptor's address, words and segment. The last one points to the first: should
    /// the DMA ever run past the tail, it meets a completed descriptor and stops with an error.
    fn expected(&self) -> impl Iterator<Item = (u32, Words, Segment)> + use<> {
        let Self { first, plan, .. } = *self;
        let tail = self.tail();
        plan.segments(self.limits).scan(first, move |at, segment| {
            let here = *at;
            *at = here.wrapping_add(DESCRIPTOR_BYTES);
            let next = if here == tail { first } else { *at };
            let mut control = CONTROL::LENGTH.val(segment.bytes).value;
            if plan.direction() == Direction::Mm2s {
                control |= CONTROL::SOF.val(segment.first.into()).value;
                control |= CONTROL::EOF.val(segment.last.into()).value;
            }
            Some((here, Words { next, buffer: segment.addr, control }, segment))
        })
    }

    /// Writes all descriptors at `first`. `clean` says that the words that are always zero are.
    fn write<B: Bus>(&self, bus: &B, clean: impl Fn(u32) -> bool) {
        for (at, words, _) in self.expected() {
            bus.write32(at + offset::NXTDESC, words.next);
            bus.write32(at + offset::BUFFER, words.buffer);
            bus.write32(at + offset::CONTROL, words.control);
            bus.write32(at + offset::STATUS, 0);
            if !clean(at) {
                for zero in ZEROES {
                    bus.write32(at + zero, 0);
                }
            }
        }
    }

    /// Makes a chain that has run ready to run again: one write a descriptor.
    pub fn clear_status<B: Bus>(&self, bus: &B) {
        let mut at = self.first.wrapping_add(offset::STATUS);
        // By eights: the loop itself would cost more than what it does.
        for _ in 0..self.count / 8 {
            bus.write32(at, 0);
            bus.write32(at.wrapping_add(DESCRIPTOR_BYTES), 0);
            bus.write32(at.wrapping_add(2 * DESCRIPTOR_BYTES), 0);
            bus.write32(at.wrapping_add(3 * DESCRIPTOR_BYTES), 0);
            bus.write32(at.wrapping_add(4 * DESCRIPTOR_BYTES), 0);
            bus.write32(at.wrapping_add(5 * DESCRIPTOR_BYTES), 0);
            bus.write32(at.wrapping_add(6 * DESCRIPTOR_BYTES), 0);
            bus.write32(at.wrapping_add(7 * DESCRIPTOR_BYTES), 0);
            at = at.wrapping_add(8 * DESCRIPTOR_BYTES);
        }
        for _ in 0..self.count % 8 {
            bus.write32(at, 0);
            at = at.wrapping_add(DESCRIPTOR_BYTES);
        }
    }

    /// Wrapping sums of all BUFFER and all status words in memory: two reads a descriptor.
    fn sums<B: Bus>(&self, bus: &B) -> [u32; 2] {
        let (mut at, mut buffers, mut status) = (self.first, 0u32, 0u32);
        let mut add = |at: u32| {
            buffers = buffers.wrapping_add(bus.read32(at.wrapping_add(offset::BUFFER)));
            status = status.wrapping_add(bus.read32(at.wrapping_add(offset::STATUS)));
        };
        for _ in 0..self.count / 8 {
            add(at);
            add(at.wrapping_add(DESCRIPTOR_BYTES));
            add(at.wrapping_add(2 * DESCRIPTOR_BYTES));
            add(at.wrapping_add(3 * DESCRIPTOR_BYTES));
            add(at.wrapping_add(4 * DESCRIPTOR_BYTES));
            add(at.wrapping_add(5 * DESCRIPTOR_BYTES));
            add(at.wrapping_add(6 * DESCRIPTOR_BYTES));
            add(at.wrapping_add(7 * DESCRIPTOR_BYTES));
            at = at.wrapping_add(8 * DESCRIPTOR_BYTES);
        }
        for _ in 0..self.count % 8 {
            add(at);
            at = at.wrapping_add(DESCRIPTOR_BYTES);
        }
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
        STATUS::COMPLETE.is_set(bus.read32(self.tail() + offset::STATUS))
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
    pub fn collect<B: Bus>(&self, bus: &B, announced: bool) -> Result<u32, DmaError> {
        if announced && self.glance(bus) { Ok(self.sums.bytes) } else { self.examine(bus) }
    }

    /// [`Chain::collect`] word by word.
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

/// Words of a descriptor that are always zero here: upper halves of addresses, and reserved ones.
const ZEROES: [u32; 4] = [offset::NXTDESC_MSB, offset::BUFFER_MSB, 0x10, 0x14];

/// What a chain is found by where its plan is not at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Number of a set of parameters; 0 for none, which finds nothing.
    pub params: u32,
    /// Bus address of the slot.
    pub slot: u32,
}

impl Key {
    /// Finds nothing.
    pub const NONE: Self = Self { params: 0, slot: 0 };
}

#[derive(Debug)]
struct Kept {
    key: Key,
    chain: Chain,
}

/// Memory for the chains of one channel, which remembers up to `N` of them: a job like an earlier
/// one costs one write a descriptor instead of four to eight.
///
/// When room or entries run out, everything is forgotten and filling begins anew: with a working
/// set that fits (one chain a slot) that never happens, with a larger one it costs no more than
/// having no cache.
///
/// A key is kept beside the chain of its plan and nowhere else. Whatever overwrites a chain's memory
/// ([`ChainCache::place`]) or puts it in doubt ([`ChainCache::forget`]) drops both at once, so a key
/// finds the chain that was written for it, or nothing.
#[derive(Debug)]
pub struct ChainCache<const N: usize> {
    base: u32,
    room: u32,
    used: u32,
    /// Descriptors from the base on whose constant words were written since the last doubt.
    clean: u32,
    chains: heapless::Vec<Kept, N>,
}

impl<const N: usize> ChainCache<N> {
    /// Chains in the `bytes` at bus address `base` (64-byte aligned; never in the R5F's TCM).
    #[must_use]
    pub const fn new(base: u32, bytes: u32) -> Self {
        const { assert!(N > 0, "a cache for no chains") };
        let room = bytes / DESCRIPTOR_BYTES;
        Self { base, room, used: 0, clean: 0, chains: heapless::Vec::new() }
    }

    /// From now on in other memory; everything is forgotten. For a cache in a `static`.
    pub fn move_to(&mut self, base: u32, bytes: u32) {
        self.forget();
        (self.base, self.room) = (base, bytes / DESCRIPTOR_BYTES);
    }

    /// A chain for `plan`, ready to run. It stays as it is until the next call: at most one chain
    /// of a cache may be running.
    ///
    /// # Errors
    /// The plan does not fit the DMA's limits, or its chain the memory.
    pub fn prepare<B: Bus>(
        &mut self,
        bus: &B,
        plan: Plan,
        limits: Limits,
    ) -> Result<Chain, PlanError> {
        let index = self.place(bus, Key::NONE, plan, limits)?;
        Ok(*self.chain(index))
    }

    /// The chain that was placed under `key`, ready to run, if it is still there. The caller promises
    /// that a key stands for one plan for as long as this cache lives.
    pub fn find<B: Bus>(&self, bus: &B, key: Key) -> Option<usize> {
        if key.params == 0 {
            return None;
        }
        let index = self.chains.iter().position(|kept| kept.key == key)?;
        self.chains[index].chain.clear_status(bus);
        Some(index)
    }

    /// A chain for `plan`, ready to run and from now on found by `key`: its place, which is the
    /// chain's until the next call.
    ///
    /// # Errors
    /// As [`ChainCache::prepare`].
    pub fn place<B: Bus>(
        &mut self,
        bus: &B,
        key: Key,
        plan: Plan,
        limits: Limits,
    ) -> Result<usize, PlanError> {
        let known = |kept: &Kept| kept.chain.plan == plan && kept.chain.limits == limits;
        if let Some(index) = self.chains.iter().position(known) {
            let kept = &mut self.chains[index];
            kept.chain.clear_status(bus);
            kept.key = key;
            return Ok(index);
        }
        plan.check(limits)?;
        let count = plan.descriptors(limits);
        if count > self.room {
            return Err(PlanError::Room { need: count, have: self.room });
        }
        if self.used + count > self.room || self.chains.is_full() {
            self.chains.clear();
            self.used = 0;
        }
        let first = self.base + self.used * DESCRIPTOR_BYTES;
        let chain = Chain::new(first, plan, limits);
        let clean_end = self.base + self.clean * DESCRIPTOR_BYTES;
        chain.write(bus, |at| at < clean_end);
        self.used += count;
        self.clean = self.clean.max(self.used);
        // Not full, as made sure above.
        let _ = self.chains.push(Kept { key, chain });
        Ok(self.chains.len() - 1)
    }

    /// The chain at a place.
    ///
    /// # Panics
    /// No call has named that place since everything was forgotten.
    #[must_use]
    pub fn chain(&self, place: usize) -> &Chain {
        &self.chains[place].chain
    }

    /// Trusts nothing in memory any more; the next chains are written whole. To be called after
    /// every failure of a job.
    pub fn forget(&mut self) {
        self.chains.clear();
        self.used = 0;
        self.clean = 0;
    }
}
