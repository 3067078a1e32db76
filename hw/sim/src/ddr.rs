//! The board's DDR: one memory file that every side maps.
//!
//! Inside this process the memory is a slice of atomic words and nothing else: no reference to
//! plain bytes is ever made, so an access that races with another side (a payload slot used
//! against the protocol) gives mixed data, as on the board, and not undefined behaviour. Other
//! mappings of the file, in this process or another, are other memory to the language.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use thiserror::Error;

const WORD: usize = size_of::<u32>();

/// An access outside the memory: what a bus answers with DECERR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("ddr: {len} bytes at {addr:#010x} are outside the memory or misaligned")]
pub struct DecodeError {
    /// First byte, bus address.
    pub addr: u32,
    /// Bytes.
    pub len: usize,
}

/// The memory could not be made.
#[derive(Debug, Error)]
pub enum DdrError {
    /// Base or size is not a multiple of 4096, or the end is above the 32-bit address space.
    #[error("ddr: base {base:#010x} and size {size:#x} must be multiples of 4096 below 4 GiB")]
    Geometry {
        /// Bus address.
        base: u32,
        /// Bytes.
        size: u32,
    },
    /// The file ends before the memory does.
    #[error("ddr: the file holds {have} bytes, offset {offset} and size need {need}")]
    Short {
        /// Bytes in the file.
        have: u64,
        /// First byte of the memory in the file.
        offset: u64,
        /// Bytes that the file must hold.
        need: u64,
    },
    /// The system refused.
    #[error("ddr: {0}")]
    System(#[from] std::io::Error),
}

struct Inner {
    file: File,
    offset: u64,
    map: MmapRaw,
    base: u32,
    size: u32,
}

/// The board's DDR; a clone shares the memory.
#[derive(Clone)]
pub struct Ddr(Arc<Inner>);

impl Ddr {
    /// Makes a zeroed memory of `size` bytes at bus address `base`. The file can be mapped by
    /// others ([`Ddr::fd`]) and cannot shrink.
    ///
    /// # Errors
    /// [`DdrError::Geometry`], or what the system says.
    pub fn create(base: u32, size: u32) -> Result<Self, DdrError> {
        let fd = memfd_create("tandem-ddr", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
            .map_err(std::io::Error::from)?;
        let file = File::from(fd);
        file.set_len(u64::from(size))?;
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW)
            .map_err(std::io::Error::from)?;
        Self::map(file, 0, base, size)
    }

    /// Takes `size` bytes at `offset` (a multiple of 4096) of an existing file, such as the memory
    /// of a QEMU guest. Nobody may truncate the file while it is mapped: the access would end the
    /// process.
    ///
    /// # Errors
    /// [`DdrError::Geometry`], [`DdrError::Short`], or what the system says.
    pub fn open(fd: OwnedFd, offset: u64, base: u32, size: u32) -> Result<Self, DdrError> {
        Self::map(File::from(fd), offset, base, size)
    }

    fn map(file: File, offset: u64, base: u32, size: u32) -> Result<Self, DdrError> {
        let aligned = base.is_multiple_of(4096) && size.is_multiple_of(4096) && size != 0;
        if !aligned || base.checked_add(size - 1).is_none() || !offset.is_multiple_of(4096) {
            return Err(DdrError::Geometry { base, size });
        }
        let have = file.metadata()?.len();
        let need = offset.checked_add(u64::from(size)).ok_or(DdrError::Geometry { base, size })?;
        if have < need {
            return Err(DdrError::Short { have, offset, need });
        }
        let map = MmapOptions::new().offset(offset).len(size as usize).map_raw(&file)?;
        Ok(Self(Arc::new(Inner { file, offset, map, base, size })))
    }

    /// Bus address of the first byte.
    pub fn base(&self) -> u32 {
        self.0.base
    }

    /// Bytes.
    pub fn size(&self) -> u32 {
        self.0.size
    }

    /// The file behind the memory.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.file.as_fd()
    }

    /// Position of bus address `addr` in the file.
    ///
    /// # Errors
    /// [`DecodeError`] outside the memory.
    pub fn file_offset(&self, addr: u32) -> Result<u64, DecodeError> {
        Ok(self.0.offset + self.position(addr, 1)? as u64)
    }

    fn position(&self, addr: u32, len: usize) -> Result<usize, DecodeError> {
        let outside = DecodeError { addr, len };
        let position = addr.checked_sub(self.0.base).ok_or(outside)? as usize;
        let end = position.checked_add(len).ok_or(outside)?;
        if end > self.0.size as usize { Err(outside) } else { Ok(position) }
    }

