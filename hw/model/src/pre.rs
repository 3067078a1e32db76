//! `pre`: frame in, tensor out. Crop, bilinear resize, letterbox, per-channel scale and offset.

pub mod colour;
mod packets;
mod params;
mod run;
pub mod sample;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use packets::packets;
pub use run::preprocess;

/// Largest width or height of a frame or tensor, in pixels.
pub const MAX_SIDE: u16 = 8192;
/// Largest distance between two rows of a frame, in bytes.
pub const MAX_STRIDE: u32 = 65536;
/// Most rows of one stream packet.
pub const MAX_BAND_ROWS: u8 = 32;
/// Most stream packets of one tensor: the DMA engine's interrupt threshold has 8 bits.
pub const MAX_PACKETS: u32 = 255;
/// Largest magnitude of a channel's factor, signed Q16 (256.0): factor times byte fits 34 bits.
pub const MAX_SCALE: i32 = 1 << 24;
/// Largest `step_x` and `step_y`, unsigned Q32.
pub const MAX_STEP: u64 = (MAX_SIDE as u64) << 32;

/// Pixel format of a frame in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "lowercase")]
pub enum PixelFormat {
    /// 8-bit R, G, B interleaved.
    Rgb8 = 0,
    /// 8-bit luma plane, then interleaved U, V at half resolution (BT.601, limited range).
    Nv12 = 1,
}

/// Order of the tensor's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Channel, row, column (CHW).
    Planar = 0,
    /// Row, column, channel (HWC).
    Interleaved = 1,
}

/// A frame in memory. NV12's chroma plane follows the luma plane at `stride * height`, with the
/// same stride.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Pixel format.
    pub format: PixelFormat,
    /// Width in pixels, 1 to [`MAX_SIDE`]; even for NV12.
    pub width: u16,
    /// Height in pixels, 1 to [`MAX_SIDE`]; even for NV12.
    pub height: u16,
    /// Bytes from one row to the next, up to [`MAX_STRIDE`].
    pub stride: u32,
}

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rect {
    /// Left edge.
    pub x: u16,
    /// Top edge.
    pub y: u16,
    /// Width.
    pub w: u16,
    /// Height.
    pub h: u16,
}

/// Everything that one run of the kernel is told. All of it may change between frames.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreParams {
    /// The frame.
    pub frame: Frame,
    /// Part of the frame that is resized (even edges for NV12).
    pub crop: Rect,
    /// Tensor width in pixels.
    pub width: u16,
    /// Tensor height in pixels.
    pub height: u16,
    /// Part of the tensor that the resized crop fills; the rest is `pad`.
    pub content: Rect,
    /// Source columns per tensor column, unsigned Q32 (`crop.w * 2^32 / content.w`, rounded down).
    pub step_x: u64,
    /// Source rows per tensor row, unsigned Q32.
    pub step_y: u64,
    /// Value of the padding per channel (in the tensor's domain: scale and offset do not apply).
    pub pad: [u8; 3],
    /// Per-channel factor, signed Q16, magnitude up to [`MAX_SCALE`].
    pub scale: [i32; 3],
    /// Per-channel offset, signed Q16.
    pub offset: [i32; 3],
    /// Byte order of the tensor.
    pub layout: Layout,
    /// Rows per stream packet, 1 to 32. Says how the result travels, not what it is.
    pub band_rows: u8,
}

/// Why parameters were refused; names the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PreError {
    /// A field is outside its range.
    #[error("pre: {0} is out of range")]
    Range(&'static str),
    /// A buffer is too small for what the parameters say.
    #[error("pre: {buffer} holds {have} bytes, the parameters need {need}")]
    Short {
        /// Which buffer.
        buffer: &'static str,
        /// Bytes given.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
}
