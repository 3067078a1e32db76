//! The maintenance console: what a bare board's R5F answers on its serial line, without Linux.
//!
//! A frame is COBS over (postcard message, CRC-32 of it, little endian) between zero bytes. What is no
//! such frame is garbage: it is counted and passed over up to the next zero. The host asks, the board
//! answers under the same number; it never speaks by itself. README.md has the table of messages.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Version of the messages; in [`Answer::Info`].
pub const PROTOCOL: u8 = 2;
/// Rate of the line: 8 data bits, no parity, one stop bit.
pub const BAUD: u32 = 115_200;
/// Most bytes of a frame with its zeros.
pub const FRAME_BYTES: usize = 256;
/// Most bytes of a page in one answer.
pub const PAGE_BYTES: usize = 128;

/// CRC-32 as in Ethernet and zip.
const CRC: crc::Crc<u32, crc::NoTable> = crc::Crc::<u32, crc::NoTable>::new(&crc::CRC_32_ISO_HDLC);

/// Why a frame cannot be sent or taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// More than [`FRAME_BYTES`].
    #[error("longer than a frame")]
    Long,
    /// No COBS, or too short for a CRC.
    #[error("not a frame")]
    Coding,
    /// The CRC is another one.
    #[error("CRC is wrong")]
    Crc,
    /// No message of this version.
    #[error("not a message")]
    Message,
}

/// Memory that the host may read as it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Page {
    /// The log ring ([`crate::log`]).
    Log,
    /// The crash records ([`crate::crash`]).
    Crash,
}

/// A self-test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum Test {
    /// Both banks: what nobody uses is marched, data in use takes a pattern and its opposite and stays.
    /// Values: bytes marched, tested in place, left alone (code, guard); first bad address.
    Tcm = 0,
    /// The lower half of the on-chip memory is marched. Values likewise.
    Ocm = 1,
    /// Memory to memory through a loop in the logic. Values: bytes, ns, then what was wrong
    /// ([`LoopEnd`], 0: nothing) and more of it.
    DmaLoopback = 2,
    /// Identities of the kernels. Values: what is right, as bits: `pre`, `post`, gate.
    Kernels = 3,
    /// A pin that leads nowhere takes both levels. Values: what was wrong, as bits.
    Gpio = 4,
    /// Who answers on the I2C bus: 128 addresses as bits.
    I2c = 5,
    /// Timer against clock for 50 ms. Values: ns of the one, of the other.
    Timer = 6,
    /// The watchdog runs out, and its interrupt comes. Values: microseconds until it was seen.
    Watchdog = 7,
}

impl Test {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Tcm,
        Self::Ocm,
        Self::DmaLoopback,
        Self::Kernels,
        Self::Gpio,
        Self::I2c,
        Self::Timer,
        Self::Watchdog,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcm => "tcm",
            Self::Ocm => "ocm",
            Self::DmaLoopback => "dma-loopback",
            Self::Kernels => "kernels",
            Self::Gpio => "gpio",
            Self::I2c => "i2c",
            Self::Timer => "timer",
            Self::Watchdog => "watchdog",
        }
    }
}

/// What was wrong with a loop: the third value of [`Test::DmaLoopback`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum LoopEnd {
    /// A transfer of somebody else's is set up.
    InUse = 1,
    /// A channel stopped.
    Channel = 2,
    /// A packet did not arrive whole; then its status word.
    Packet = 3,
    /// Other data; then the offset of the first wrong word.
    Data = 4,
    /// It did not end.
    Late = 5,
}

impl LoopEnd {
    /// In words; `None` where the number is none.
    #[must_use]
    pub fn told(number: u32) -> Option<&'static str> {
        let all = [Self::InUse, Self::Channel, Self::Packet, Self::Data, Self::Late];
        let found = all.into_iter().find(|end| *end as u32 == number)?;
        Some(match found {
            Self::InUse => "in use",
            Self::Channel => "a channel stopped",
            Self::Packet => "a packet did not arrive whole",
            Self::Data => "other data arrived",
            Self::Late => "it did not end",
        })
    }
}

/// How a self-test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// As it should be.
    Passed,
    /// Not so; the values tell more.
    Failed,
    /// This board, or this machine, has not what is tested.
    NotFitted,
}

/// From the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Who is there: [`Answer::Info`].
    Info,
    /// Bytes of a page, at most [`PAGE_BYTES`], offset and count in whole words: [`Answer::Bytes`].
    Read {
        /// Which.
        page: Page,
        /// First byte.
        offset: u32,
        /// Bytes.
        count: u8,
    },
    /// [`Answer::Counters`].
    Counters,
    /// Runs a self-test: [`Answer::Tested`].
    Run(Test),
    /// What a kernel says of itself: [`Answer::Kernel`].
    Identify(Block),
}

/// A block of the logic that has an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Block {
    /// Preprocess.
    Pre,
    /// Post-process.
    Post,
    /// Reject gate.
    Gate,
}

