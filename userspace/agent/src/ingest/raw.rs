//! Raw pixels behind a header of 32 bytes.
//!
//! | Offset | Little-endian | Meaning |
//! | --- | --- | --- |
//! | 0 | 8 bytes | `TNDMRAW1` |
//! | 8 | u32 | format: 0 RGB8, 1 NV12 (the numbers of [`PixelFormat`]) |
//! | 12 | u32 | width in pixels |
//! | 16 | u32 | height in pixels |
//! | 20 | u32 | stride: bytes from one row to the next |
//! | 24 | u32 | bytes of pixels that follow |
//! | 28 | u32 | zero |

use tandem_model::pre::{Frame, PixelFormat};

use super::{Container, ImageInfo, IngestError, check_sides};

/// First bytes of a raw image.
pub const RAW_MAGIC: [u8; 8] = *b"TNDMRAW1";

/// Bytes before the pixels.
pub const RAW_HEADER_BYTES: usize = 32;

/// Header for a frame.
pub fn raw_header(frame: &Frame) -> [u8; RAW_HEADER_BYTES] {
    let words = [
        frame.format as u32,
        u32::from(frame.width),
        u32::from(frame.height),
        frame.stride,
        (u64::from(frame.stride) * rows(frame)) as u32,
    ];
    let mut header = [0; RAW_HEADER_BYTES];
    header[..8].copy_from_slice(&RAW_MAGIC);
    for (bytes, word) in header[8..].chunks_exact_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    header
}

/// Rows of `stride` bytes: NV12 has half as many chroma rows again.
fn rows(frame: &Frame) -> u64 {
    match frame.format {
        PixelFormat::Nv12 => u64::from(frame.height) * 3 / 2,
        _ => u64::from(frame.height),
    }
}

pub(super) fn probe(bytes: &[u8]) -> Result<ImageInfo, IngestError> {
    let truncated = IngestError::Truncated { format: "raw" };
    let Some((header, pixels)) = bytes.split_at_checked(RAW_HEADER_BYTES) else {
        return Err(truncated);
    };
    let word = |at: usize| {
        header[at..at + 4].iter().rev().fold(0u32, |word, byte| word << 8 | u32::from(*byte))
    };
    let corrupt = |reason: String| Err(IngestError::Corrupt { format: "raw", reason });
    let format = match word(8) {
        0 => PixelFormat::Rgb8,
        1 => PixelFormat::Nv12,
        other => {
            return Err(IngestError::Unsupported {
                what: format!("Raw pixel format {other}"),
                next: "use 0 for RGB8 or 1 for NV12",
            });
        }
    };
    let (width, height) = check_sides(u64::from(word(12)), u64::from(word(16)))?;
    let frame = Frame { format, width, height, stride: word(20) };
    if format == PixelFormat::Nv12 && (width % 2 != 0 || height % 2 != 0) {
        return corrupt(format!("NV12 needs even sides, the header says {width} x {height}"));
    }
    let row = u32::from(width) * if format == PixelFormat::Rgb8 { 3 } else { 1 };
    if frame.stride < row {
        return corrupt(format!("stride {} is below the row's {row} bytes", frame.stride));
    }
    if word(28) != 0 {
        return corrupt("the reserved word at offset 28 is not zero".to_owned());
    }
    let needs = u64::from(frame.stride) * rows(&frame);
    if u64::from(word(24)) != needs {
        return corrupt(format!("the header says {} bytes, its sides need {needs}", word(24)));
    }
    match (pixels.len() as u64).cmp(&needs) {
        std::cmp::Ordering::Less => Err(truncated),
        std::cmp::Ordering::Greater => {
            corrupt(format!("{} bytes follow the header, which says {needs}", pixels.len()))
        }
        std::cmp::Ordering::Equal => {
            let (container, bytes) = (Container::Raw, pixels.len());
            Ok(ImageInfo { container, frame, bytes, needs: bytes })
        }
    }
}

pub(super) fn decode_into(
    bytes: &[u8],
    info: &ImageInfo,
    slot: &mut [u8],
) -> Result<(), IngestError> {
    match bytes.get(RAW_HEADER_BYTES..RAW_HEADER_BYTES + info.bytes) {
        Some(pixels) => slot[..info.bytes].copy_from_slice(pixels),
        None => return Err(IngestError::Truncated { format: "raw" }),
    }
    Ok(())
}
