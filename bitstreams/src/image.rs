//! The configuration packets of an image, as far as they say what it is for.
//!
//! Source: UG570, "Configuration Packets" and "Bitstream Composition". An image is a stream of
//! 32-bit words: padding, the bus width pattern, the synchronisation word, then packets that
//! write registers. One writes IDCODE, one (very long) writes FDRI, and one of the last commands is
//! DESYNC. Vivado's `.bit` puts a header before it and writes words most significant byte first; what
//! Linux' `fpga_manager` loads on this family has no header and each word's bytes reversed.

use std::fmt;

use crate::error::ImageError;

/// The synchronisation word.
pub const SYNC: u32 = 0xAA99_5566;
/// It lies within the first bytes of every image of this family.
const SYNC_WITHIN: usize = 4096;

/// How the bytes of each word lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Most significant byte first, as Vivado writes `.bit` and its own `.bin`.
    Straight,
    /// Each word's bytes reversed, as `bootgen` writes `.bin`: what `fpga_manager` loads.
    Reversed,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Straight => "most significant byte first",
            Self::Reversed => "reversed in each word",
        })
    }
}

/// The header of a `.bit` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Name of the design, with the options that it was written with.
    pub design: String,
    /// Part, as `xck26-sfvc784-2LV-c`.
    pub part: String,
    /// Date and time, as written.
    pub made: String,
}

/// What an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The header, of a `.bit` file.
    pub header: Option<Header>,
    /// First byte of the configuration data.
    pub start: usize,
    /// Byte order of its words.
    pub order: Order,
    /// What the image expects in the IDCODE register of the logic, which is not the code that the
    /// processor system's JTAG port and `CSU.IDCODE` give.
    pub idcode: u32,
    /// Words of configuration frames.
    pub frame_words: usize,
}

/// Registers and commands that matter here (UG570).
mod register {
    pub const FDRI: u32 = 2;
    pub const CMD: u32 = 4;
    pub const IDCODE: u32 = 12;
    pub const DESYNC: u32 = 13;
}

impl Image {
    /// Reads an image.
    ///
    /// # Errors
    /// [`ImageError`] with the byte where the image stops being one.
    pub fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let (header, data) = header(bytes)?;
        let start = bytes.len() - data.len();
        let (order, sync) = find_sync(data, start)?;
        let mut packets = Packets { data, at: sync + 4, order, start };
        let (mut idcode, mut frame_words) = (None, 0);
        loop {
            let (register, count, first) = packets.next()?;
            match register {
                register::IDCODE => idcode = idcode.or(first),
                register::FDRI => frame_words += count,
                register::CMD if first == Some(register::DESYNC) => break,
                _ => {}
            }
        }
        if !data.len().is_multiple_of(4) {
            return Err(ImageError::PartOfWord { bytes: data.len() });
        }
        if frame_words == 0 {
            return Err(ImageError::NoFrames);
        }
        let idcode = idcode.ok_or(ImageError::NoIdcode)?;
        Ok(Self { header, start, order, idcode, frame_words })
    }

    /// The configuration data of `bytes`, which this image was read from, as `fpga_manager` loads
    /// them: without a header, bytes reversed in each word.
    #[must_use]
    pub fn for_manager(&self, bytes: &[u8]) -> Vec<u8> {
        let mut data = bytes[self.start..].to_vec();
        if self.order == Order::Straight {
            data.as_chunks_mut::<4>().0.iter_mut().for_each(|word| word.reverse());
        }
        data
    }

    /// Whether the device with `idcode` takes it: the four highest bits are the silicon's revision.
    #[must_use]
    pub fn fits(&self, idcode: u32) -> bool {
        (self.idcode ^ idcode) & 0x0FFF_FFFF == 0
    }
}

/// The packets behind the synchronisation word.
struct Packets<'a> {
    data: &'a [u8],
    at: usize,
    order: Order,
    /// Where `data` begins in the file, for errors.
    start: usize,
}

