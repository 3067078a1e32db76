//! Chains that are kept for jobs like earlier ones.

use super::{Chain, DESCRIPTOR_BYTES};
use crate::bus::Bus;
use crate::dma::limits::{Limits, PlanError};
use crate::dma::plan::Plan;

/// What a chain is found by where its plan is not at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Number of a set of parameters; 0 for none, which finds nothing.
    pub params: u32,
    /// Bus address of the slot.
    pub slot: u32,
    /// Its number, or any other that slots seldom share: where to look first. It is no part of what is
    /// found.
    pub hint: u16,
}

impl Key {
    /// Finds nothing.
    pub const NONE: Self = Self { params: 0, slot: 0, hint: 0 };

    /// The same parameters for the same slot.
    #[inline(always)]
    const fn is(self, other: Self) -> bool {
        self.params == other.params && self.slot == other.slot
    }
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
    /// By hint, where a chain was last found.
    hints: [u8; N],
    chains: heapless::Vec<Kept, N>,
}

impl<const N: usize> ChainCache<N> {
    /// Chains in the `bytes` at bus address `base` (64-byte aligned; never in the R5F's TCM).
    #[must_use]
    pub const fn new(base: u32, bytes: u32) -> Self {
        const { assert!(N > 0 && N <= 256, "no chains, or more than a hint can name") };
        let room = bytes / DESCRIPTOR_BYTES;
        Self { base, room, used: 0, clean: 0, hints: [0; N], chains: heapless::Vec::new() }
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
    #[inline(always)]
    pub fn find<B: Bus>(&mut self, bus: &B, key: Key) -> Option<usize> {
        let hint = usize::from(self.hints[usize::from(key.hint) % N]);
        let index = match self.chains.get(hint) {
            Some(kept) if key.params != 0 && kept.key.is(key) => hint,
            _ => self.search(key)?,
        };
        self.chains[index].chain.clear_status(bus);
        Some(index)
    }

    /// The same where the hint was of no use.
    #[inline(never)]
    fn search(&mut self, key: Key) -> Option<usize> {
        if key.params == 0 {
            return None;
        }
        let index = self.chains.iter().position(|kept| kept.key.is(key))?;
        self.hints[usize::from(key.hint) % N] = index as u8;
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
    #[inline(always)]
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
