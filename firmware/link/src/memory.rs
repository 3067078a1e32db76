//! The seam between the protocol and the memory it lives in.

/// A block of shared words that both sides of a link see.
///
/// The rules of the shared words are the rules of this trait: every access is a 32-bit aligned
/// word, every word has one writer, and there is no read-modify-write (A53 and R5F share no
/// exclusive monitor, and UIO maps are Device memory).
pub trait SharedMemory {
    /// Size of the block in bytes.
    fn size(&self) -> u32;
    /// Load-acquire of the word at `offset` bytes: later accesses are not moved before it.
    fn load(&self, offset: u32) -> u32;
    /// Store-release of the word at `offset` bytes: earlier accesses are not moved after it.
    fn store(&self, offset: u32, value: u32);
    /// Plain load of a message word; ordered by the acquire load of the ring index before it.
    fn load_plain(&self, offset: u32) -> u32 {
        self.load(offset)
    }
    /// Plain store of a message word; ordered by the release store of the ring index after it.
    fn store_plain(&self, offset: u32, value: u32) {
        self.store(offset, value);
    }
}

impl<M: SharedMemory + ?Sized> SharedMemory for &M {
    fn size(&self) -> u32 {
        (**self).size()
    }
    fn load(&self, offset: u32) -> u32 {
        (**self).load(offset)
    }
    fn store(&self, offset: u32, value: u32) {
        (**self).store(offset, value);
    }
    fn load_plain(&self, offset: u32) -> u32 {
        (**self).load_plain(offset)
    }
    fn store_plain(&self, offset: u32, value: u32) {
        (**self).store_plain(offset, value);
    }
}

#[cfg(feature = "std")]
pub use host::HostMemory;

#[cfg(feature = "std")]
mod host {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::SharedMemory;

    /// A block of this process's own memory; clones share it. For tests and links between threads.
    #[derive(Clone, Debug)]
    pub struct HostMemory {
        words: Arc<[AtomicU32]>,
    }

    impl HostMemory {
        /// A block of zeros.
        ///
        /// # Panics
        /// `bytes` is not a multiple of 4.
        pub fn new(bytes: u32) -> Self {
            Self::filled(bytes, |_| 0)
        }

        /// A block whose words are what `word` says for their index: what memory holds at power-up.
        ///
        /// # Panics
        /// `bytes` is not a multiple of 4.
        pub fn filled(bytes: u32, mut word: impl FnMut(u32) -> u32) -> Self {
            assert!(bytes.is_multiple_of(4), "a block is made of whole words");
            Self { words: (0..bytes / 4).map(|i| AtomicU32::new(word(i))).collect() }
        }

        fn word(&self, offset: u32) -> &AtomicU32 {
            assert!(offset.is_multiple_of(4), "offset {offset:#x} is not a word");
            &self.words[offset as usize / 4]
        }
    }

    impl SharedMemory for HostMemory {
        fn size(&self) -> u32 {
            self.words.len() as u32 * 4
        }
        fn load(&self, offset: u32) -> u32 {
            self.word(offset).load(Ordering::Acquire)
        }
        fn store(&self, offset: u32, value: u32) {
            self.word(offset).store(value, Ordering::Release);
        }
        fn load_plain(&self, offset: u32) -> u32 {
            self.word(offset).load(Ordering::Relaxed)
        }
        fn store_plain(&self, offset: u32, value: u32) {
            self.word(offset).store(value, Ordering::Relaxed);
        }
    }
}
