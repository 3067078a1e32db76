//! Shared words in the board's memory.

use crate::life::Life;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use tandem_boards::Range;
use tandem_link::SharedMemory;
use tandem_sim::ddr::Ddr;

/// A region of the board's memory as the agent sees it. Clones share it.
#[derive(Clone)]
pub struct DdrMemory {
    ddr: Ddr,
    range: Range,
}

impl DdrMemory {
    /// The words of `range`, which the board's checks put inside `ddr`.
    pub(crate) fn new(ddr: &Ddr, range: Range) -> Self {
        Self { ddr: ddr.clone(), range }
    }

    fn word(&self, offset: u32) -> &AtomicU32 {
        let inside = offset < self.range.size && offset.is_multiple_of(4);
        assert!(inside, "no word at offset {offset:#x} of {}", self.range);
        self.ddr.word(self.range.base + offset).expect("a board's regions are inside its memory")
    }
}

impl SharedMemory for DdrMemory {
    fn size(&self) -> u32 {
        self.range.size
    }

    fn load(&self, offset: u32) -> u32 {
        u32::from_le(self.word(offset).load(Ordering::Acquire))
    }

    fn store(&self, offset: u32, value: u32) {
        self.word(offset).store(value.to_le(), Ordering::Release);
    }

    fn load_plain(&self, offset: u32) -> u32 {
        u32::from_le(self.word(offset).load(Ordering::Relaxed))
    }

    fn store_plain(&self, offset: u32, value: u32) {
        self.word(offset).store(value.to_le(), Ordering::Relaxed);
    }
}

/// The same words as the firmware sees them: each access is a kill point.
pub struct CoreMemory {
    words: DdrMemory,
    life: Arc<Life>,
}

impl CoreMemory {
    pub(crate) fn new(words: DdrMemory, life: Arc<Life>) -> Self {
        Self { words, life }
    }
}

impl SharedMemory for CoreMemory {
    fn size(&self) -> u32 {
        self.words.size()
    }

    fn load(&self, offset: u32) -> u32 {
        if self.life.access() { self.words.load(offset) } else { 0 }
    }

    fn store(&self, offset: u32, value: u32) {
        if self.life.access() {
            self.words.store(offset, value);
        }
    }

    fn load_plain(&self, offset: u32) -> u32 {
        if self.life.access() { self.words.load_plain(offset) } else { 0 }
    }

    fn store_plain(&self, offset: u32, value: u32) {
        if self.life.access() {
            self.words.store_plain(offset, value);
        }
    }
}
