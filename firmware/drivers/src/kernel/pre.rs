//! `pre`: its parameters in its registers.

use tandem_model::pre::{Channels, Element, Layout, PixelFormat, PreError, PreParams, Resize};
use tandem_regs::pre::{self, CAPS, FORMAT, PAD, POSITION, SIZE};

use super::KernelError;
use super::job::{KernelKind, Words};

/// The preprocess kernel's map and parameters.
#[derive(Clone, Copy, Debug)]
pub enum Pre {}

impl Pre {
    /// Refuses what the model can do and the register map cannot say.
    ///
    /// # Errors
    /// [`PreError::Range`] with the field.
    pub fn has_registers_for(params: &PreParams) -> Result<(), PreError> {
        let format = matches!(params.frame.format, PixelFormat::Rgb8 | PixelFormat::Nv12);
        let fields = [
            (format, "frame.format"),
            (params.resize == Resize::Bilinear, "resize"),
            (params.channels == Channels::Rgb, "channels"),
            (params.element == Element::U8, "element"),
            (params.kernel3.is_none(), "kernel3"),
            (!params.lut, "lut"),
            (!params.flat, "flat"),
        ];
        let refused = fields.iter().find(|(fits, _)| !fits);
        refused.map_or(Ok(()), |(_, field)| Err(PreError::Range(field)))
    }
}

impl KernelKind for Pre {
    type Params = PreParams;
    const ID: u32 = pre::ID.reset();
    const MAP_HASH: u32 = pre::MAP_HASH;

    fn supports(caps: u32, params: &PreParams) -> Result<(), KernelError> {
        if let Err(PreError::Range(field)) = Self::has_registers_for(params) {
            return Err(KernelError::Unsupported(field));
        }
        let format = match params.frame.format {
            PixelFormat::Rgb8 => (CAPS::RGB8, "RGB frames"),
            PixelFormat::Nv12 => (CAPS::NV12, "NV12 frames"),
            _ => return Err(KernelError::Unsupported("frames of this format")),
        };
        let layout = match params.layout {
            Layout::Planar => (CAPS::PLANAR, "planar tensors"),
            Layout::Interleaved => (CAPS::INTERLEAVED, "interleaved tensors"),
        };
        for (field, what) in [format, layout] {
            if !field.is_set(caps) {
                return Err(KernelError::Unsupported(what));
            }
        }
        let widest = CAPS::MAX_SIDE.read(caps);
        if u32::from(params.crop.w.max(params.width)) > widest {
            return Err(KernelError::Unsupported("rows as wide as this"));
        }
        Ok(())
    }

    fn encode(params: &PreParams, words: &mut Words) {
        let size = |w: u16, h: u16| SIZE::WIDTH.val(w.into()) + SIZE::HEIGHT.val(h.into());
        let position = |x: u16, y: u16| POSITION::X.val(x.into()) + POSITION::Y.val(y.into());
        let PreParams { frame, crop, content, .. } = params;
        words.put(
            pre::FORMAT,
            FORMAT::PIXEL.val(frame.format as u32)
                + FORMAT::LAYOUT.val(params.layout as u32)
                + FORMAT::BAND_ROWS.val(params.band_rows.into()),
        );
        words.put(pre::FRAME_SIZE, size(frame.width, frame.height));
        words.put_word(pre::FRAME_STRIDE, frame.stride);
        words.put(pre::CROP_POS, position(crop.x, crop.y));
        words.put(pre::CROP_SIZE, size(crop.w, crop.h));
        words.put(pre::TENSOR_SIZE, size(params.width, params.height));
        words.put(pre::CONTENT_POS, position(content.x, content.y));
        words.put(pre::CONTENT_SIZE, size(content.w, content.h));
        words.put_word(pre::STEP_X_LO, params.step_x as u32);
        words.put_word(pre::STEP_X_HI, (params.step_x >> 32) as u32);
        words.put_word(pre::STEP_Y_LO, params.step_y as u32);
        words.put_word(pre::STEP_Y_HI, (params.step_y >> 32) as u32);
        let [c0, c1, c2] = params.pad.map(u32::from);
        words.put(pre::PAD, PAD::C0.val(c0) + PAD::C1.val(c1) + PAD::C2.val(c2));
        for (reg, value) in [pre::SCALE_0, pre::SCALE_1, pre::SCALE_2].into_iter().zip(params.scale)
        {
            words.put_word(reg, value.cast_unsigned());
        }
        let offsets = [pre::OFFSET_0, pre::OFFSET_1, pre::OFFSET_2];
        for (reg, value) in offsets.into_iter().zip(params.offset) {
            words.put_word(reg, value.cast_unsigned());
        }
    }
}
