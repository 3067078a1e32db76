//! Single-producer single-consumer ring of message entries over shared words.
//!
//! `head` is the number of entries ever produced, `tail` of entries ever consumed; both run free
//! and wrap at 2^32, which a power-of-two ring survives. Each end caches the index that it owns,
//! so a word is never read back by its writer. An entry is a length word and the postcard bytes;
//! only the words in use are copied.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    error::LinkError,
    layout::{ENTRY_BYTES, MESSAGE_BYTES},
    memory::SharedMemory,
};

/// Where one ring lies in the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Offset of the producer's index.
    pub head: u32,
    /// Offset of the consumer's index.
    pub tail: u32,
    /// Offset of the first entry.
    pub entries: u32,
    /// Number of entries, a power of two.
    pub count: u32,
}

impl Place {
    /// Offset of the entry for a free-running index.
    const fn entry(&self, index: u32) -> u32 {
        self.entries + (index & (self.count - 1)) * ENTRY_BYTES
    }
}

/// The producing end.
#[derive(Debug)]
pub struct Producer {
    place: Place,
    head: u32,
}

impl Producer {
    /// Takes over the producing end where its index word stands.
    pub fn resume<M: SharedMemory>(mem: &M, place: Place) -> Self {
        Self { place, head: mem.load(place.head) }
    }

    /// Entries ever produced.
    pub fn head(&self) -> u32 {
        self.head
    }

    /// The consumer's index as its word says.
    pub fn tail<M: SharedMemory>(&self, mem: &M) -> u32 {
        mem.load(self.place.tail)
    }

    /// Free entries if the consumer stands at `tail`; 0 for an index that cannot be.
    pub fn free(&self, tail: u32) -> u32 {
        self.place.count.saturating_sub(self.head.wrapping_sub(tail))
    }

    /// Appends a message, with the consumer at `tail`.
    ///
    /// # Errors
    /// [`LinkError::Full`], [`LinkError::TooLong`]; [`LinkError::IndexCorrupt`] for an index that
    /// cannot be: only a new epoch helps.
    pub fn push<M: SharedMemory, T: Serialize>(
        &mut self,
        mem: &M,
        tail: u32,
        message: &T,
    ) -> Result<(), LinkError> {
        match self.head.wrapping_sub(tail) {
            pending if pending > self.place.count => return Err(LinkError::IndexCorrupt(pending)),
            pending if pending == self.place.count => return Err(LinkError::Full),
            _ => {}
        }
        let mut bytes = [0; MESSAGE_BYTES];
        let used = postcard::to_slice(message, &mut bytes).map_err(|_| LinkError::TooLong)?.len();
        let entry = self.place.entry(self.head);
        mem.store_plain(entry, used as u32);
        for (i, word) in bytes[..used.next_multiple_of(4)].chunks_exact(4).enumerate() {
            let word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
            mem.store_plain(entry + 4 + 4 * i as u32, word);
        }
        self.head = self.head.wrapping_add(1);
        mem.store(self.place.head, self.head);
        Ok(())
    }
}

/// The consuming end.
#[derive(Debug)]
pub struct Consumer {
    place: Place,
    tail: u32,
}

impl Consumer {
    /// Takes over the consuming end at `tail` and says so in its index word.
    pub fn start<M: SharedMemory>(mem: &M, place: Place, tail: u32) -> Self {
        mem.store(place.tail, tail);
        Self { place, tail }
    }

    /// Takes the next message, if there is one.
    ///
    /// # Errors
    /// [`LinkError::BadLength`], [`LinkError::Undecodable`]: the entry is consumed.
    /// [`LinkError::IndexCorrupt`]: everything in the ring is dropped.
    pub fn pop<M: SharedMemory, T: DeserializeOwned>(
        &mut self,
        mem: &M,
    ) -> Option<Result<T, LinkError>> {
        let head = mem.load(self.place.head);
        let pending = head.wrapping_sub(self.tail);
        if pending == 0 {
            return None;
        }
        if pending > self.place.count {
            self.move_to(mem, head);
            return Some(Err(LinkError::IndexCorrupt(pending)));
        }
        let message = read_entry(mem, self.place.entry(self.tail));
        self.move_to(mem, self.tail.wrapping_add(1));
        Some(message)
    }

    fn move_to<M: SharedMemory>(&mut self, mem: &M, tail: u32) {
        self.tail = tail;
        mem.store(self.place.tail, tail);
    }
}

/// Copies an entry out of shared memory, then decodes the copy.
fn read_entry<M: SharedMemory, T: DeserializeOwned>(mem: &M, entry: u32) -> Result<T, LinkError> {
    let length = mem.load_plain(entry);
    let used = length as usize;
    if used == 0 || used > MESSAGE_BYTES {
        return Err(LinkError::BadLength(length));
    }
    let mut bytes = [0; MESSAGE_BYTES];
    for (i, word) in bytes[..used.next_multiple_of(4)].chunks_exact_mut(4).enumerate() {
        word.copy_from_slice(&mem.load_plain(entry + 4 + 4 * i as u32).to_le_bytes());
    }
    match postcard::take_from_bytes(&bytes[..used]) {
        Ok((message, [])) => Ok(message),
        _ => Err(LinkError::Undecodable),
    }
}
