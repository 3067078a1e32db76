//! Why the small kernels refuse a call.

use thiserror::Error;

/// What was refused; names the field or the buffer. Nothing is written then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A field is outside its range.
    #[error("{0} is out of range")]
    Range(&'static str),
    /// A buffer is too small for what the parameters say.
    #[error("{buffer} holds {have}, the parameters need {need}")]
    Short {
        /// Which buffer.
        buffer: &'static str,
        /// Bytes or entries given.
        have: usize,
        /// Bytes or entries needed.
        need: usize,
    },
}

pub(crate) fn check(good: bool, field: &'static str) -> Result<(), Refusal> {
    if good { Ok(()) } else { Err(Refusal::Range(field)) }
}

/// The first `need` entries of a buffer.
pub(crate) fn enough<'a, T>(
    from: &'a [T],
    buffer: &'static str,
    need: usize,
) -> Result<&'a [T], Refusal> {
    from.get(..need).ok_or(Refusal::Short { buffer, have: from.len(), need })
}

/// Likewise, to be written.
pub(crate) fn enough_mut<'a, T>(
    to: &'a mut [T],
    buffer: &'static str,
    need: usize,
) -> Result<&'a mut [T], Refusal> {
    let have = to.len();
    to.get_mut(..need).ok_or(Refusal::Short { buffer, have, need })
}
