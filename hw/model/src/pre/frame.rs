//! Sizes of a frame, and what of it is refused.

use super::params::{check, inside, side};
use super::{Frame, MAX_STRIDE, PixelFormat, PreError, Rect};

impl Frame {
    /// A frame without gaps between rows.
    pub const fn packed(format: PixelFormat, width: u16, height: u16) -> Self {
        Self { format, width, height, stride: format.pixel_bytes() as u32 * width as u32 }
    }

    /// An RGB frame without gaps between rows.
    pub const fn rgb8(width: u16, height: u16) -> Self {
        Self::packed(PixelFormat::Rgb8, width, height)
    }

    /// An NV12 frame without gaps between rows.
    pub const fn nv12(width: u16, height: u16) -> Self {
        Self::packed(PixelFormat::Nv12, width, height)
    }

    /// All of it.
    pub const fn full(&self) -> Rect {
        Rect { x: 0, y: 0, w: self.width, h: self.height }
    }

    /// Bytes of one row (NV12: of luma) without the gap behind it.
    pub const fn row_bytes(&self) -> usize {
        self.format.pixel_bytes() * self.width as usize
    }

    /// Bytes of the frame, gaps included.
    pub const fn bytes(&self) -> usize {
        let plane = self.stride as usize * self.height as usize;
        match self.format {
            PixelFormat::Nv12 => plane + plane / 2,
            _ => plane,
        }
    }

    /// Refuses what the kernel cannot read.
    pub fn validate(&self) -> Result<(), PreError> {
        let good = |len: u16, even: bool| side(len) && !(even && len % 2 == 1);
        check(good(self.width, self.format.even_x()), "frame.width")?;
        check(good(self.height, self.format.even_y()), "frame.height")?;
        let stride = self.stride as usize >= self.row_bytes() && self.stride <= MAX_STRIDE;
        check(stride, "frame.stride")
    }

    /// Refuses a crop that is not inside, or that cuts what the format shares between pixels.
    pub(super) fn check_crop(&self, crop: &Rect) -> Result<(), PreError> {
        let odd_x = (crop.x | crop.w) % 2 == 1;
        let odd_y = (crop.y | crop.h) % 2 == 1;
        check(inside(crop.x, crop.w, self.width) && inside(crop.y, crop.h, self.height), "crop")?;
        check(!(self.format.even_x() && odd_x || self.format.even_y() && odd_y), "crop")
    }
}
