//! Chains: a plan as descriptors in memory. Here they are written; [`check`] compares them with their
//! plan, [`cache`] keeps them for jobs like earlier ones.

mod cache;
mod check;

use tandem_regs::sg_descriptor::{CONTROL, offset};

use super::error::Direction;
use super::limits::Limits;
use super::plan::{Plan, Segment};
use crate::bus::Bus;

pub use cache::{ChainCache, Key};
use check::Sums;
pub use check::{Astray, Verify};

/// Bytes from one descriptor to the next; also their alignment (PG021).
pub const DESCRIPTOR_BYTES: u32 = 64;

/// A chain in memory. It holds its plan, which is the reference for all checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    first: u32,
    tail: u32,
    count: u32,
    packets: u32,
    plan: Plan,
    limits: Limits,
    sums: Sums,
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
        self.tail
    }

    /// Descriptors.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Packets that the chain begins and ends.
    #[must_use]
    pub const fn packets(&self) -> u32 {
        self.packets
    }

    /// What the chain moves.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The chain of `plan` at `first`; nothing is written yet.
    fn new(first: u32, plan: Plan, limits: Limits) -> Self {
        let (count, packets) = (plan.descriptors(limits), plan.packets());
        let tail = first + (count - 1) * DESCRIPTOR_BYTES;
        let sums = Sums::of(&plan, limits, count);
        Self { first, tail, count, packets, plan, limits, sums }
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
    #[inline(always)]
    pub fn clear_status<B: Bus>(&self, bus: &B) {
        self.each(|at| bus.write32(at.wrapping_add(offset::STATUS), 0));
    }

    /// Calls `look` with the address of each descriptor.
    #[inline(always)]
    fn each(&self, mut look: impl FnMut(u32)) {
        let mut at = self.first;
        let mut next = || {
            look(at);
            at = at.wrapping_add(DESCRIPTOR_BYTES);
        };
        // By eights: the loop itself would cost more than what it does.
        for _ in 0..self.count / 8 {
            next();
            next();
            next();
            next();
            next();
            next();
            next();
            next();
        }
        if self.count & 4 != 0 {
            next();
            next();
            next();
            next();
        }
        if self.count & 2 != 0 {
            next();
            next();
        }
        if self.count & 1 != 0 {
            next();
        }
    }
}

/// Words of a descriptor that are always zero here: upper halves of addresses, and reserved ones.
const ZEROES: [u32; 4] = [offset::NXTDESC_MSB, offset::BUFFER_MSB, 0x10, 0x14];
