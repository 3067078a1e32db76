//! PNG. Palette, grey, 16-bit and alpha become 8-bit RGB inside the slot; alpha is dropped.

use std::io::{Cursor, ErrorKind};

use ::png::{ColorType, Decoder, DecodingError, Limits, Transformations};

use super::{Container, ImageInfo, IngestError, check_sides, rgb_frame};

pub(super) const MAGIC: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// What the decoder may allocate beside the slot: two rows of the widest image are 128 KiB.
const DECODER_BYTES: usize = 4 << 20;

pub(super) fn probe(bytes: &[u8]) -> Result<ImageInfo, IngestError> {
    // Signature, then the IHDR chunk: length, type, width, height. Read here because zero and
    // giant sizes have codes of their own.
    let header = bytes.get(8..24).ok_or(IngestError::Truncated { format: "PNG" })?;
    if header[..8] != *b"\0\0\0\x0dIHDR" {
        let reason = "its first chunk is not IHDR".to_owned();
        return Err(IngestError::Corrupt { format: "PNG", reason });
    }
    let word = |at: usize| header[at..at + 4].iter().fold(0, |w, byte| w << 8 | u64::from(*byte));
    let sides = check_sides(word(8), word(12))?;
    let reader = decoder(bytes).read_info().map_err(error)?;
    Ok(rgb_frame(Container::Png, sides, reader.output_color_type().0.samples()))
}

pub(super) fn decode_into(
    bytes: &[u8],
    info: &ImageInfo,
    slot: &mut [u8],
) -> Result<(), IngestError> {
    let mut reader = decoder(bytes).read_info().map_err(error)?;
    let pixels = info.bytes / 3;
    let (color, _) = reader.output_color_type();
    let slot = &mut slot[..info.needs];
    reader.next_frame(slot).map_err(error)?;
    reader.finish().map_err(error)?;
    match color {
        ColorType::Grayscale => spread::<1>(slot, pixels),
        ColorType::GrayscaleAlpha => spread::<2>(slot, pixels),
        ColorType::Rgba => {
            for pixel in 0..pixels {
                slot.copy_within(pixel * 4..pixel * 4 + 3, pixel * 3);
            }
        }
        ColorType::Rgb | ColorType::Indexed => {} // indices were expanded while decoding
    }
    Ok(())
}

/// Grey pixels of `N` bytes to RGB in place, last to first: a pixel's target never lies below it.
fn spread<const N: usize>(slot: &mut [u8], pixels: usize) {
    for pixel in (0..pixels).rev() {
        let grey = slot[pixel * N];
        slot[pixel * 3..pixel * 3 + 3].fill(grey);
    }
}

fn decoder(bytes: &[u8]) -> Decoder<Cursor<&[u8]>> {
    let limits = Limits { bytes: DECODER_BYTES };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    // Neither is used, and both can hide a decompression bomb.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder
}

fn error(error: DecodingError) -> IngestError {
    match error {
        DecodingError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => {
            IngestError::Truncated { format: "PNG" }
        }
        other => IngestError::Corrupt { format: "PNG", reason: other.to_string() },
    }
}