impl Packets<'_> {
    fn word(&mut self) -> Result<u32, ImageError> {
        let end = ImageError::Ends { at: self.start + self.data.len() };
        let bytes = self.data.get(self.at..).and_then(<[u8]>::first_chunk).ok_or(end)?;
        self.at += 4;
        Ok(match self.order {
            Order::Straight => u32::from_be_bytes(*bytes),
            Order::Reversed => u32::from_le_bytes(*bytes),
        })
    }

    /// The next write: register, words, and the first of them.
    fn next(&mut self) -> Result<(u32, usize, Option<u32>), ImageError> {
        let mut register = None;
        loop {
            let at = self.start + self.at;
            let word = self.word()?;
            let (kind, operation) = (word >> 29, word >> 27 & 3);
            let count = match (kind, operation) {
                // NOP, and padding between packets.
                (1, 0) => continue,
                (_, _) if word == u32::MAX => continue,
                (1, 2) => {
                    register = Some(word >> 13 & 0x1F);
                    word & 0x7FF
                }
                // A long packet goes to the register of the short one before it.
                (2, 2) if register.is_some() => word & 0x07FF_FFFF,
                _ => return Err(ImageError::Packet { at, word }),
            };
            let Some(register) = register else { continue };
            // A short packet of no words announces a long one.
            if count == 0 && kind == 1 {
                continue;
            }
            let count = count as usize;
            let first = if count == 0 { None } else { Some(self.word()?) };
            let rest = 4 * count.saturating_sub(1);
            if self.data.len() - self.at < rest {
                return Err(ImageError::Ends { at: self.start + self.data.len() });
            }
            self.at += rest;
            return Ok((register, count, first));
        }
    }
}

/// The synchronisation word's place and the byte order that it shows.
///
/// Only whole words count: what lies across two of them is another image's word only by chance.
fn find_sync(data: &[u8], start: usize) -> Result<(Order, usize), ImageError> {
    let (straight, reversed) = (SYNC.to_be_bytes(), SYNC.to_le_bytes());
    let front = &data[..data.len().min(SYNC_WITHIN)];
    for (index, word) in front.as_chunks::<4>().0.iter().enumerate() {
        if *word == straight {
            return Ok((Order::Straight, 4 * index));
        }
        if *word == reversed {
            return Ok((Order::Reversed, 4 * index));
        }
    }
    let mirrored = straight.map(u8::reverse_bits);
    let found = |pattern: [u8; 4]| front.windows(4).position(|window| window == pattern);
    if let Some(at) = found(straight).or(found(reversed)) {
        return Err(ImageError::Unaligned { at: start + at });
    }
    Err(match found(mirrored) {
        Some(_) => ImageError::Mirrored,
        None => ImageError::NoSync { within: front.len() },
    })
}

/// Splits off the header of a `.bit` file: fields with a letter and a 16-bit length, the data with a
/// 32-bit length behind `e`. Anything else begins with data.
fn header(bytes: &[u8]) -> Result<(Option<Header>, &[u8]), ImageError> {
    const MAGIC: [u8; 13] = [0, 9, 0x0F, 0xF0, 0x0F, 0xF0, 0x0F, 0xF0, 0x0F, 0xF0, 0, 0, 1];
    let Some(rest) = bytes.strip_prefix(&MAGIC) else { return Ok((None, bytes)) };
    let mut fields = [const { String::new() }; 4];
    let mut rest = rest;
    for (field, letter) in fields.iter_mut().zip(*b"abcd") {
        let at = bytes.len() - rest.len();
        let (text, next) = header_field(rest, letter).ok_or(ImageError::Header { at })?;
        *field = text;
        rest = next;
    }
    let at = bytes.len() - rest.len();
    let data = rest
        .strip_prefix(b"e")
        .and_then(<[u8]>::split_first_chunk)
        .filter(|(length, data)| u32::from_be_bytes(**length) as usize == data.len())
        .map(|(_, data)| data)
        .ok_or(ImageError::Header { at })?;
    let [design, part, date, time] = fields;
    Ok((Some(Header { design, part, made: format!("{date} {time}") }), data))
}

fn header_field(bytes: &[u8], letter: u8) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.strip_prefix(&[letter])?.split_first_chunk()?;
    let (text, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let text = text.strip_suffix(&[0])?;
    Some((str::from_utf8(text).ok()?.to_owned(), rest))
}
