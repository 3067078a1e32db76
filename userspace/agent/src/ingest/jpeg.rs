//! JPEG. Grey, YCbCr, RGB and CMYK become 8-bit RGB inside the slot. EXIF orientation is not
//! applied: a fixed camera has none, and boxes are in the pixels as they are stored.
//!
//! The segments are walked here before the decoder sees them: sizes are checked before anything is
//! allocated, and a file that ends early or holds less than its header claims is told apart from a
//! damaged one. (The decoder itself paints what is missing grey.)

use std::io::Cursor;

use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{Container, ImageInfo, IngestError, check_sides, rgb_frame};

pub(super) const MAGIC: [u8; 3] = [0xff, 0xd8, 0xff];

/// The decoder reads up to 8 bytes ahead of the last block.
const READ_AHEAD: usize = 8;

/// Scans of a progressive file; real ones have about ten.
const MAX_SCANS: usize = 64;

const TRUNCATED: IngestError = IngestError::Truncated { format: "JPEG" };

/// What the walk over the segments found.
struct Structure {
    width: u64,
    height: u64,
    progressive: bool,
    /// Bytes of entropy-coded data, all scans together.
    coded: usize,
    /// Where the end marker begins.
    end: usize,
}

pub(super) fn probe(bytes: &[u8]) -> Result<ImageInfo, IngestError> {
    let structure = walk(bytes)?;
    let (width, height) = check_sides(structure.width, structure.height)?;
    // A block takes at least one bit per Huffman code: one in a progressive file's first scan, two
    // in a baseline file. Bounds the work and the memory that a small file can ask for.
    let blocks = usize::from(width).div_ceil(8) * usize::from(height).div_ceil(8);
    let bits = if structure.progressive { 1 } else { 2 };
    if blocks * bits > structure.coded * 8 {
        let coded = structure.coded;
        let reason = format!("{width} x {height} pixels cannot be in {coded} coded bytes");
        return Err(corrupt(reason));
    }
    Ok(rgb_frame(Container::Jpeg, (width, height), 3))
}

pub(super) fn decode_into(
    bytes: &[u8],
    info: &ImageInfo,
    slot: &mut [u8],
) -> Result<(), IngestError> {
    let structure = walk(bytes)?;
    let input = if structure.progressive {
        bytes[..structure.end + 2].to_vec()
    } else {
        // At the end marker the decoder goes on with zeros for ever; without one it reports that
        // the data does not suffice for the rows that the header claims.
        let mut input = Vec::with_capacity(structure.end + READ_AHEAD);
        input.extend_from_slice(&bytes[..structure.end]);
        input.resize(structure.end + READ_AHEAD, 0);
        input
    };
    // At some damage (a scan header inside a scan) the decoder stops without an error, and the slot
    // keeps rows of an earlier image. Such an image shows in its last row: what was put there is
    // still there, whatever it was.
    let last_row = info.bytes - info.frame.stride as usize..info.bytes;
    for mark in [0x5a, 0xa5] {
        slot[last_row.clone()].fill(mark);
        decode(&input, info, slot)?;
        if slot[last_row.clone()].iter().any(|byte| *byte != mark) {
            return Ok(());
        }
    }
    Err(corrupt("its data end before its last row".to_owned()))
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

fn walk(bytes: &[u8]) -> Result<Structure, IngestError> {
    let mut structure = Structure { width: 0, height: 0, progressive: false, coded: 0, end: 0 };
    let mut sized = false;
    let mut at = 2;
    loop {
        let (marker, after) = next_marker(bytes, at).ok_or(TRUNCATED)?;
        at = after;
        match marker {
            0x01 | 0xd0..=0xd8 => continue, // stand alone
            0xd9 if sized && structure.coded > 0 => {
                structure.end = after - 2;
                return Ok(structure);
            }
            0xd9 => return Err(corrupt("it ends before its first scan".to_owned())),
            _ => {}
        }
        let length = bytes.get(at..at + 2).map(|b| usize::from(b[0]) << 8 | usize::from(b[1]));
        let length = length.ok_or(TRUNCATED)?;
        let segment = bytes.get(at + 2..at + length.max(2)).ok_or(TRUNCATED)?;
        at += length.max(2);
        match marker {
            // Frame headers; C4, C8 and CC are tables.
            0xc0..=0xcf if ![0xc4, 0xc8, 0xcc].contains(&marker) => {
                frame_header(marker, segment, &mut structure)?;
                sized = true;
            }
            0xda => {
                if !sized {
                    return Err(corrupt("a scan comes before the frame header".to_owned()));
                }
                let coded = coded_bytes(&bytes[at..]);
                structure.coded += coded;
                at += coded;
            }
            _ => {}
        }
    }
}

fn frame_header(marker: u8, segment: &[u8], out: &mut Structure) -> Result<(), IngestError> {
    let [precision, h1, h0, w1, w0, ..] = *segment else { return Err(TRUNCATED) };
    let next = "save it as baseline or progressive JPEG with 8 bits";
    if marker > 0xc2 {
        let what = format!("JPEG process SOF{} (lossless or arithmetic)", marker - 0xc0);
        return Err(IngestError::Unsupported { what, next });
    }
    if precision != 8 {
        return Err(IngestError::Unsupported { what: format!("A {precision}-bit JPEG"), next });
    }
    out.progressive = marker == 0xc2;
    out.width = u64::from(w1) << 8 | u64::from(w0);
    out.height = u64::from(h1) << 8 | u64::from(h0);
    Ok(())
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
fn coded_bytes(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some((marker, after)) = next_marker(bytes, at) {
        if !(0xd0..=0xd7).contains(&marker) {
            return after - 2;
        }
        at = after;
    }
    bytes.len()
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
        DecodeErrors::ExhaustedData => corrupt("it holds fewer rows than its header says".into()),
        other => corrupt(format!("{other:?}")),
    }
}
