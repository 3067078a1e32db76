//! What the frames of a line to the agent say.

use serde::{Deserialize, Serialize};
use tandem_link::console::{FRAME_BYTES, FrameError, decode as unframe, encode as frame};

/// Version of the parts; in [`Part::Open`] and [`Part::Opened`], whose form never changes.
pub const PROTOCOL: u32 = 1;
/// Most bytes of the stream in one frame: number, kind, offset, length and CRC leave so many.
pub const PART_BYTES: usize = 224;

/// One frame; its number is the conversation's. Offsets count the bytes of a direction from 0 and wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part<'a> {
    /// The client begins a conversation; whichever there was is over.
    Open {
        /// The client's [`PROTOCOL`].
        protocol: u32,
    },
    /// To [`Part::Open`], every time.
    Opened {
        /// The agent's [`PROTOCOL`].
        protocol: u32,
    },
    /// Bytes; none of them asks only whether somebody is there. Answered by [`Part::Ack`].
    Data {
        /// Offset of the first.
        at: u32,
        /// At most [`PART_BYTES`].
        bytes: &'a [u8],
    },
    /// This direction ends; takes one offset, as if it were a byte. Answered by [`Part::Ack`].
    End {
        /// Offset behind the last byte.
        at: u32,
    },
    /// How far everything has arrived.
    Ack {
        /// Offset of the first byte that has not.
        next: u32,
        /// Bytes from there on that there is room for.
        room: u32,
        /// Later bytes came before that one: it was lost.
        gap: bool,
    },
    /// The agent knows no conversation of this number: it was restarted, or talks to somebody else.
    Gone,
}

/// Appends a frame to `out`.
///
/// # Errors
/// [`FrameError::Long`] for more than [`PART_BYTES`].
pub fn encode(number: u16, part: &Part<'_>, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let mut bytes = [0; FRAME_BYTES];
    let used = frame(number, part, &mut bytes)?;
    out.extend_from_slice(&bytes[..used]);
    Ok(())
}

/// Takes the part from what lay between two zeros; decodes in place.
///
/// # Errors
/// [`FrameError`].
pub fn decode(bytes: &mut [u8]) -> Result<(u16, Part<'_>), FrameError> {
    unframe(bytes)
}
