//! Images in: JPEG, PNG or raw bytes become a frame in a frame slot.
//!
//! Two steps, so that nothing is allocated for an image that will be refused: [`probe`] reads the
//! headers and holds them against the limits, [`decode_into`] writes the pixels straight into the
//! slot. Both are pure functions over bytes that anyone may have sent.

mod error;
mod jpeg;
mod png;
mod raw;

use tandem_model::pre::{Frame, MAX_SIDE, PixelFormat};

pub use error::IngestError;
pub use raw::{RAW_HEADER_BYTES, RAW_MAGIC, raw_header};

/// How the bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Container {
    /// JPEG, baseline or progressive.
    Jpeg,
    /// PNG.
    Png,
    /// [`RAW_MAGIC`] header and pixels.
    Raw,
}

/// What [`probe`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageInfo {
    /// Container.
    pub container: Container,
    /// The frame as it will lie in the slot.
    pub frame: Frame,
    /// Bytes that the frame occupies.
    pub bytes: usize,
    /// Bytes of the slot that decoding uses (more than `bytes` for a PNG with alpha).
    pub needs: usize,
}

/// Reads the headers and checks every limit; `capacity` is the frame slot's size in bytes.
pub fn probe(bytes: &[u8], capacity: usize) -> Result<ImageInfo, IngestError> {
    let info = match container(bytes)? {
        Container::Jpeg => jpeg::probe(bytes)?,
        Container::Png => png::probe(bytes)?,
        Container::Raw => raw::probe(bytes)?,
    };
    if info.needs > capacity {
        return Err(IngestError::SlotTooSmall { needs: info.needs, capacity });
    }
    Ok(info)
}

/// Decodes into the slot. `info` must be [`probe`]'s answer for the same bytes and a capacity of
/// at least `slot.len()`; the first `info.bytes` of the slot are the frame then. After an error the
/// slot's contents are unspecified.
pub fn decode_into(bytes: &[u8], info: &ImageInfo, slot: &mut [u8]) -> Result<(), IngestError> {
    if slot.len() < info.needs {
        return Err(IngestError::SlotTooSmall { needs: info.needs, capacity: slot.len() });
    }
    match info.container {
        Container::Jpeg => jpeg::decode_into(bytes, info, slot),
        Container::Png => png::decode_into(bytes, info, slot),
        Container::Raw => raw::decode_into(bytes, info, slot),
    }
}

/// [`probe`] and [`decode_into`] in one.
pub fn decode(bytes: &[u8], slot: &mut [u8]) -> Result<ImageInfo, IngestError> {
    let info = probe(bytes, slot.len())?;
    decode_into(bytes, &info, slot)?;
    Ok(info)
}

fn container(bytes: &[u8]) -> Result<Container, IngestError> {
    if bytes.is_empty() {
        return Err(IngestError::Empty);
    }
    let containers = [
        (Container::Jpeg, &jpeg::MAGIC[..]),
        (Container::Png, &png::MAGIC[..]),
        (Container::Raw, &RAW_MAGIC[..]),
    ];
    for (container, magic) in containers {
        if bytes.starts_with(magic) {
            return Ok(container);
        }
        if magic.starts_with(bytes) {
            return Err(IngestError::Truncated { format: container.name() });
        }
    }
    Err(IngestError::Format)
}

impl Container {
    fn name(self) -> &'static str {
        match self {
            Container::Jpeg => "JPEG",
            Container::Png => "PNG",
            Container::Raw => "raw",
        }
    }
}

/// Width and height within 1 to [`MAX_SIDE`].
fn check_sides(width: u64, height: u64) -> Result<(u16, u16), IngestError> {
    if width == 0 || height == 0 {
        return Err(IngestError::ZeroSize { width, height });
    }
    match (u16::try_from(width), u16::try_from(height)) {
        (Ok(w), Ok(h)) if w <= MAX_SIDE && h <= MAX_SIDE => Ok((w, h)),
        _ => Err(IngestError::TooLarge { width, height }),
    }
}

/// A tightly packed RGB frame that needs `channels` bytes a pixel while it is decoded.
fn rgb_frame(container: Container, sides: (u16, u16), channels: usize) -> ImageInfo {
    let (width, height) = sides;
    let pixels = usize::from(width) * usize::from(height);
    let stride = u32::from(width) * 3;
    ImageInfo {
        container,
        frame: Frame { format: PixelFormat::Rgb8, width, height, stride },
        bytes: pixels * 3,
        needs: pixels * channels.max(3),
    }
}

#[cfg(test)]
mod tests;
