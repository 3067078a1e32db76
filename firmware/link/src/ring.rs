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
    // Inside the block, as its geometry was checked: nothing of this wraps.
    #[inline(always)]
    const fn entry(&self, index: u32) -> u32 {
        let place = index & self.count.wrapping_sub(1);
        self.entries.wrapping_add(place.wrapping_mul(ENTRY_BYTES))
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
        self.room(tail)?;
        let mut bytes = [0; MESSAGE_BYTES];
        let used = postcard::to_slice(message, &mut bytes).map_err(|_| LinkError::TooLong)?.len();
        let (words, _) = bytes[..used.next_multiple_of(4)].as_chunks::<4>();
        self.append(mem, used, |entry| {
            for word in words {
                entry.put(u32::from_le_bytes(*word));
            }
        });
        Ok(())
    }

    /// Appends a message of `used` bytes whose words `encode` gives one after the other: as many as
    /// `used` bytes fill, and no more than an entry holds.
    ///
    /// # Errors
    /// As [`Producer::push`], but nothing is too long.
    #[inline(always)]
    pub(crate) fn push_words<M: SharedMemory>(
        &mut self,
        mem: &M,
        tail: u32,
        used: usize,
        encode: impl FnOnce(&mut Words<'_, M>),
    ) -> Result<(), LinkError> {
        self.room(tail)?;
        self.append(mem, used, encode);
        Ok(())
    }

    /// There is room for an entry, with the consumer at `tail`.
    #[inline(always)]
    fn room(&self, tail: u32) -> Result<(), LinkError> {
        match self.head.wrapping_sub(tail) {
            pending if pending > self.place.count => Err(LinkError::IndexCorrupt(pending)),
            pending if pending == self.place.count => Err(LinkError::Full),
            _ => Ok(()),
        }
    }

    #[inline(always)]
    fn append<M: SharedMemory>(
        &mut self,
        mem: &M,
        used: usize,
        encode: impl FnOnce(&mut Words<'_, M>),
    ) {
        let mut entry = Words { mem, at: self.place.entry(self.head) };
        entry.put(used as u32);
        encode(&mut entry);
        self.head = self.head.wrapping_add(1);
        mem.store(self.place.head, self.head);
    }
}

/// An entry that is being written.
pub(crate) struct Words<'a, M> {
    mem: &'a M,
    at: u32,
}

impl<M: SharedMemory> Words<'_, M> {
    /// Writes the next word.
    #[inline(always)]
    pub(crate) fn put(&mut self, word: u32) {
        self.mem.store_plain(self.at, word);
        self.at = self.at.wrapping_add(4);
    }
}

/// The consuming end.
#[derive(Debug)]
pub struct Consumer {
    place: Place,
    tail: u32,
    /// The producer's index as it was last seen.
    head: u32,
}

impl Consumer {
    /// Takes over the consuming end at `tail` and says so in its index word.
    pub fn start<M: SharedMemory>(mem: &M, place: Place, tail: u32) -> Self {
        mem.store(place.tail, tail);
        Self { place, tail, head: tail }
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
        let at = match self.next(mem)? {
            Ok(at) => at,
            Err(error) => return Some(Err(error)),
        };
        let mut entry = Entry::EMPTY;
        let copied = entry.copy(mem, at);
        self.consume(mem);
        Some(copied.and_then(|()| decode(entry.bytes())))
    }

    /// Offset of the next entry, if there is one. It is this side's until [`Consumer::consume`].
    ///
    /// # Errors
    /// [`LinkError::IndexCorrupt`]: everything in the ring is dropped.
    #[inline(always)]
    pub(crate) fn next<M: SharedMemory>(&mut self, mem: &M) -> Option<Result<u32, LinkError>> {
        let head = mem.load(self.place.head);
        self.head = head;
        let pending = head.wrapping_sub(self.tail);
        if pending == 0 {
            return None;
        }
        if pending > self.place.count {
            self.move_to(mem, head);
            return Some(Err(LinkError::IndexCorrupt(pending)));
        }
        Some(Ok(self.place.entry(self.tail)))
    }

    /// The entry that [`Consumer::next`] gave is the producer's again.
    #[inline(always)]
    pub(crate) fn consume<M: SharedMemory>(&mut self, mem: &M) {
        self.move_to(mem, self.tail.wrapping_add(1));
    }

    /// More was there when an entry was last taken. What came since has its own doorbell.
    pub fn has_more(&self) -> bool {
        self.head != self.tail
    }

    #[inline(always)]
    fn move_to<M: SharedMemory>(&mut self, mem: &M, tail: u32) {
        self.tail = tail;
        mem.store(self.place.tail, tail);
    }
}

/// A copy of an entry, which nobody else writes to.
#[derive(Debug)]
pub(crate) struct Entry {
    bytes: [u8; MESSAGE_BYTES],
    used: usize,
}

impl Entry {
    /// No message.
    pub(crate) const EMPTY: Self = Self { bytes: [0; MESSAGE_BYTES], used: 0 };

    /// The message.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// Copies the entry at `at` out of shared memory; it is not decoded.
    ///
    /// # Errors
    /// [`LinkError::BadLength`].
    #[inline(never)]
    pub(crate) fn copy<M: SharedMemory>(&mut self, mem: &M, at: u32) -> Result<(), LinkError> {
        let length = mem.load_plain(at);
        let used = length as usize;
        if used == 0 || used > MESSAGE_BYTES {
            return Err(LinkError::BadLength(length));
        }
        self.used = used;
        let mut at = at;
        for word in self.bytes[..used.next_multiple_of(4)].as_chunks_mut::<4>().0 {
            at = at.wrapping_add(4);
            *word = mem.load_plain(at).to_le_bytes();
        }
        Ok(())
    }
}

/// The message in the bytes of an entry.
///
/// # Errors
/// [`LinkError::Undecodable`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, LinkError> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        _ => Err(LinkError::Undecodable),
    }
}
