//! JPEG. Grey, YCbCr, RGB and CMYK become 8-bit RGB inside the slot. EXIF orientation is not
//! applied: a fixed camera has none, and boxes are in the pixels as they are stored.
//!
//! The segments are walked here before the decoder sees them: sizes are checked before anything is
//! allocated, a file that ends early is told apart from a damaged one, and [`blocks`] counts that the
//! data are those of the size in the header. (The decoder itself paints what is missing grey and
//! leaves out what is too much.)

mod bits;
mod blocks;

use std::io::Cursor;

use blocks::Blocks;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{Container, ImageInfo, IngestError, check_sides, rgb_frame};

pub(super) const MAGIC: [u8; 3] = [0xff, 0xd8, 0xff];

/// Scans of a progressive file; real ones have about ten.
const MAX_SCANS: usize = 64;

// Markers (ITU-T T.81, table B.1).
const SOF0: u8 = 0xc0;
const SOF2: u8 = 0xc2;
const SOF15: u8 = 0xcf;
const DHT: u8 = 0xc4;
const DRI: u8 = 0xdd;
const SOS: u8 = 0xda;
const EOI: u8 = 0xd9;
/// In the range of the frame headers: DHT, JPG and DAC.
const NO_FRAME: [u8; 3] = [DHT, 0xc8, 0xcc];

const TRUNCATED: IngestError = IngestError::Truncated { format: "JPEG" };

pub(super) fn probe(bytes: &[u8]) -> Result<ImageInfo, IngestError> {
    let (mut blocks, mut sides) = (Blocks::default(), None);
    segments(bytes, |marker, segment, coded| {
        match marker {
            SOF0..=SOF15 if !NO_FRAME.contains(&marker) => {
                sides = Some(frame_header(marker, segment)?);
                blocks.frame(marker == SOF2, segment)?;
            }
            DHT => blocks.huffman(segment)?,
            DRI => blocks.restart_interval(segment)?,
            SOS if sides.is_none() => {
                return Err(corrupt("a scan comes before the frame header".to_owned()));
            }
            SOS => blocks.scan(segment, coded)?,
            _ => {}
        }
        Ok(())
    })?;
    let sides = sides.ok_or_else(|| corrupt("it ends before its frame header".to_owned()))?;
    blocks.finish()?;
    Ok(rgb_frame(Container::Jpeg, sides, 3))
}

pub(super) fn decode_into(
    bytes: &[u8],
    info: &ImageInfo,
    slot: &mut [u8],
) -> Result<(), IngestError> {
    let end = segments(bytes, |_, _, _| Ok(()))?;
    decode(&bytes[..end], info, slot)
}

fn decode(input: &[u8], info: &ImageInfo, slot: &mut [u8]) -> Result<(), IngestError> {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .jpeg_set_max_scans(MAX_SCANS);
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(input), options);
    decoder.decode_headers().map_err(error)?;
    if decoder.output_buffer_size() != Some(info.bytes) {
        return Err(corrupt("its headers contradict each other".to_owned()));
    }
    // Only now: strict headers would refuse harmless bytes between segments.
    decoder.set_options(decoder.options().set_strict_mode(true));
    decoder.decode_into(&mut slot[..info.bytes]).map_err(error)
}

/// Hands every segment (marker, contents, coded data behind a scan's header) to `visit`; the
/// position behind the end marker.
fn segments(
    bytes: &[u8],
    mut visit: impl FnMut(u8, &[u8], &[u8]) -> Result<(), IngestError>,
) -> Result<usize, IngestError> {
    let mut at = MAGIC.len() - 1;
    loop {
        let (marker, after) = next_marker(bytes, at).ok_or(TRUNCATED)?;
        at = after;
        match marker {
            0x01 | 0xd0..=0xd8 => continue, // stand alone
            EOI => return Ok(at),
            _ => {}
        }
        let length = bytes.get(at..at + 2).map(|b| usize::from(b[0]) << 8 | usize::from(b[1]));
        let length = length.ok_or(TRUNCATED)?.max(2);
        let segment = bytes.get(at + 2..at + length).ok_or(TRUNCATED)?;
        at += length;
        let coded = if marker == SOS { coded_bytes(&bytes[at..]).ok_or(TRUNCATED)? } else { 0 };
        visit(marker, segment, &bytes[at..at + coded])?;
        at += coded;
    }
}

fn frame_header(marker: u8, segment: &[u8]) -> Result<(u16, u16), IngestError> {
    let [precision, h1, h0, w1, w0, ..] = *segment else { return Err(TRUNCATED) };
    let next = "save it as baseline or progressive JPEG with 8 bits";
    if marker > SOF2 {
        let what = format!("JPEG process SOF{} (lossless or arithmetic)", marker - SOF0);
        return Err(IngestError::Unsupported { what, next });
    }
    if precision != 8 {
        return Err(IngestError::Unsupported { what: format!("A {precision}-bit JPEG"), next });
    }
    let side = |high: u8, low: u8| u64::from(high) << 8 | u64::from(low);
    check_sides(side(w1, w0), side(h1, h0))
}

/// The next marker at or behind `at`, and the position behind it.
fn next_marker(bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xff)? + 1;
        match bytes.get(at)? {
            0x00 | 0xff => {} // stuffing and fill
            marker => return Some((*marker, at + 1)),
        }
    }
}

/// Length of the coded data at the start of `bytes`: up to a marker that is no restart.
fn coded_bytes(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let (marker, after) = next_marker(bytes, at)?;
        if !(0xd0..=0xd7).contains(&marker) {
            return Some(after - 2);
        }
        at = after;
    }
}

fn corrupt(reason: String) -> IngestError {
    IngestError::Corrupt { format: "JPEG", reason }
}

fn error(error: DecodeErrors) -> IngestError {
    match error {
        DecodeErrors::Unsupported(what) => IngestError::Unsupported {
            what: format!("This JPEG ({what:?})"),
            next: "save it as baseline JPEG",
        },
        other => corrupt(format!("{other:?}")),
    }
}
