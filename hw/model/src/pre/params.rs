//! Parameters: letterbox geometry, sizes, and what is refused.

use super::{
    Channels, Element, Frame, Layout, MAX_BAND_ROWS, MAX_PACKETS, MAX_SCALE, MAX_SIDE, MAX_STEP,
    PreError, PreParams, Rect, Resize, UNIT_STEP, tables,
};

impl PreParams {
    /// The usual letterbox: the crop keeps its aspect, is as large as fits, and is centred.
    ///
    /// `r = min(width / crop.w, height / crop.h)`; each side of the content is `crop * r` rounded
    /// half up, at least 1; an odd margin is the smaller one at the left and top. Scale is 1,
    /// offset 0, the element u8. A side that shrinks by more than 2 makes it [`Resize::Area`].
    /// `band_rows` is the least that keeps a planar tensor within [`MAX_PACKETS`].
    pub fn letterbox(
        frame: Frame,
        crop: Rect,
        width: u16,
        height: u16,
        pad: [u8; 3],
        layout: Layout,
    ) -> Result<Self, PreError> {
        frame.validate()?;
        frame.check_crop(&crop)?;
        check(side(width), "width")?;
        check(side(height), "height")?;
        let (w, h) = fit(crop, width, height);
        let content = Rect { x: (width - w) / 2, y: (height - h) / 2, w, h };
        let (step_x, step_y) = (step(crop.w, w), step(crop.h, h));
        let params = Self {
            frame,
            crop,
            width,
            height,
            content,
            step_x,
            step_y,
            pad,
            scale: [1 << 16; 3],
            offset: [0; 3],
            layout,
            band_rows: u32::from(height).div_ceil(MAX_PACKETS / 3).min(u32::from(MAX_BAND_ROWS))
                as u8,
            resize: usual_resize(step_x, step_y),
            channels: Channels::Rgb,
            element: Element::U8,
            kernel3: None,
            lut: false,
            flat: false,
        };
        params.validate()?;
        Ok(params)
    }

    /// The same with this resize. [`Resize::Area`] is refused by [`Self::validate`] where a side
    /// grows.
    #[must_use]
    pub const fn with_resize(mut self, resize: Resize) -> Self {
        self.resize = resize;
        self
    }

    /// Refuses what the kernel cannot do; names the field.
    pub fn validate(&self) -> Result<(), PreError> {
        self.frame.validate()?;
        self.frame.check_crop(&self.crop)?;
        check(side(self.width), "width")?;
        check(side(self.height), "height")?;
        let Rect { x, y, w, h } = self.content;
        check(inside(x, w, self.width) && inside(y, h, self.height), "content")?;
        check((1..=MAX_STEP).contains(&self.step_x), "step_x")?;
        check((1..=MAX_STEP).contains(&self.step_y), "step_y")?;
        if self.resize == Resize::Area {
            check(area_fits(self.step_x, w, self.crop.w), "step_x")?;
            check(area_fits(self.step_y, h, self.crop.h), "step_y")?;
        }
        let narrow = self.scale.iter().all(|s| (-MAX_SCALE..=MAX_SCALE).contains(s));
        check(narrow || self.element == Element::F16, "scale")?;
        tables::check_use(self)?;
        check((1..=MAX_BAND_ROWS).contains(&self.band_rows), "band_rows")?;
        check(self.packet_count() <= MAX_PACKETS, "band_rows")
    }

    /// Bytes of the frame that must be there.
    pub fn frame_bytes(&self) -> usize {
        self.frame.bytes()
    }

    /// Bytes of the tensor.
    pub fn tensor_bytes(&self) -> usize {
        self.planes() * usize::from(self.height) * self.row_bytes()
    }

    /// Planes of the tensor in memory, one behind the other: 1 if interleaved or grey, else 3.
    pub fn planes(&self) -> usize {
        match self.layout {
            Layout::Planar => self.channels.count(),
            Layout::Interleaved => 1,
        }
    }

    /// Bytes of one row of one plane.
    pub fn row_bytes(&self) -> usize {
        let elements = self.channels.count() / self.planes() * usize::from(self.width);
        elements * self.element.bytes()
    }

    /// Stream packets of the tensor (see [`super::packets`]).
    pub fn packet_count(&self) -> u32 {
        let bands = u32::from(self.height).div_ceil(u32::from(self.band_rows.max(1)));
        self.planes() as u32 * bands
    }
}

pub(super) fn check(good: bool, field: &'static str) -> Result<(), PreError> {
    if good { Ok(()) } else { Err(PreError::Range(field)) }
}

pub(super) fn side(value: u16) -> bool {
    (1..=MAX_SIDE).contains(&value)
}

pub(super) fn inside(at: u16, len: u16, of: u16) -> bool {
    len > 0 && u32::from(at) + u32::from(len) <= u32::from(of)
}

/// Area where a side shrinks by more than 2 (bilinear would skip pixels) and none grows.
fn usual_resize(step_x: u64, step_y: u64) -> Resize {
    let (least, most) = (step_x.min(step_y), step_x.max(step_y));
    if most > 2 * UNIT_STEP && least >= UNIT_STEP { Resize::Area } else { Resize::Bilinear }
}

/// The side does not grow, and the last sample's area ends inside the crop.
fn area_fits(step: u64, content: u16, crop: u16) -> bool {
    // At most 2^45 * 2^13.
    step >= UNIT_STEP && step * u64::from(content) <= u64::from(crop) << 32
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
