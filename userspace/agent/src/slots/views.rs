//! Views with the rights of the part that makes them.

use std::ops::Range;

use rustix::mm::ProtFlags;
use tandem_link::SlotClass;
use tandem_link::slot::{Granted, Owned};

use super::{MapError, Mapping, Pool};

/// The token is not for a slot that this view covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("slot {0} is not in this view")]
pub struct WrongSlot(pub u16);

/// All payload slots, mapped without any right. The data plane holds it.
#[derive(Debug)]
pub struct PayloadGuard(Mapping);

impl PayloadGuard {
    /// Maps frame, tensor and heads slots `PROT_NONE`.
    ///
    /// # Errors
    /// [`MapError::Map`].
    pub fn new(pool: &Pool) -> Result<Self, MapError> {
        let payload = [SlotClass::Frame, SlotClass::Tensor, SlotClass::Heads];
        pool.map("the payload guard", &payload, ProtFlags::empty()).map(Self)
    }

    /// Addresses that it covers.
    pub fn addresses(&self) -> Vec<Range<usize>> {
        self.0.addresses()
    }
}

/// A slot's bytes, to read.
///
/// `token` is whatever proves that nobody writes the slot while the borrow lasts.
fn read<'a, T>(mapping: &'a Mapping, index: u16, _token: &'a T) -> Result<&'a [u8], WrongSlot> {
    let (base, len) = mapping.slot(index).ok_or(WrongSlot(index))?;
    // SAFETY: mapped readable for as long as `mapping` lives, which the result borrows; the token
    // (borrowed as long) says that no other party writes the slot.
    Ok(unsafe { std::slice::from_raw_parts(base, len) })
}

/// A slot's bytes, to write. The token is unique (slots are given once), and borrowed mutably.
fn write<'a>(mapping: &'a Mapping, token: &'a mut Owned) -> Result<&'a mut [u8], WrongSlot> {
    let (base, len) = mapping.slot(token.index()).ok_or(WrongSlot(token.index()))?;
    // SAFETY: mapped writable for as long as `mapping` lives, which the result borrows; the token
    // is the only one of this slot and says that no other party touches it.
    Ok(unsafe { std::slice::from_raw_parts_mut(base, len) })
}

/// What ingest needs: frame slots, written.
#[derive(Debug)]
pub struct IngestView(Mapping);

impl IngestView {
    /// Maps the frame slots.
    ///
    /// # Errors
    /// [`MapError::Map`].
    pub fn new(pool: &Pool) -> Result<Self, MapError> {
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        pool.map("the ingest view", &[SlotClass::Frame], rights).map(Self)
    }

    /// A frame slot's bytes, to fill.
    ///
    /// # Errors
    /// [`WrongSlot`] if the token is for another class.
    pub fn frame_mut<'a>(&'a self, token: &'a mut Owned) -> Result<&'a mut [u8], WrongSlot> {
        write(&self.0, token)
    }
}

/// What the engine lane needs: tensors to read, heads to write.
#[derive(Debug)]
pub struct EngineView {
    tensors: Mapping,
    heads: Mapping,
}

impl EngineView {
    /// Maps tensor and heads slots.
    ///
    /// # Errors
    /// [`MapError::Map`].
    pub fn new(pool: &Pool) -> Result<Self, MapError> {
        let both = ProtFlags::READ | ProtFlags::WRITE;
        Ok(Self {
            tensors: pool.map("the engine's tensors", &[SlotClass::Tensor], ProtFlags::READ)?,
            heads: pool.map("the engine's heads", &[SlotClass::Heads], both)?,
        })
    }

    /// A tensor slot's bytes.
    ///
    /// # Errors
    /// [`WrongSlot`] if the token is for another class.
    pub fn tensor<'a>(&'a self, token: &'a Owned) -> Result<&'a [u8], WrongSlot> {
        read(&self.tensors, token.index(), token)
    }

    /// A heads slot's bytes, to fill.
    ///
    /// # Errors
    /// [`WrongSlot`] if the token is for another class.
    pub fn heads_mut<'a>(&'a self, token: &'a mut Owned) -> Result<&'a mut [u8], WrongSlot> {
        write(&self.heads, token)
    }
}

