//! `slice`: one int8 layer after another, for a cheap middle of a network.
//!
//! A layer reads a tensor in row, column, channel order and writes another one; the caller swaps
//! the two buffers. Every real number is `scale * (byte - zero)`, with one scale and zero per
//! tensor and one scale per output channel of the weights, as ONNX `QLinearConv` has it.

mod params;
mod run;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use params::Requant;
pub use run::run;

/// Largest width or height of a tensor.
pub const MAX_SIDE: u16 = 1024;
/// Most channels.
pub const MAX_CHANNELS: u16 = 1024;
/// Most products of one output: a dense layer's inputs.
pub const MAX_TAPS: usize = 16384;
/// Largest magnitude of a bias: with [`MAX_TAPS`] products of at most 255 * 128 the sum stays
/// below 2^31.
pub const MAX_BIAS: i32 = 1 << 30;
/// Largest `shift` of a [`Requant`].
pub const MAX_SHIFT: u8 = 31;
/// Bytes of a [`Requant`] in the parameter block.
pub const REQUANT_BYTES: usize = 12;

/// What a layer computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Every output from every input.
    Dense = 0,
    /// Convolution 1 x 1: every output channel from every input channel of the same place.
    Pointwise = 1,
    /// Convolution 3 x 3 of each channel by itself, one place of `zero_in` around the tensor.
    Depthwise = 2,
    /// Greatest of 2 x 2 places; an odd last row or column is left out.
    MaxPool = 3,
    /// Mean of a channel over the whole tensor.
    MeanPool = 4,
}

/// One layer. A tensor of `w x h x c` lies as `(y * w + x) * c + channel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// What it computes.
    pub op: Op,
    /// Width of the input, 1 to [`MAX_SIDE`].
    pub width: u16,
    /// Height of the input, 1 to [`MAX_SIDE`].
    pub height: u16,
    /// Channels of the input, 1 to [`MAX_CHANNELS`].
    pub channels: u16,
    /// Channels of the output, 1 to [`MAX_CHANNELS`]; those of the input for all but dense and
    /// pointwise.
    pub channels_out: u16,
    /// Places from one output to the next, 1 or 2: pointwise and depthwise; 1 for the others.
    pub stride: u8,
    /// Byte that stands for 0 in the input.
    pub zero_in: i8,
    /// Byte that stands for 0 in the output.
    pub zero_out: i8,
    /// Least output: `zero_out` for ReLU.
    pub low: i8,
    /// Greatest output: what stands for 6 for ReLU6.
    pub high: i8,
}

/// Why a layer was refused; names the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SliceError {
    /// A field is outside its range.
    #[error("slice: {0} is out of range")]
    Range(&'static str),
    /// A buffer is too small for what the layer says.
    #[error("slice: {buffer} holds {have} bytes, the layer needs {need}")]
    Short {
        /// Which buffer.
        buffer: &'static str,
        /// Bytes given.
        have: usize,
        /// Bytes needed.
        need: usize,
    },
}
