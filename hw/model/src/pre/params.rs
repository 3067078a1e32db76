//! Parameters: letterbox geometry, sizes, and what is refused.

use super::{
    Frame, Layout, MAX_BAND_ROWS, MAX_PACKETS, MAX_SCALE, MAX_SIDE, MAX_STEP, MAX_STRIDE,
    PixelFormat, PreError, PreParams, Rect,
};

impl PixelFormat {
    /// The format with this register value.
    pub const fn from_u8(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::Rgb8),
            1 => Some(Self::Nv12),
            _ => None,
        }
    }
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

impl Frame {
    /// An RGB frame without gaps between rows.
    pub const fn rgb8(width: u16, height: u16) -> Self {
        Self { format: PixelFormat::Rgb8, width, height, stride: 3 * width as u32 }
    }

    /// An NV12 frame without gaps between rows.
    pub const fn nv12(width: u16, height: u16) -> Self {
        Self { format: PixelFormat::Nv12, width, height, stride: width as u32 }
    }

    /// All of it.
    pub const fn full(&self) -> Rect {
        Rect { x: 0, y: 0, w: self.width, h: self.height }
    }

    /// Bytes of one luma or RGB row without the gap behind it.
    pub const fn row_bytes(&self) -> usize {
        match self.format {
            PixelFormat::Rgb8 => 3 * self.width as usize,
            PixelFormat::Nv12 => self.width as usize,
        }
    }

    /// Bytes of the frame, gaps included.
    pub const fn bytes(&self) -> usize {
        let plane = self.stride as usize * self.height as usize;
        match self.format {
            PixelFormat::Rgb8 => plane,
            PixelFormat::Nv12 => plane + plane / 2,
        }
    }

    /// Refuses what the kernel cannot read.
    pub fn validate(&self) -> Result<(), PreError> {
        let odd = |side: u16| self.format == PixelFormat::Nv12 && side % 2 == 1;
        check(side(self.width) && !odd(self.width), "frame.width")?;
        check(side(self.height) && !odd(self.height), "frame.height")?;
        let stride = self.stride as usize >= self.row_bytes() && self.stride <= MAX_STRIDE;
        check(stride, "frame.stride")
    }
}

impl PreParams {
    /// The usual letterbox: the crop keeps its aspect, is as large as fits, and is centred.
    ///
    /// `r = min(width / crop.w, height / crop.h)`; each side of the content is `crop * r` rounded
    /// half up, at least 1; an odd margin is the smaller one at the left and top. Scale is 1,
    /// offset 0. `band_rows` is the least that keeps a planar tensor within [`MAX_PACKETS`].
    pub fn letterbox(
        frame: Frame,
        crop: Rect,
        width: u16,
        height: u16,
        pad: [u8; 3],
        layout: Layout,
    ) -> Result<Self, PreError> {
        frame.validate()?;
        check_crop(&frame, &crop)?;
        check(side(width), "width")?;
        check(side(height), "height")?;
        let (w, h) = fit(crop, width, height);
        let content = Rect { x: (width - w) / 2, y: (height - h) / 2, w, h };
        let params = Self {
            frame,
            crop,
            width,
            height,
            content,
            step_x: step(crop.w, w),
            step_y: step(crop.h, h),
            pad,
            scale: [1 << 16; 3],
            offset: [0; 3],
            layout,
            band_rows: u32::from(height).div_ceil(MAX_PACKETS / 3).min(u32::from(MAX_BAND_ROWS))
                as u8,
        };
        params.validate()?;
        Ok(params)
    }

    /// Refuses what the kernel cannot do; names the field.
    pub fn validate(&self) -> Result<(), PreError> {
        self.frame.validate()?;
        check_crop(&self.frame, &self.crop)?;
        check(side(self.width), "width")?;
        check(side(self.height), "height")?;
        let inside =
            |at: u16, len: u16, of: u16| len > 0 && u32::from(at) + u32::from(len) <= u32::from(of);
        let Rect { x, y, w, h } = self.content;
        check(inside(x, w, self.width) && inside(y, h, self.height), "content")?;
        check((1..=MAX_STEP).contains(&self.step_x), "step_x")?;
        check((1..=MAX_STEP).contains(&self.step_y), "step_y")?;
        check(self.scale.iter().all(|s| (-MAX_SCALE..=MAX_SCALE).contains(s)), "scale")?;
        check((1..=MAX_BAND_ROWS).contains(&self.band_rows), "band_rows")?;
        check(self.packet_count() <= MAX_PACKETS, "band_rows")
    }

    /// Bytes of the frame that must be there.
    pub fn frame_bytes(&self) -> usize {
        self.frame.bytes()
    }

    /// Bytes of the tensor.
    pub fn tensor_bytes(&self) -> usize {
        3 * usize::from(self.width) * usize::from(self.height)
    }

    /// Stream packets of the tensor (see [`super::packets`]).
    pub fn packet_count(&self) -> u32 {
        let bands = u32::from(self.height).div_ceil(u32::from(self.band_rows.max(1)));
        match self.layout {
            Layout::Planar => 3 * bands,
            Layout::Interleaved => bands,
        }
    }
}

fn check(good: bool, field: &'static str) -> Result<(), PreError> {
    if good { Ok(()) } else { Err(PreError::Range(field)) }
}

fn side(value: u16) -> bool {
    (1..=MAX_SIDE).contains(&value)
}

fn check_crop(frame: &Frame, crop: &Rect) -> Result<(), PreError> {
    let inside =
        |at: u16, len: u16, of: u16| len > 0 && u32::from(at) + u32::from(len) <= u32::from(of);
    let odd = (crop.x | crop.y | crop.w | crop.h) % 2 == 1;
    check(inside(crop.x, crop.w, frame.width) && inside(crop.y, crop.h, frame.height), "crop")?;
    check(frame.format != PixelFormat::Nv12 || !odd, "crop")
}

/// Largest width and height of the crop's aspect inside the tensor.
fn fit(crop: Rect, width: u16, height: u16) -> (u16, u16) {
    let [cw, ch, w, h] = [crop.w, crop.h, width, height].map(u64::from);
    let scaled = |dim: u64, to: u64, from: u64, limit: u16| -> u16 {
        ((2 * dim * to + from) / (2 * from)).clamp(1, u64::from(limit)) as u16
    };
    // width / crop.w <= height / crop.h, without division.
    if w * ch <= h * cw {
        (width, scaled(ch, w, cw, height))
    } else {
        (scaled(cw, h, ch, width), height)
    }
}

/// Source samples per output sample, Q32, rounded down.
fn step(source: u16, content: u16) -> u64 {
    (u64::from(source) << 32) / u64::from(content)
}