/// What the CPU lane needs to stand in for the `pre` and `post` kernels.
#[derive(Debug)]
pub struct CpuLaneView {
    frames: Mapping,
    tensors: Mapping,
    heads: Mapping,
    results: Mapping,
}

impl CpuLaneView {
    /// Maps what the kernels read to be read, and what they write to be written.
    ///
    /// # Errors
    /// [`MapError::Map`].
    pub fn new(pool: &Pool) -> Result<Self, MapError> {
        let both = ProtFlags::READ | ProtFlags::WRITE;
        Ok(Self {
            frames: pool.map("the fallback's frames", &[SlotClass::Frame], ProtFlags::READ)?,
            tensors: pool.map("the fallback's tensors", &[SlotClass::Tensor], both)?,
            heads: pool.map("the fallback's heads", &[SlotClass::Heads], ProtFlags::READ)?,
            results: pool.map("the fallback's results", &[SlotClass::Result], both)?,
        })
    }

    /// A frame slot's bytes.
    ///
    /// # Errors
    /// [`WrongSlot`] if the token is for another class.
    pub fn frame<'a>(&'a self, token: &'a Owned) -> Result<&'a [u8], WrongSlot> {
        read(&self.frames, token.index(), token)
    }

    /// A frame slot that the peer still holds: the kernels only ever read frames (their DMA has no
    /// job that writes one), so reading along with a dead or hung peer is sound.
    ///
    /// # Errors
    /// [`WrongSlot`] if the token is for another class.
    pub fn granted_frame<'a>(&'a self, token: &'a Granted) -> Result<&'a [u8], WrongSlot> {
        read(&self.frames, token.slot_ref().index, token)
    }

    /// A heads slot's bytes.
    ///
    /// # Errors
    /// [`WrongSlot`] if the token is for another class.
    pub fn heads<'a>(&'a self, token: &'a Owned) -> Result<&'a [u8], WrongSlot> {
        read(&self.heads, token.index(), token)
    }

    /// A heads slot that the peer still holds; like frames, the kernels only read it.
    ///
    /// # Errors
    /// [`WrongSlot`] if the token is for another class.
    pub fn granted_heads<'a>(&'a self, token: &'a Granted) -> Result<&'a [u8], WrongSlot> {
        read(&self.heads, token.slot_ref().index, token)
    }

    /// A tensor slot's bytes, to read (for `agentctl tensor`).
    ///
    /// # Errors
    /// [`WrongSlot`] if the token is for another class.
    pub fn tensor<'a>(&'a self, token: &'a Owned) -> Result<&'a [u8], WrongSlot> {
        read(&self.tensors, token.index(), token)
    }

    /// A tensor slot's bytes, to fill.
    ///
    /// # Errors
    /// [`WrongSlot`] if the token is for another class.
    pub fn tensor_mut<'a>(&'a self, token: &'a mut Owned) -> Result<&'a mut [u8], WrongSlot> {
        write(&self.tensors, token)
    }

    /// A result slot's bytes, to fill.
    ///
    /// # Errors
    /// [`WrongSlot`] if the token is for another class.
    pub fn result_mut<'a>(&'a self, token: &'a mut Owned) -> Result<&'a mut [u8], WrongSlot> {
        write(&self.results, token)
    }
}

/// What the data plane reads: results. They are records, not payload.
#[derive(Debug)]
pub struct RecordView(Mapping);

impl RecordView {
    /// Maps the result slots to be read.
    ///
    /// # Errors
    /// [`MapError::Map`].
    pub fn new(pool: &Pool) -> Result<Self, MapError> {
        pool.map("the results", &[SlotClass::Result], ProtFlags::READ).map(Self)
    }

    /// A result slot's bytes.
    ///
    /// # Errors
    /// [`WrongSlot`] if the token is for another class.
    pub fn result<'a>(&'a self, token: &'a Owned) -> Result<&'a [u8], WrongSlot> {
        read(&self.0, token.index(), token)
    }
}
