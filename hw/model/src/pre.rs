//! `pre`: frame in, tensor out. Samples to colour, crop, 3x3 filter, grey, resize, letterbox,
//! scale and offset, element.

mod area;
mod bayer;
mod bilinear;
pub mod colour;
pub mod element;
mod filter;
mod format;
mod frame;
mod packets;
mod params;
mod rows;
mod run;
pub mod sample;
mod samples;
mod source;
mod store;
mod tables;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use format::{Channels, Element, Layout, PixelFormat, Resize};
pub use packets::packets;
pub use run::preprocess;
pub use tables::{FlatField, Lut, MAX_NODES, Tables};

/// Largest width or height of a frame or tensor, in pixels.
pub const MAX_SIDE: u16 = 8192;
/// Largest distance between two rows of a frame, in bytes.
pub const MAX_STRIDE: u32 = 65536;
/// Most rows of one stream packet.
pub const MAX_BAND_ROWS: u8 = 32;
/// Most stream packets of one tensor: the DMA engine's interrupt threshold has 8 bits.
pub const MAX_PACKETS: u32 = 255;
/// Largest magnitude of a channel's factor in Q16 (256.0): factor times byte fits 34 bits.
pub const MAX_SCALE: i32 = 1 << 24;
/// Largest `step_x` and `step_y`, unsigned Q32.
pub const MAX_STEP: u64 = (MAX_SIDE as u64) << 32;
/// One source sample per tensor sample, unsigned Q32.
pub const UNIT_STEP: u64 = 1 << 32;

/// A frame in memory. NV12's chroma plane follows the luma plane at `stride * height`, with the
/// same stride.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Pixel format.
    pub format: PixelFormat,
    /// Width in pixels, 1 to [`MAX_SIDE`]; even where [`PixelFormat::even_x`] says so.
    pub width: u16,
    /// Height in pixels, 1 to [`MAX_SIDE`]; even where [`PixelFormat::even_y`] says so.
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

/// A 3x3 filter: nine coefficients, signed Q8, row by row. Output pixel (x, y) is the sum of
/// `coefficient[3 * j + i] * pixel(x + i - 1, y + j - 1)`: a correlation, not mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel3(pub [i16; 9]);

/// Everything that one run of the kernel is told. All of it may change between frames.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreParams {
    /// The frame.
    pub frame: Frame,
    /// Part of the frame that is resized; edges even where the format's sides must be.
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
    /// Colour of the padding, 0 to 255 like a pixel: scale, offset and element apply to it.
    /// A grey tensor takes the first.
    pub pad: [u8; 3],
    /// Per-channel factor: signed Q16, magnitude up to [`MAX_SCALE`]; for [`Element::F16`] any
    /// signed Q24. A grey tensor takes the first.
    pub scale: [i32; 3],
    /// Per-channel offset: signed Q16; for [`Element::F16`] signed Q24.
    pub offset: [i32; 3],
    /// Order of the tensor's elements.
    pub layout: Layout,
    /// Rows per stream packet, 1 to 32. Says how the result travels, not what it is.
    pub band_rows: u8,
    /// How the crop becomes the content.
    #[serde(default)]
    pub resize: Resize,
    /// Planes of the tensor.
    #[serde(default)]
    pub channels: Channels,
    /// Number format of the tensor.
    #[serde(default)]
    pub element: Element,
    /// Filter on every colour channel before grey and resize.
    #[serde(default)]
    pub kernel3: Option<Kernel3>,
    /// Samples go through [`Tables::lut`]; not for YUV formats.
    #[serde(default)]
    pub lut: bool,
    /// Samples go through [`Tables::flat`]; not for YUV formats.
    #[serde(default)]
    pub flat: bool,
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
    /// The parameters use a table that was not given.
    #[error("pre: {0} is set, but no such table was given")]
    Missing(&'static str),
}
