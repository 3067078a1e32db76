//! Jobs and their answers as words of a ring entry: read, compared and written where they lie, without
//! serde. What [`crate::message`] says is the definition; tests hold this against it.

use serde::de::DeserializeOwned;

use crate::{
    error::LinkError,
    memory::SharedMemory,
    message::{JobId, JobStatus, Lane, Nanos, SlotRef, Stamps},
    ring,
};

/// What differs from one job to the next: everything in a [`crate::message::ToPeer::Job`] but the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobHead {
    /// Answered with the same number.
    pub id: JobId,
    /// Absolute.
    pub deadline: Nanos,
    /// Whose parameters follow.
    pub lane: Lane,
    /// Read by the kernel.
    pub input: SlotRef,
    /// Written by the kernel.
    pub output: SlotRef,
}

impl JobHead {
    /// Bytes of a head: the message's variant, id, deadline, the work's variant, two slots.
    pub const BYTES: usize = 26;
    /// Words of a message that have a part of its head. The last one has two bytes of the parameters.
    pub const WORDS: usize = 7;

    /// A job's message as its head and the postcard bytes of its parameters, which are not looked at.
    /// None if it is not a job's message.
    #[must_use]
    pub fn split(message: &[u8]) -> Option<(Self, &[u8])> {
        let (head, params) = message.split_first_chunk::<{ Self::BYTES }>()?;
        let mut bytes = [0; 4 * Self::WORDS];
        bytes[..Self::BYTES].copy_from_slice(head);
        let mut words = [0; Self::WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        Some((Self::read(&words)?, params))
    }

    /// The head in the first words of a message that is long enough for one. None if it is not a job's
    /// message.
    #[inline(always)]
    #[must_use]
    pub fn read(words: &[u32; Self::WORDS]) -> Option<Self> {
        let [a, b, c, d, e, f, g] = *words;
        let lane = match (a as u8, (d >> 8) as u8) {
            (0, 0) => Lane::Pre,
            (0, 1) => Lane::Post,
            _ => return None,
        };
        let deadline = u64::from(b >> 8 | c << 24) | u64::from(c >> 8 | d << 24) << 32;
        let input = SlotRef { index: (d >> 16) as u16, generation: e };
        let output = SlotRef { index: f as u16, generation: f >> 16 | g << 16 };
        Some(Self { id: a >> 8 | b << 24, deadline, lane, input, output })
    }
}

/// Words that [`Rest`] has room for: parameters of 128 bytes. Those of usual jobs take 60 to 120.
const REST_WORDS: usize = 33;

/// What follows the head in a job's message, as words: jobs with the same parameters have the same
/// rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// Bytes of the whole message.
    length: u32,
    used: usize,
    /// The first one's lower half is the head's; unused bytes of the last one are 0.
    words: [u32; REST_WORDS],
}

impl Rest {
    /// Longest parameters that a rest has room for.
    pub const ROOM: usize = REST_WORDS * 4 - 2;
    /// Of no message.
    pub const NONE: Self = Self { length: 0, used: 0, words: [0; REST_WORDS] };

    /// The rest of a message with these bytes of parameters; None if they are longer than
    /// [`Rest::ROOM`].
    #[must_use]
    pub fn of(params: &[u8]) -> Option<Self> {
        let mut bytes = [0; REST_WORDS * 4];
        bytes.get_mut(2..2 + params.len())?.copy_from_slice(params);
        let mut words = [0; REST_WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        let used = (2 + params.len()).div_ceil(4);
        Some(Self { length: (JobHead::BYTES + params.len()) as u32, used, words })
    }

    /// The parameters.
    ///
    /// # Errors
    /// [`LinkError::Undecodable`].
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, LinkError> {
        let mut bytes = [0; REST_WORDS * 4];
        for (bytes, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(self.words) {
            *bytes = word.to_le_bytes();
        }
        let end = (2 + self.length as usize).saturating_sub(JobHead::BYTES);
        ring::decode(bytes.get(2..end).unwrap_or_default())
    }
}

/// What follows the head of a job's message that still lies in the ring.
pub struct Incoming<'a, M> {
    mem: &'a M,
    /// Offset of the message's first word.
    at: u32,
    length: u32,
    /// Its last word that has a part of the head.
    first: u32,
}

impl<'a, M: SharedMemory> Incoming<'a, M> {
    /// The head of the message at `at`, `length` bytes long, and what follows. None if it is not a job's.
    #[inline(always)]
    pub(crate) fn read(mem: &'a M, at: u32, length: u32) -> Option<(JobHead, Self)> {
        let word = |index: u32| mem.load_plain(at.wrapping_add(4 * index));
        // An entry is longer than any head, so all of these words are there.
        let words = [word(0), word(1), word(2), word(3), word(4), word(5), word(6)];
        let head = JobHead::read(&words)?;
        Some((head, Self { mem, at, length, first: words[JobHead::WORDS - 1] }))
    }

    /// Whether the message has this rest. Each word is read once at most, and what is read is only compared:
    /// if it is the same, the rest in this side's memory is used and nothing of the ring.
    #[inline(always)]
    #[must_use]
    pub fn is(&self, rest: &Rest) -> bool {
        let Some((first, words)) = rest.words.get(..rest.used).and_then(<[u32]>::split_first)
        else {
            return false;
        };
        if self.length != rest.length || (self.first ^ first) >> 16 != 0 {
            return false;
        }
        let mut at = self.at.wrapping_add(4 * JobHead::WORDS as u32);
        let mut next = || {
            let word = self.mem.load_plain(at);
            at = at.wrapping_add(4);
            word
        };
        // By fours: the loop would cost more than what it does.
        let (fours, last) = words.as_chunks::<4>();
        fours.iter().all(|[a, b, c, d]| next() ^ a | next() ^ b | next() ^ c | next() ^ d == 0)
            && last.iter().all(|word| next() == *word)
    }
}

/// Bytes of a [`crate::message::FromPeer::Done`].
pub const DONE_BYTES: usize = 34;

/// Gives the postcard bytes of a [`crate::message::FromPeer::Done`] as the words of a ring entry, one after the other.
#[inline(always)]
pub fn encode_done(
    id: JobId,
    status: JobStatus,
    stamps: &Stamps,
    written: u32,
    mut put: impl FnMut(u32),
) {
    // The variant is 0. Six bytes come before the first time, so every word is halves of two.
    let halves = |before: u32, after: u32| before >> 16 | after << 16;
    let parts = |time: Nanos| (time as u32, (time >> 32) as u32);
    let head = id >> 24 << 16 | (status as u32) << 24;
    let (received, started, finished) =
        (parts(stamps.received), parts(stamps.started), parts(stamps.finished));
    put(id << 8);
    put(halves(head, received.0));
    put(halves(received.0, received.1));
    put(halves(received.1, started.0));
    put(halves(started.0, started.1));
    put(halves(started.1, finished.0));
    put(halves(finished.0, finished.1));
    put(halves(finished.1, written));
    put(written >> 16);
}
