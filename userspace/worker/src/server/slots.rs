//! Slots: a tensor and its heads, made at the start. Who has the token has the memory; a dropped
//! token goes back to the pool, so the slots of a dead client are the pool's when the last of its
//! jobs is dropped.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// Alignment of tensors and heads: a cache line, as in the agent's slots.
const ALIGN: usize = 64;

/// Bytes that begin at a multiple of [`ALIGN`].
#[derive(Debug)]
pub(super) struct Aligned {
    bytes: Box<[u8]>,
    start: usize,
    len: usize,
}

impl Aligned {
    fn zeros(len: usize) -> Self {
        let bytes = vec![0; len + ALIGN].into_boxed_slice();
        let start = bytes.as_ptr().align_offset(ALIGN);
        Self { bytes, start, len }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.len]
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.len]
    }
}

/// The memory of one job.
#[derive(Debug)]
pub(super) struct Memory {
    pub tensor: Aligned,
    pub heads: Aligned,
}

type Shelf = Arc<Mutex<Vec<Box<Memory>>>>;

/// Slots that no connection has.
#[derive(Debug)]
pub(super) struct Pool(Shelf);

/// A slot; the pool's again when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    memory: Option<Box<Memory>>,
    home: Shelf,
}

impl Pool {
    pub(super) fn new(slots: usize, tensor: usize, heads: usize) -> Self {
        let memory =
            || Box::new(Memory { tensor: Aligned::zeros(tensor), heads: Aligned::zeros(heads) });
        Self(Arc::new(Mutex::new((0..slots).map(|_| memory()).collect())))
    }

    /// Takes a slot, when a session begins; never on a job's way.
    pub(super) fn take(&self) -> Option<Slot> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(Slot { memory: Some(memory), home: self.0.clone() })
    }

    pub(super) fn free(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Deref for Slot {
    type Target = Memory;

    fn deref(&self) -> &Memory {
        self.memory.as_deref().expect("only a dropped slot has none")
    }
}

impl DerefMut for Slot {
    fn deref_mut(&mut self) -> &mut Memory {
        self.memory.as_deref_mut().expect("only a dropped slot has none")
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            // The shelf has room for all of them: it held them at the start.
            self.home.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
        }
    }
}