    fn words(&self) -> &[AtomicU32] {
        let words = self.0.size as usize / WORD;
        // SAFETY: the mapping is `size` bytes long, page aligned, readable and writable, and lives
        // as long as `self.0`, which the result borrows. The bytes are initialized (a file), every
        // bit pattern is an `AtomicU32`, and this process reaches this mapping in no other way.
        unsafe { std::slice::from_raw_parts(self.0.map.as_ptr().cast::<AtomicU32>(), words) }
    }

    /// The aligned word at `addr`, for rings and tables that choose their own orderings.
    ///
    /// # Errors
    /// [`DecodeError`] outside the memory or misaligned.
    pub fn word(&self, addr: u32) -> Result<&AtomicU32, DecodeError> {
        let position = self.position(addr, WORD)?;
        if !position.is_multiple_of(WORD) {
            return Err(DecodeError { addr, len: WORD });
        }
        Ok(&self.words()[position / WORD])
    }

    /// Reads the aligned word at `addr` (acquire).
    ///
    /// # Errors
    /// [`DecodeError`] outside the memory or misaligned.
    pub fn read32(&self, addr: u32) -> Result<u32, DecodeError> {
        Ok(u32::from_le(self.word(addr)?.load(Ordering::Acquire)))
    }

    /// Writes the aligned word at `addr` (release).
    ///
    /// # Errors
    /// [`DecodeError`] outside the memory or misaligned.
    pub fn write32(&self, addr: u32, value: u32) -> Result<(), DecodeError> {
        self.word(addr)?.store(value.to_le(), Ordering::Release);
        Ok(())
    }

    /// Copies memory at `addr` (any alignment) to `bytes`. Whole words are read whole.
    ///
    /// # Errors
    /// [`DecodeError`] outside the memory; nothing was copied then.
    pub fn read(&self, addr: u32, bytes: &mut [u8]) -> Result<(), DecodeError> {
        let position = self.position(addr, bytes.len())?;
        let (words, mut index, skip) = (self.words(), position / WORD, position % WORD);
        let (head, rest) = bytes.split_at_mut(head_len(skip, bytes.len()));
        if !head.is_empty() {
            head.copy_from_slice(&load(&words[index])[skip..skip + head.len()]);
            index += 1;
        }
        let (whole, tail) = rest.split_at_mut(rest.len() / WORD * WORD);
        for (chunk, word) in whole.chunks_exact_mut(WORD).zip(&words[index..]) {
            chunk.copy_from_slice(&load(word));
        }
        if !tail.is_empty() {
            tail.copy_from_slice(&load(&words[index + whole.len() / WORD])[..tail.len()]);
        }
        Ok(())
    }

    /// Copies `bytes` to memory at `addr` (any alignment). Whole words are written whole; the
    /// other bytes of a word that is written in part keep their values.
    ///
    /// # Errors
    /// [`DecodeError`] outside the memory; nothing was copied then.
    pub fn write(&self, addr: u32, bytes: &[u8]) -> Result<(), DecodeError> {
        let position = self.position(addr, bytes.len())?;
        let (words, mut index, skip) = (self.words(), position / WORD, position % WORD);
        let (head, rest) = bytes.split_at(head_len(skip, bytes.len()));
        if !head.is_empty() {
            merge(&words[index], skip, head);
            index += 1;
        }
        let (whole, tail) = rest.split_at(rest.len() / WORD * WORD);
        for (chunk, word) in whole.chunks_exact(WORD).zip(&words[index..]) {
            word.store(u32::from_ne_bytes(chunk.try_into().unwrap_or_default()), Ordering::Relaxed);
        }
        if !tail.is_empty() {
            merge(&words[index + whole.len() / WORD], 0, tail);
        }
        Ok(())
    }
}

/// Bytes before the first word border of an access that begins `skip` bytes into a word.
fn head_len(skip: usize, len: usize) -> usize {
    if skip == 0 { 0 } else { (WORD - skip).min(len) }
}

/// A word as the bytes in memory.
fn load(word: &AtomicU32) -> [u8; WORD] {
    word.load(Ordering::Relaxed).to_ne_bytes()
}

/// Replaces `bytes.len()` bytes of `word` from byte `skip` on.
fn merge(word: &AtomicU32, skip: usize, bytes: &[u8]) {
    let replace = |old: u32| {
        let mut new = old.to_ne_bytes();
        new[skip..skip + bytes.len()].copy_from_slice(bytes);
        u32::from_ne_bytes(new)
    };
    let mut old = word.load(Ordering::Relaxed);
    while let Err(now) =
        word.compare_exchange_weak(old, replace(old), Ordering::Relaxed, Ordering::Relaxed)
    {
        old = now;
    }
}