impl Block {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pre, Self::Post, Self::Gate];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pre => "pre",
            Self::Post => "post",
            Self::Gate => "gate",
        }
    }
}

/// Who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info<'a> {
    /// [`PROTOCOL`].
    pub protocol: u8,
    /// Name of the board's description.
    pub board: &'a str,
    /// Version of the image.
    pub version: &'a str,
    /// JTAG IDCODE; 0 where it cannot be read.
    pub idcode: u32,
    /// Silicon version.
    pub silicon: u8,
    /// RESET_REASON as it was at start-up.
    pub reset_reason: u32,
    /// The clock, ns.
    pub now: u64,
    /// Bytes of the log page.
    pub log_bytes: u32,
    /// Bytes of the crash page.
    pub crash_bytes: u32,
}

/// Counts since the image's start; they wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Requests that were understood.
    pub requests: u32,
    /// Frames that were none.
    pub garbage: u32,
    /// Bytes lost because nobody read.
    pub overruns: u32,
    /// Bytes without a stop bit.
    pub framing: u32,
    /// Bytes with a wrong parity.
    pub parity: u32,
    /// Times that the pipeline said it was well.
    pub healthy: u32,
    /// Times that the core woke.
    pub wakes: u32,
}

/// To the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer<'a> {
    /// Who is there.
    #[serde(borrow)]
    Info(Info<'a>),
    /// Bytes of a page; fewer at its end.
    Bytes(&'a [u8]),
    /// Counts.
    Counters(Counters),
    /// A self-test has ended.
    Tested {
        /// Which.
        test: Test,
        /// How.
        verdict: Verdict,
        /// What it says, see [`Test`].
        values: [u32; 4],
    },
    /// The request makes no sense: a place outside its page.
    Refused,
    /// A self-test is under way.
    Busy,
    /// Registers of a block: ID, VERSION, CAPS, HASH. With another ID than it should have nothing more is
    /// read of it (zeros). `None`: the logic is not loaded.
    Kernel(Option<[u32; 4]>),
}

/// Writes a frame into `frame`; its length.
///
/// # Errors
/// [`FrameError::Long`].
pub fn encode<T: Serialize>(
    number: u16,
    message: &T,
    frame: &mut [u8; FRAME_BYTES],
) -> Result<usize, FrameError> {
    let mut plain = [0; FRAME_BYTES - 8];
    let used =
        postcard::to_slice(&(number, message), &mut plain).map_err(|_| FrameError::Long)?.len();
    let crc = CRC.checksum(&plain[..used]).to_le_bytes();
    plain.get_mut(used..used + 4).ok_or(FrameError::Long)?.copy_from_slice(&crc);
    frame[0] = 0;
    let coded = cobs::encode(&plain[..used + 4], &mut frame[1..]);
    frame[1 + coded] = 0;
    Ok(coded + 2)
}

/// Takes the message from what lay between two zeros. `frame` is decoded in place.
///
/// # Errors
/// [`FrameError`].
pub fn decode<'a, T: Deserialize<'a>>(frame: &'a mut [u8]) -> Result<(u16, T), FrameError> {
    let length = cobs::decode_in_place(frame).map_err(|_| FrameError::Coding)?;
    let plain = frame.get(..length).ok_or(FrameError::Coding)?;
    let (message, crc) = plain.split_last_chunk::<4>().ok_or(FrameError::Coding)?;
    if CRC.checksum(message) != u32::from_le_bytes(*crc) {
        return Err(FrameError::Crc);
    }
    let (decoded, rest) = postcard::take_from_bytes(message).map_err(|_| FrameError::Message)?;
    if rest.is_empty() { Ok(decoded) } else { Err(FrameError::Message) }
}

/// Collects a line's bytes up to the end of a frame.
pub struct Collector<const N: usize> {
    bytes: [u8; N],
    used: usize,
    long: bool,
}

impl<const N: usize> Collector<N> {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; N], used: 0, long: false }
    }

    /// Takes a byte. At the end of a frame: its bytes, for [`decode`].
    ///
    /// # Errors
    /// [`FrameError::Long`] at the end of one that did not fit.
    pub fn push(&mut self, byte: u8) -> Option<Result<&mut [u8], FrameError>> {
        if byte != 0 {
            match self.bytes.get_mut(self.used) {
                Some(place) => *place = byte,
                None => self.long = true,
            }
            self.used += usize::from(!self.long);
            return None;
        }
        let (used, long) = (core::mem::take(&mut self.used), core::mem::take(&mut self.long));
        match (used, long) {
            (_, true) => Some(Err(FrameError::Long)),
            (0, false) => None,
            (used, false) => Some(Ok(&mut self.bytes[..used])),
        }
    }
}

impl<const N: usize> Default for Collector<N> {
    fn default() -> Self {
        Self::new()
    }
}
