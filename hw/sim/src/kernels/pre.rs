//! `pre`: one packet of the crop's bytes in, the tensor's packets out.

use std::ops::Range;

use tandem_model::pre::{
    Channels, Element, Frame, Layout, PixelFormat, PreParams, Rect, Resize, Tables, packets,
    preprocess,
};
use tandem_regs::pre as map;
use tandem_regs::pre::offset;

use super::gather::{Gather, Order};
use super::{Core, Identity, ParamFile, Status, halves};

/// The `pre` kernel's work. Its buffers grow to the largest job.
#[derive(Default)]
pub struct PreCore {
    params: Option<PreParams>,
    input: Gather,
    tensor: Vec<u8>,
    packets: Vec<Range<usize>>,
}

fn rect(position: u32, size: u32) -> Rect {
    let ((x, y), (w, h)) = (halves(position), halves(size));
    Rect { x, y, w, h }
}

/// The formats of the register map; the model knows more.
fn pixel_format(value: u32) -> Option<PixelFormat> {
    let format = PixelFormat::from_u8(value as u8)?;
    matches!(format, PixelFormat::Rgb8 | PixelFormat::Nv12).then_some(format)
}

/// The parameters in the registers, as written; `None` for a format or layout that does not exist.
pub fn decode(params: &ParamFile) -> Option<PreParams> {
    let word = |at: u32| params.get(at);
    let wide = |low: u32, high: u32| u64::from(word(high)) << 32 | u64::from(word(low));
    let format = word(offset::FORMAT);
    let (width, height) = halves(word(offset::FRAME_SIZE));
    let (tensor_width, tensor_height) = halves(word(offset::TENSOR_SIZE));
    let pad = word(offset::PAD);
    Some(PreParams {
        frame: Frame {
            format: pixel_format(map::FORMAT::PIXEL.read(format))?,
            width,
            height,
            stride: word(offset::FRAME_STRIDE),
        },
        crop: rect(word(offset::CROP_POS), word(offset::CROP_SIZE)),
        width: tensor_width,
        height: tensor_height,
        content: rect(word(offset::CONTENT_POS), word(offset::CONTENT_SIZE)),
        step_x: wide(offset::STEP_X_LO, offset::STEP_X_HI),
        step_y: wide(offset::STEP_Y_LO, offset::STEP_Y_HI),
        pad: [pad as u8, (pad >> 8) as u8, (pad >> 16) as u8],
        scale: [offset::SCALE_0, offset::SCALE_1, offset::SCALE_2].map(|at| word(at) as i32),
        offset: [offset::OFFSET_0, offset::OFFSET_1, offset::OFFSET_2].map(|at| word(at) as i32),
        layout: Layout::from_u8(map::FORMAT::LAYOUT.read(format) as u8)?,
        band_rows: map::FORMAT::BAND_ROWS.read(format) as u8,
        resize: Resize::Bilinear,
        channels: Channels::Rgb,
        element: Element::U8,
        kernel3: None,
        lut: false,
        flat: false,
    })
}

/// The same job on a frame that is the crop and nothing else: what the stream carries.
fn on_stream(mut params: PreParams) -> PreParams {
    let Rect { w, h, .. } = params.crop;
    params.frame = Frame::packed(params.frame.format, w, h);
    params.crop = params.frame.full();
    params
}

impl Core for PreCore {
    fn identity(&self) -> Identity {
        Identity {
            id: map::ID.reset(),
            version: map::VERSION.reset(),
            caps: map::CAPS.reset(),
            map_hash: map::MAP_HASH,
        }
    }

    fn param_mask(&self, at: u32) -> u32 {
        match at {
            offset::FORMAT | offset::PAD => 0x00FF_FFFF,
            offset::FRAME_SIZE..=offset::OFFSET_2 if at.is_multiple_of(4) => u32::MAX,
            _ => 0,
        }
    }

    fn configure(&mut self, params: &ParamFile) -> Result<(), Status> {
        let params = decode(params).ok_or(Status::Refused)?;
        params.validate().map_err(|_| Status::Refused)?;
        let params = on_stream(params);
        params.validate().map_err(|_| Status::Refused)?;
        let order = match params.frame.format {
            PixelFormat::Nv12 => Order::Nv12 {
                row: usize::from(params.frame.width),
                rows: usize::from(params.frame.height),
            },
            _ => Order::Linear,
        };
        let bytes = params.frame_bytes();
        self.input.expect(bytes, bytes, order);
        if self.tensor.len() < params.tensor_bytes() {
            self.tensor.resize(params.tensor_bytes(), 0);
        }
        self.packets.clear();
        self.packets.extend(packets(&params).map(|(at, len)| at..at + len));
        self.params = Some(params);
        Ok(())
    }

    fn input(&mut self) -> &mut Gather {
        &mut self.input
    }

    fn run(&mut self) -> Result<(), Status> {
        let params = self.params.as_ref().ok_or(Status::Refused)?;
        let tensor = &mut self.tensor[..params.tensor_bytes()];
        preprocess(params, &Tables::NONE, self.input.bytes(), tensor).map_err(|_| Status::Refused)
    }

    fn packet(&self, index: usize) -> Option<Range<usize>> {
        self.packets.get(index).cloned()
    }

    fn output(&self) -> &[u8] {
        &self.tensor
    }
}
