//! Sizes, the parameter block, and what is refused.

use super::{
    Layer, MAX_BIAS, MAX_CHANNELS, MAX_SHIFT, MAX_SIDE, MAX_TAPS, Op, REQUANT_BYTES, SliceError,
};

/// How a sum of products becomes a byte: `bias` is added, then it is multiplied by
/// `multiplier / 2^(31 + shift)`, which is `scale_in * scale_weight / scale_out`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requant {
    /// In units of `scale_in * scale_weight`, magnitude up to [`MAX_BIAS`].
    pub bias: i32,
    /// Q31, not negative.
    pub multiplier: i32,
    /// 0 to [`MAX_SHIFT`].
    pub shift: u8,
}

impl Requant {
    /// From the parameter block: bias and multiplier as i32, shift as u32, little endian.
    pub const fn from_bytes(bytes: &[u8; REQUANT_BYTES]) -> Option<Self> {
        let [b0, b1, b2, b3, m0, m1, m2, m3, shift, 0, 0, 0] = *bytes else { return None };
        let bias = i32::from_le_bytes([b0, b1, b2, b3]);
        let multiplier = i32::from_le_bytes([m0, m1, m2, m3]);
        let fits = bias.unsigned_abs() <= MAX_BIAS as u32 && multiplier >= 0 && shift <= MAX_SHIFT;
        if fits { Some(Self { bias, multiplier, shift }) } else { None }
    }

    /// As in the parameter block.
    pub fn to_bytes(self) -> [u8; REQUANT_BYTES] {
        let mut bytes = [0; REQUANT_BYTES];
        bytes[..4].copy_from_slice(&self.bias.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.multiplier.to_le_bytes());
        bytes[8] = self.shift;
        bytes
    }

    /// `zero + (((sum + bias) * multiplier + 2^(30 + shift)) >> (31 + shift))` within `low` and
    /// `high`. The product has 62 bits, the rounding term at most 61.
    pub fn byte(self, sum: i32, layer: &Layer) -> i8 {
        let total = i64::from(sum) + i64::from(self.bias);
        let scaled = (total * i64::from(self.multiplier) + (1 << (30 + self.shift)))
            >> (31 + u32::from(self.shift));
        let (low, high) = (i64::from(layer.low), i64::from(layer.high));
        (i64::from(layer.zero_out) + scaled).clamp(low, high) as i8
    }
}

impl Layer {
    /// Width, height and channels of the output.
    pub fn output_shape(&self) -> [usize; 3] {
        let [w, h] = [self.width, self.height].map(usize::from);
        let out = usize::from(self.channels_out);
        match self.op {
            Op::Dense | Op::MeanPool => [1, 1, out],
            Op::MaxPool => [w / 2, h / 2, out],
            Op::Pointwise | Op::Depthwise => {
                let stride = usize::from(self.stride);
                [w.div_ceil(stride), h.div_ceil(stride), out]
            }
        }
    }

    /// Bytes of the input.
    pub fn input_bytes(&self) -> usize {
        usize::from(self.width) * usize::from(self.height) * usize::from(self.channels)
    }

    /// Bytes of the output.
    pub fn output_bytes(&self) -> usize {
        self.output_shape().iter().product()
    }

    /// [`Requant`]s at the start of the parameter block: one an output channel, one for a mean,
    /// none for a maximum, which keeps the input's scale.
    pub fn requants(&self) -> usize {
        match self.op {
            Op::Dense | Op::Pointwise | Op::Depthwise => usize::from(self.channels_out),
            Op::MeanPool => 1,
            Op::MaxPool => 0,
        }
    }

    /// Weights of one output channel, i8 each. Dense: in the input's order. Pointwise: by input
    /// channel. Depthwise: nine, row by row.
    pub fn taps(&self) -> usize {
        match self.op {
            Op::Dense => self.input_bytes(),
            Op::Pointwise => usize::from(self.channels),
            Op::Depthwise => 9,
            Op::MaxPool | Op::MeanPool => 0,
        }
    }

    /// Bytes of the parameter block: [`Layer::requants`], then the weights of the first output
    /// channel, of the second, and so on.
    pub fn params_bytes(&self) -> usize {
        self.requants() * REQUANT_BYTES + self.taps() * usize::from(self.channels_out)
    }

    /// Refuses what the kernel cannot do; names the field.
    pub fn validate(&self) -> Result<(), SliceError> {
        let side = |value: u16| (1..=MAX_SIDE).contains(&value);
        let channels = |value: u16| (1..=MAX_CHANNELS).contains(&value);
        check(side(self.width), "width")?;
        check(side(self.height), "height")?;
        check(channels(self.channels), "channels")?;
        check(channels(self.channels_out), "channels_out")?;
        let mixes = matches!(self.op, Op::Dense | Op::Pointwise);
        check(mixes || self.channels_out == self.channels, "channels_out")?;
        let strides = matches!(self.op, Op::Pointwise | Op::Depthwise);
        check(self.stride == 1 || (strides && self.stride == 2), "stride")?;
        check(self.low <= self.high, "low")?;
        let least = if self.op == Op::MaxPool { 2 } else { 1 };
        check(self.width >= least, "width")?;
        check(self.height >= least, "height")?;
        check(self.taps() <= MAX_TAPS, "channels")?;
        // A maximum has no scale of its own.
        check(self.op != Op::MaxPool || self.zero_in == self.zero_out, "zero_out")
    }
}

fn check(good: bool, field: &'static str) -> Result<(), SliceError> {
    if good { Ok(()) } else { Err(SliceError::Range(field)) }
}
