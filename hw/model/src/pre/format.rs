//! The kernel's enumerations, with their register values.

use serde::{Deserialize, Serialize};

/// Pixel format of a frame in memory.
///
/// The value of a Bayer format is `16 + 4 * depth + order`, with depth 0, 1, 2 for 8, 10, 12 bits
/// and order 0 to 3 for RGGB, GRBG, GBRG, BGGR (the colours of the first two pixels of the first
/// two rows). Samples of 10 and 12 bits lie in the low bits of 16-bit little-endian words, as in
/// V4L2's `SRGGB10` and `SRGGB12`; the bits above are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "snake_case")]
pub enum PixelFormat {
    /// 8-bit R, G, B interleaved.
    Rgb8 = 0,
    /// 8-bit luma plane, then interleaved U, V at half resolution (BT.601, limited range).
    Nv12 = 1,
    /// 8-bit luma only: a mono camera, all of 0 to 255.
    Mono8 = 2,
    /// Y, U, Y, V: chroma at half the horizontal resolution (BT.601, limited range).
    Yuyv = 3,
    /// Bayer RGGB, 8 bits.
    BayerRggb8 = 16,
    /// Bayer GRBG, 8 bits.
    BayerGrbg8 = 17,
    /// Bayer GBRG, 8 bits.
    BayerGbrg8 = 18,
    /// Bayer BGGR, 8 bits.
    BayerBggr8 = 19,
    /// Bayer RGGB, 10 bits in 16.
    BayerRggb10 = 20,
    /// Bayer GRBG, 10 bits in 16.
    BayerGrbg10 = 21,
    /// Bayer GBRG, 10 bits in 16.
    BayerGbrg10 = 22,
    /// Bayer BGGR, 10 bits in 16.
    BayerBggr10 = 23,
    /// Bayer RGGB, 12 bits in 16.
    BayerRggb12 = 24,
    /// Bayer GRBG, 12 bits in 16.
    BayerGrbg12 = 25,
    /// Bayer GBRG, 12 bits in 16.
    BayerGbrg12 = 26,
    /// Bayer BGGR, 12 bits in 16.
    BayerBggr12 = 27,
}

impl PixelFormat {
    /// Every format, by register value.
    pub const ALL: [Self; 16] = [
        Self::Rgb8,
        Self::Nv12,
        Self::Mono8,
        Self::Yuyv,
        Self::BayerRggb8,
        Self::BayerGrbg8,
        Self::BayerGbrg8,
        Self::BayerBggr8,
        Self::BayerRggb10,
        Self::BayerGrbg10,
        Self::BayerGbrg10,
        Self::BayerBggr10,
        Self::BayerRggb12,
        Self::BayerGrbg12,
        Self::BayerGbrg12,
        Self::BayerBggr12,
    ];

    /// The format with this register value.
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0..=3 => Some(Self::ALL[value as usize]),
            16..=27 => Some(Self::ALL[value as usize - 12]),
            _ => None,
        }
    }

    /// One sample per pixel, behind a colour filter array.
    pub const fn is_bayer(self) -> bool {
        self as u8 >= 16
    }

    /// Luma and chroma, not sensor samples: neither LUT nor flat field apply.
    pub const fn is_yuv(self) -> bool {
        matches!(self, Self::Nv12 | Self::Yuyv)
    }

    /// Bits of a sample: 8, 10 or 12.
    pub const fn bits(self) -> u32 {
        match self as u8 {
            20..=23 => 10,
            24..=27 => 12,
            _ => 8,
        }
    }

    /// Bytes of a sample in memory: 1 or 2.
    pub const fn sample_bytes(self) -> usize {
        if self.bits() > 8 { 2 } else { 1 }
    }

    /// Bytes from one pixel to the next in a row (NV12: in both planes, as pairs share chroma).
    pub const fn pixel_bytes(self) -> usize {
        match self {
            Self::Rgb8 => 3,
            Self::Yuyv => 2,
            _ => self.sample_bytes(),
        }
    }

    /// Widths and left edges must be even.
    pub const fn even_x(self) -> bool {
        self.is_yuv() || self.is_bayer()
    }

    /// Heights and top edges must be even.
    pub const fn even_y(self) -> bool {
        matches!(self, Self::Nv12) || self.is_bayer()
    }

    /// Bayer: column and row, 0 or 1 each, of the red sample among the first two by two.
    pub const fn red_at(self) -> (usize, usize) {
        (self as usize & 1, self as usize >> 1 & 1)
    }
}

/// Order of the tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Channel, row, column (CHW).
    Planar = 0,
    /// Row, column, channel (HWC).
    Interleaved = 1,
}

impl Layout {
    /// The layout with this register value.
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::Planar),
            1 => Some(Self::Interleaved),
            _ => None,
        }
    }
}

/// How the crop becomes the content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "lowercase")]
pub enum Resize {
    /// Four taps around the sample's centre.
    #[default]
    Bilinear = 0,
    /// Mean over the area of the source that the sample covers; only for shrinking.
    Area = 1,
}

impl Resize {
    /// The way with this register value.
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::Bilinear),
            1 => Some(Self::Area),
            _ => None,
        }
    }
}

/// Planes of the tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// Red, green, blue.
    #[default]
    Rgb = 0,
    /// Luma of BT.601.
    Grey = 1,
}

impl Channels {
    /// The channels with this register value.
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::Rgb),
            1 => Some(Self::Grey),
            _ => None,
        }
    }

    /// How many: 3 or 1.
    pub const fn count(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Grey => 1,
        }
    }
}

/// Number format of the tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
#[serde(rename_all = "lowercase")]
pub enum Element {
    /// Unsigned byte.
    #[default]
    U8 = 0,
    /// Signed byte.
    I8 = 1,
    /// IEEE binary16, little endian.
    F16 = 2,
}

impl Element {
    /// The element with this register value.
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::U8),
            1 => Some(Self::I8),
            2 => Some(Self::F16),
            _ => None,
        }
    }

    /// Bytes of one element: 1 or 2.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::F16 => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn register_values_are_those_of_the_map() {
        for format in PixelFormat::ALL {
            assert_eq!(PixelFormat::from_u8(format as u8), Some(format));
        }
        let known = (0..=255).filter(|v| PixelFormat::from_u8(*v).is_some());
        assert_eq!(known.count(), PixelFormat::ALL.len());
        assert_eq!(PixelFormat::BayerGbrg12 as u8, 16 + 4 * 2 + 2);
    }

    #[test]
    fn bayer_orders_place_red() {
        assert_eq!(PixelFormat::BayerRggb8.red_at(), (0, 0));
        assert_eq!(PixelFormat::BayerGrbg10.red_at(), (1, 0));
        assert_eq!(PixelFormat::BayerGbrg12.red_at(), (0, 1));
        assert_eq!(PixelFormat::BayerBggr8.red_at(), (1, 1));
    }
}
